package pve

import (
	"context"
	"time"
)

// HistoryPoint is the average or maximum of a step of time. A nil figure was not recorded.
type HistoryPoint struct {
	Time                   time.Time `pve:"time"`
	CPU                    *float64  `pve:"cpu"` // fraction of MaxCPU
	MaxCPU                 *float64  `pve:"maxcpu"`
	MemoryBytes            *float64  `pve:"mem"`
	MaxMemoryBytes         *float64  `pve:"maxmem"`
	DiskBytes              *float64  `pve:"disk"`
	MaxDiskBytes           *float64  `pve:"maxdisk"`
	NetInBytesPerSecond    *float64  `pve:"netin"` // here rates, elsewhere counters
	NetOutBytesPerSecond   *float64  `pve:"netout"`
	DiskReadBytesPerSecond *float64  `pve:"diskread"`
	DiskWriteBytesPerSec   *float64  `pve:"diskwrite"`
	CPUSomePercent         *float64  `pve:"pressurecpusome"` // pressure: since 9.0
	IOSomePercent          *float64  `pve:"pressureiosome"`
	MemorySomePercent      *float64  `pve:"pressurememorysome"`
	Odd                    []string  `pve:",odd"`
}

// HistoryQuery chooses a span of history.
type HistoryQuery struct {
	Span     string `pve:"timeframe"` // hour, day, week, month or year
	Function string `pve:"cf"`        // AVERAGE (default) or MAX
}

// ContainerHistory reads the recorded figures of a container, also of one on a node that is away. A container that was
// never sampled has none: KindNotFound. Steps differ by version and span; read the times.
func (c *Client) ContainerHistory(ctx context.Context, node string, vmid int, q HistoryQuery) ([]HistoryPoint, error) {
	return fetch[[]HistoryPoint](ctx, c, get("/nodes/{node}/lxc/{vmid}/rrddata", node, vmid).with(q))
}

// NodeHistoryPoint is a step of time of a node.
type NodeHistoryPoint struct {
	Time                 time.Time `pve:"time"`
	CPU                  *float64  `pve:"cpu"`
	MaxCPU               *float64  `pve:"maxcpu"`
	Wait                 *float64  `pve:"iowait"`
	LoadAvg              *float64  `pve:"loadavg"`
	MemoryBytes          *float64  `pve:"memused"`
	MaxMemoryBytes       *float64  `pve:"memtotal"`
	RootBytes            *float64  `pve:"rootused"`
	MaxRootBytes         *float64  `pve:"roottotal"`
	NetInBytesPerSecond  *float64  `pve:"netin"`
	NetOutBytesPerSecond *float64  `pve:"netout"`
	Odd                  []string  `pve:",odd"`
}

// NodeHistory reads the recorded figures of a node. It needs Sys.Audit there.
func (c *Client) NodeHistory(ctx context.Context, node string, q HistoryQuery) ([]NodeHistoryPoint, error) {
	return fetch[[]NodeHistoryPoint](ctx, c, get("/nodes/{node}/rrddata", node).with(q))
}
