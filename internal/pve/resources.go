package pve

import (
	"context"
	"time"
)

// Resources is one picture of the whole cluster, from the memory of the node that answers.
//
// Existence, node, lock, tags, pool and HA state of a container are current; status and figures come from samples that
// are taken every 10 s and up to 14 s old. Samples of a node that went away stay for five minutes: judge by the status
// of the node (pve-manager 9.2, pve-cluster 9.1).
type Resources struct {
	Containers []ContainerResource
	Nodes      []NodeResource
	Storages   []StorageResource // one per node, also for a shared storage
	Pools      []PoolResource
	Odd        []string // rows that are no objects, by number
}

// ContainerResource is a container in [Resources].
type ContainerResource struct {
	VMID           int           `pve:"vmid"`
	Node           string        `pve:"node"`
	Name           string        `pve:"name"`   // host name; empty while not sampled
	Status         string        `pve:"status"` // running, stopped or unknown
	Lock           string        `pve:"lock"`   // backup, snapshot, ...; empty if none
	Tags           []string      `pve:"tags"`
	Pool           string        `pve:"pool"`
	HAState        string        `pve:"hastate"` // empty if not managed
	Template       bool          `pve:"template"`
	Uptime         time.Duration `pve:"uptime"`
	CPU            float64       `pve:"cpu"` // fraction of MaxCPU, never below 0
	MaxCPU         float64       `pve:"maxcpu"`
	MemoryBytes    int64         `pve:"mem"`
	MaxMemoryBytes int64         `pve:"maxmem"`
	DiskBytes      int64         `pve:"disk"` // of the root file system; 0 when stopped
	MaxDiskBytes   int64         `pve:"maxdisk"`
	NetInBytes     int64         `pve:"netin"` // these four count since the start
	NetOutBytes    int64         `pve:"netout"`
	DiskReadBytes  int64         `pve:"diskread"`
	DiskWriteBytes int64         `pve:"diskwrite"`
	Odd            []string      `pve:",odd"` // fields that could not be read and are zero here
}

// Sampled reports whether the row has a name and figures. New containers have none for up to 10 s, those of a node
// that is away for five minutes neither.
func (c ContainerResource) Sampled() bool { return c.MaxMemoryBytes > 0 }

// NodeResource is a node in [Resources] and in the answer of Nodes. Without Sys.Audit on the node its figures are zero.
type NodeResource struct {
	Node           string        `pve:"node"`
	Status         string        `pve:"status"` // online, offline or unknown
	Level          string        `pve:"level"`  // of the subscription
	HAState        string        `pve:"hastate"`
	Uptime         time.Duration `pve:"uptime"`
	CPU            float64       `pve:"cpu"` // fraction of MaxCPU, never below 0
	MaxCPU         float64       `pve:"maxcpu"`
	MemoryBytes    int64         `pve:"mem"`
	MaxMemoryBytes int64         `pve:"maxmem"`
	DiskBytes      int64         `pve:"disk"` // of the root file system
	MaxDiskBytes   int64         `pve:"maxdisk"`
	CgroupMode     int           `pve:"cgroup-mode"`     // only in Resources
	Fingerprint    string        `pve:"ssl_fingerprint"` // only from Nodes
	Odd            []string      `pve:",odd"`
}

// StorageResource is a storage as one node sees it. Without Datastore.Audit it is not listed.
type StorageResource struct {
	Storage      string   `pve:"storage"`
	Node         string   `pve:"node"`
	Status       string   `pve:"status"`     // available or unknown
	Type         string   `pve:"plugintype"` // dir, zfspool, lvmthin, ...
	Content      []string `pve:"content"`    // rootdir, vztmpl, backup, ...
	Shared       bool     `pve:"shared"`
	DiskBytes    int64    `pve:"disk"`
	MaxDiskBytes int64    `pve:"maxdisk"`
	Odd          []string `pve:",odd"`
}

// PoolResource is a resource pool. Without Pool.Audit it is not listed.
type PoolResource struct {
	Pool string   `pve:"pool"`
	Odd  []string `pve:",odd"`
}

// Resources reads the whole cluster in one call, the cheapest live view there is.
func (c *Client) Resources(ctx context.Context) (Resources, error) {
	resources, _, err := c.ResourcesRaw(ctx)
	return resources, err
}

// ResourcesRaw is Resources and the body it was read from, to be stored and read again with [DecodeResources].
func (c *Client) ResourcesRaw(ctx context.Context) (Resources, []byte, error) {
	a, err := c.do(ctx, get("/cluster/resources"))
	if err != nil {
		return Resources{}, nil, err
	}
	resources, err := a.resources()
	return resources, a.body, err
}
