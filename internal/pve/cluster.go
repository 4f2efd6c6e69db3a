package pve

import (
	"context"
	"time"
)

// Version is the version of the server that answers.
type Version struct {
	Version string `pve:"version"` // 9.2.11
	Release string `pve:"release"` // 9.2
	RepoID  string `pve:"repoid"`
}

// Version asks any node for its version. It needs valid credentials and no privilege.
func (c *Client) Version(ctx context.Context) (Version, error) {
	return fetch[Version](ctx, c, get("/version"))
}

// Nodes lists the nodes with the fingerprints of their certificates.
func (c *Client) Nodes(ctx context.Context) ([]NodeResource, error) {
	nodes, err := fetch[[]NodeResource](ctx, c, get("/nodes"))
	for i := range nodes {
		nodes[i].CPU = max(0, nodes[i].CPU)
	}
	return nodes, err
}

// ClusterStatus is membership and quorum.
type ClusterStatus struct {
	Name    string // empty for a host that is in no cluster
	Quorate bool   // true for a host that is in no cluster
	Members []ClusterMember
}

// ClusterMember is a node as corosync sees it.
type ClusterMember struct {
	Node    string
	Address string // what other nodes and SSH use; empty if unknown
	ID      int
	Online  bool
	Local   bool // the node that answered
}

// ClusterStatus reads membership and quorum. It needs Sys.Audit on /.
func (c *Client) ClusterStatus(ctx context.Context) (ClusterStatus, error) {
	type row struct {
		Type    string   `pve:"type"`
		Name    string   `pve:"name"`
		IP      string   `pve:"ip"`
		NodeID  int      `pve:"nodeid"`
		Online  bool     `pve:"online"`
		Local   bool     `pve:"local"`
		Quorate bool     `pve:"quorate"`
		Odd     []string `pve:",odd"`
	}
	rows, err := fetch[[]row](ctx, c, get("/cluster/status"))
	status := ClusterStatus{Quorate: true}
	for _, r := range rows {
		switch r.Type {
		case "cluster":
			status.Name, status.Quorate = r.Name, r.Quorate
		case "node":
			status.Members = append(status.Members, ClusterMember{r.Name, r.IP, r.NodeID, r.Online, r.Local})
		}
	}
	return status, err
}

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

// ClusterTasks lists all running and the latest finished tasks of each node, 25 per node in all, from memory. The
// order is not defined. Without Sys.Audit on / a token does not even see its own (pve-manager 9.2.11).
func (c *Client) ClusterTasks(ctx context.Context) ([]TaskRow, error) {
	return fetch[[]TaskRow](ctx, c, get("/cluster/tasks"))
}
