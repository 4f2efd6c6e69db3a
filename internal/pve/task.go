package pve

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// TaskStatus is how a task is doing.
type TaskStatus struct {
	UPID       UPID      `pve:"upid"`
	Node       string    `pve:"node"`
	Type       string    `pve:"type"`
	ID         string    `pve:"id"`
	User       string    `pve:"user"`
	TokenID    string    `pve:"tokenid"`
	PID        int       `pve:"pid"`
	StartTime  time.Time `pve:"starttime"`
	State      string    `pve:"status"`     // running or stopped
	ExitStatus string    `pve:"exitstatus"` // empty while running
	Odd        []string  `pve:",odd"`
}

// Running reports whether the task has not ended.
func (t TaskStatus) Running() bool { return t.State == "running" }

var warningsForm = regexp.MustCompile(`^WARNINGS: (\d+)$`)

// Warnings is the number of warnings of a task that succeeded with some.
func (t TaskStatus) Warnings() int {
	m := warningsForm.FindStringSubmatch(t.ExitStatus)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil { // more digits than any log has lines
		return 1
	}
	return n
}

// Err is nil while the task runs and after success, warnings included; otherwise a *TaskError with the exit text.
func (t TaskStatus) Err() error {
	if t.Running() {
		return nil
	}
	return exitError(t.UPID, t.ExitStatus)
}

func exitError(u UPID, exit string) error {
	if exit == "OK" || warningsForm.MatchString(exit) {
		return nil
	}
	return &TaskError{UPID: u, Exit: exit}
}

// TaskStatus reads the state of a task at the node that runs it. Own tasks need no privilege, others Sys.Audit.
func (c *Client) TaskStatus(ctx context.Context, u UPID) (TaskStatus, error) {
	return fetch[TaskStatus](ctx, c, get("/nodes/{node}/tasks/{upid}/status", u.Node(), u))
}

// TaskLine is a line of a task's log.
type TaskLine struct {
	Number int      `pve:"n"` // from 1
	Text   string   `pve:"t"`
	Odd    []string `pve:",odd"`
}

// What the server writes in place of the lines of a log that is empty, or that it cannot read (pve-common Tools.pm).
const (
	noContent  = "no content"
	unreadable = "unable to open file - "
)

// TaskLog reads up to limit lines of a log after the first start lines; limit 0 means all. A log that has no line yet
// is empty.
func (c *Client) TaskLog(ctx context.Context, u UPID, start, limit int) ([]TaskLine, error) {
	page := struct {
		Start int  `pve:"start"`
		Limit *int `pve:"limit"`
	}{start, &limit}
	r := get("/nodes/{node}/tasks/{upid}/log", u.Node(), u).with(page)
	lines, err := fetch[[]TaskLine](ctx, c, r)
	if err != nil || len(lines) != 1 {
		return lines, err
	}
	switch only := lines[0].Text; {
	case only == noContent:
		return nil, nil
	case strings.HasPrefix(only, unreadable):
		return nil, &AnswerError{Method: r.method, Path: fillPath(r.pattern, r.args), Status: 200, Problem: only}
	}
	return lines, nil
}

// Abort ends a running task. The server waits up to 5 s for it to clean up before it kills it, which can leave locks
// and disks behind (pve-common RESTEnvironment.pm). Others' tasks need Sys.Modify on the node. Aborting a task that has ended does nothing.
func (c *Client) Abort(ctx context.Context, u UPID) error {
	return c.run(ctx, del("/nodes/{node}/tasks/{upid}", u.Node(), u))
}
