package pve

import (
	"context"
	"time"
)

// TaskRow is a task in a list.
type TaskRow struct {
	UPID      UPID      `pve:"upid"`
	Node      string    `pve:"node"`
	Type      string    `pve:"type"`
	ID        string    `pve:"id"`
	User      string    `pve:"user"`    // running rows of one node may have USER@REALM!TOKEN here
	TokenID   string    `pve:"tokenid"` // empty if a person did it
	StartTime time.Time `pve:"starttime"`
	EndTime   time.Time `pve:"endtime"` // zero while it runs
	Status    string    `pve:"status"`  // exit text; while it runs empty or RUNNING
	Odd       []string  `pve:",odd"`
}

// Running reports whether the task had not ended when the list was made.
func (t TaskRow) Running() bool {
	return t.EndTime.IsZero() && (t.Status == "" || t.Status == "RUNNING")
}

// Err is nil while the task runs and after success, warnings included; otherwise a *TaskError with the exit text.
func (t TaskRow) Err() error {
	if t.Running() {
		return nil
	}
	return exitError(t.UPID, t.Status)
}

// ClusterTasks lists all running and the latest finished tasks of each node, 25 per node in all, from memory. The
// order is not defined. Without Sys.Audit on / a token does not even see its own (pve-manager 9.2.11).
func (c *Client) ClusterTasks(ctx context.Context) ([]TaskRow, error) {
	return fetch[[]TaskRow](ctx, c, get("/cluster/tasks"))
}

// TaskQuery chooses what NodeTasks lists.
type TaskQuery struct {
	Source string    `pve:"source"` // archive (finished, the default), active or all
	VMID   int       `pve:"vmid"`
	Type   string    `pve:"typefilter"`
	User   string    `pve:"userfilter"` // part of USER@REALM
	Since  time.Time `pve:"since"`
	Until  time.Time `pve:"until"`
	Errors bool      `pve:"errors"` // only those that did not end with OK
	Start  int       `pve:"start"`
	Limit  int       `pve:"limit"` // the server's default is 50
}

// NodeTasks lists tasks of one node, newest first; some 1000 finished ones are kept. Without Sys.Audit on the node only
// the caller's own are there.
func (c *Client) NodeTasks(ctx context.Context, node string, q TaskQuery) ([]TaskRow, error) {
	return fetch[[]TaskRow](ctx, c, get("/nodes/{node}/tasks", node).with(q))
}
