package pvesim

import (
	"regexp"
	"strings"
	"time"
)

var upidText = regexp.MustCompile(`^UPID:([a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9}):([0-9A-Fa-f]{8}):([^:\s]+):([^:\s]*):([^:\s]+):$`)

// knownTask finds the task of the path and checks that the caller may see it: own ones, or with priv on the node.
func (c *call) knownTask(priv string) (*task, error) {
	m := upidText.FindStringSubmatch(c.params["upid"])
	if m == nil {
		return nil, invalidParam("upid", "unable to parse worker upid")
	}
	owner := m[7] == c.user.String() || strings.HasPrefix(m[7], c.user.String()+"!")
	if !owner {
		if err := c.may("/nodes/"+c.node.name, priv); err != nil {
			return nil, err
		}
	}
	t := c.sim.world.tasks.byUPID[c.params["upid"]]
	if t != nil && t.node != c.node {
		t = nil
	}
	return t, nil
}

func taskStatus(c *call) (any, error) {
	t, err := c.knownTask("Sys.Audit")
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, invalidParam("upid", "no such task")
	}
	row := t.row()
	row["status"] = "running"
	if !t.ended.IsZero() {
		row["status"], row["exitstatus"] = "stopped", t.status
	}
	delete(row, "endtime")
	return row, nil
}

// row are the facts that all task lists share.
func (t *task) row() obj {
	row := obj{"upid": t.upid, "node": t.node.name, "pid": t.pid, "pstart": t.pstart, "starttime": t.began.Unix(), "type": t.kind, "id": t.id, "user": t.user.user}
	if t.user.token != "" {
		row["tokenid"] = t.user.token
	}
	if !t.ended.IsZero() {
		row["endtime"], row["status"] = t.ended.Unix(), t.status
	}
	return row
}

func taskLog(c *call) (any, error) {
	t, err := c.knownTask("Sys.Audit")
	if err != nil {
		return nil, err
	}
	lines := []string{"unable to open file - No such file or directory"}
	if t != nil {
		if lines = t.lines; len(lines) == 0 {
			lines = []string{"no content"}
		}
	}
	start, limit := c.params.number("start", 0), c.params.number("limit", 50)
	if limit == 0 {
		limit = len(lines)
	}
	total := len(lines)
	c.total = &total
	out := []obj{}
	for i := start; i < min(start+limit, total); i++ {
		out = append(out, obj{"n": i + 1, "t": lines[i]})
	}
	return out, nil
}

// abortTask is DELETE on a task: it waits until the worker has ended, 5 s at most.
func abortTask(c *call) (any, error) {
	t, err := c.knownTask("Sys.Modify")
	if err != nil {
		return nil, err
	}
	if t == nil || !t.ended.IsZero() {
		return nil, nil
	}
	t.cancel()
	c.after = func() (any, error) {
		select {
		case <-t.done:
		case <-time.After(5 * time.Second):
		case <-c.wire.server.stopped:
		}
		return nil, nil
	}
	return nil, nil
}

func taskIndex(c *call) (any, error) { return []obj{{"name": "log"}, {"name": "status"}}, nil }
