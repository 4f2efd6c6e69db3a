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
	Odd     []string
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
			status.Members = append(status.Members, ClusterMember{r.Name, r.IP, r.NodeID, r.Online, r.Local, r.Odd})
		}
	}
	return status, err
}

// NextID names the smallest free VMID. It is not reserved: a creation can still fail with KindExists. (The server sends
// it as a string, although it documents a number: pve-manager 9.2.11.)
func (c *Client) NextID(ctx context.Context) (int, error) {
	return fetch[int](ctx, c, get("/cluster/nextid"))
}

// IDFree tells whether a VMID is free. It is not reserved either.
func (c *Client) IDFree(ctx context.Context, vmid int) (bool, error) {
	query := struct {
		VMID int `pve:"vmid"`
	}{vmid}
	_, err := fetch[int](ctx, c, get("/cluster/nextid").with(query))
	if _, taken := Classify(err).Fields["vmid"]; taken {
		return false, nil
	}
	return err == nil, err
}

// LogEntry is a line of the cluster log.
type LogEntry struct {
	ID      string    `pve:"id"`
	Time    time.Time `pve:"time"`
	Node    string    `pve:"node"`
	User    string    `pve:"user"`
	Program string    `pve:"tag"`
	Message string    `pve:"msg"`
	Odd     []string  `pve:",odd"`
}

// ClusterLog reads the newest lines, newest first. Without Sys.Syslog on / only the caller's own are there.
func (c *Client) ClusterLog(ctx context.Context, limit int) ([]LogEntry, error) {
	query := struct {
		Max int `pve:"max"`
	}{limit}
	return fetch[[]LogEntry](ctx, c, get("/cluster/log").with(query))
}

// ClusterOptions are settings of the whole cluster. Without Sys.Audit on / only AllowedTags are there.
type ClusterOptions struct {
	Description    string   `pve:"description"`
	MACPrefix      string   `pve:"mac_prefix"`
	AllowedTags    []string `pve:"allowed-tags"`
	RegisteredTags []string `pve:"registered-tags"`
	TagStyle       struct {
		ColorMap      string `pve:"color-map"` // TAG:RRGGBB[:RRGGBB], separated by semicolons
		Shape         string `pve:"shape"`
		Ordering      string `pve:"ordering"`
		CaseSensitive bool   `pve:"case-sensitive"`
	} `pve:"tag-style"`
	NextID struct {
		Lower int `pve:"lower"`
		Upper int `pve:"upper"`
	} `pve:"next-id"`
	Odd []string `pve:",odd"`
}

// ClusterOptions reads the settings of the cluster.
func (c *Client) ClusterOptions(ctx context.Context) (ClusterOptions, error) {
	return fetch[ClusterOptions](ctx, c, get("/cluster/options"))
}

// Pool is a resource pool.
type Pool struct {
	ID      string   `pve:"poolid"`
	Comment string   `pve:"comment"`
	Odd     []string `pve:",odd"`
}

// Pools lists the pools for which the caller has Pool.Audit.
func (c *Client) Pools(ctx context.Context) ([]Pool, error) {
	return fetch[[]Pool](ctx, c, get("/pools"))
}
