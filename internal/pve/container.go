package pve

import (
	"context"
	"time"
)

// ContainerStatus is a container as its own node sees it at this moment.
type ContainerStatus struct {
	VMID           int           `pve:"vmid"`
	Name           string        `pve:"name"`
	Status         string        `pve:"status"` // running or stopped; a frozen container is running
	Lock           string        `pve:"lock"`
	Tags           []string      `pve:"tags"`
	Template       bool          `pve:"template"`
	PID            int           `pve:"pid"` // of its init on the node; 0 if stopped
	Uptime         time.Duration `pve:"uptime"`
	CPU            float64       `pve:"cpu"`  // fraction of CPUs since the last call that the same server process answered; never below 0
	CPUs           float64       `pve:"cpus"` // cores, or the limit, which may be 0.5
	MemoryBytes    int64         `pve:"mem"`
	MaxMemoryBytes int64         `pve:"maxmem"`
	SwapBytes      int64         `pve:"swap"`
	MaxSwapBytes   int64         `pve:"maxswap"`
	DiskBytes      int64         `pve:"disk"`
	MaxDiskBytes   int64         `pve:"maxdisk"`
	NetInBytes     int64         `pve:"netin"`
	NetOutBytes    int64         `pve:"netout"`
	DiskReadBytes  int64         `pve:"diskread"`
	DiskWriteBytes int64         `pve:"diskwrite"`
	HA             HAStatus      `pve:"ha"` // not in lists
	Pressure
	Odd []string `pve:",odd"`
}

// Pressure is how long work had to wait for a resource, in percent of the last 10 s. Only since 9.0 and while running.
type Pressure struct {
	CPUSome    float64 `pve:"pressurecpusome"`
	CPUFull    float64 `pve:"pressurecpufull"`
	IOSome     float64 `pve:"pressureiosome"`
	IOFull     float64 `pve:"pressureiofull"`
	MemorySome float64 `pve:"pressurememorysome"`
	MemoryFull float64 `pve:"pressurememoryfull"`
}

// HAStatus says whether the HA manager looks after a container.
type HAStatus struct {
	Managed bool   `pve:"managed"`
	State   string `pve:"state"` // started, stopped, error, ...; empty just after it was added
}

// Containers lists the containers of one node. The node starts processes for each running one to answer
// (pve-container 6.1.10, vmstatus): do not poll this, poll Resources.
func (c *Client) Containers(ctx context.Context, node string) ([]ContainerStatus, error) {
	rows, err := fetch[[]ContainerStatus](ctx, c, get("/nodes/{node}/lxc", node))
	for i := range rows {
		rows[i].CPU = max(0, rows[i].CPU)
	}
	return rows, err
}

// ContainerStatus reads one container at its node.
func (c *Client) ContainerStatus(ctx context.Context, node string, vmid int) (ContainerStatus, error) {
	s, err := fetch[ContainerStatus](ctx, c, get("/nodes/{node}/lxc/{vmid}/status/current", node, vmid))
	s.CPU = max(0, s.CPU)
	return s, err
}

// Start starts a container. Starting one that runs is a KindAlreadyRunning error, unless the task finds out. That it is
// locked shows only in the task since pve-container 5.0.10 (8.2), before at once. A VMID that does not exist gives a
// task too, which fails.
func (c *Client) Start(ctx context.Context, node string, vmid int) (UPID, error) {
	return c.start(ctx, post("/nodes/{node}/lxc/{vmid}/status/start", node, vmid))
}

// StopOptions belongs to Stop.
type StopOptions struct {
	// OverruleShutdown ends running shutdown tasks first, which otherwise make the stop fail after 10 s. Since 8.2;
	// not for HA-managed containers.
	OverruleShutdown bool `pve:"overrule-shutdown"`
}

// Stop kills all processes of a container. For one that does not exist the error is KindNotRunning, as for a stopped one
// (pve-container 6.1.10); the same holds for Shutdown.
func (c *Client) Stop(ctx context.Context, node string, vmid int, o StopOptions) (UPID, error) {
	return c.start(ctx, post("/nodes/{node}/lxc/{vmid}/status/stop", node, vmid).with(o))
}

// ShutdownOptions belongs to Shutdown.
type ShutdownOptions struct {
	Timeout   time.Duration `pve:"timeout"`   // the server's default is 60 s
	ForceStop bool          `pve:"forceStop"` // kill after the timeout; ignored for HA-managed containers
}

// Shutdown asks the container's init to end. The task can take some seconds longer than the timeout.
func (c *Client) Shutdown(ctx context.Context, node string, vmid int, o ShutdownOptions) (UPID, error) {
	return c.start(ctx, post("/nodes/{node}/lxc/{vmid}/status/shutdown", node, vmid).with(o))
}

// RebootOptions belongs to Reboot.
type RebootOptions struct {
	Timeout time.Duration `pve:"timeout"` // then it is killed; the server's default is 60 s
}

// Reboot shuts a container down and starts it, which applies pending changes of the configuration; a reboot from inside
// does not.
func (c *Client) Reboot(ctx context.Context, node string, vmid int, o RebootOptions) (UPID, error) {
	return c.start(ctx, post("/nodes/{node}/lxc/{vmid}/status/reboot", node, vmid).with(o))
}
