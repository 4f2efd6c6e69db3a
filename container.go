package berth

import (
	"net/netip"
	"strconv"
	"time"
)

// Container is an LXC guest as a person sees it: what Proxmox VE says now, merged with what Berth knows.
// Values are immutable once they are part of a snapshot; share them freely, never change them.
type Container struct {
	ID      string // Berth's own id; empty while the container is only discovered
	Cluster string // name of the cluster
	VMID    int
	Node    string

	Hostname  string
	Lifecycle Lifecycle // empty while the container is only discovered
	Live      LiveStatus
	Status    Status
	Unknown   UnknownReason // why Status is unknown; empty otherwise
	Since     time.Time     // since when Status is unknown; zero otherwise

	CPUs             float64 // cores it may use
	CPU              float64 // fraction of CPUs in use, 0..1, may slightly exceed 1
	MemoryBytes      int64
	MemoryLimitBytes int64
	DiskBytes        int64
	DiskLimitBytes   int64
	NetInBytes       int64 // since start
	NetOutBytes      int64 // since start
	StartedAt        time.Time
	HasFigures       bool     // false: Proxmox has no sample of this container, the figures above mean nothing
	OddFields        []string // fields of Proxmox's answer that could not be read
	Tags             []string
	Pool             string
	Lock             string // Proxmox's own lock: backup, snapshot, migrate, ...
	HAState          string
	PVETemplate      bool      // a template guest of Proxmox VE: it can be cloned and never runs
	Protected        bool      // Proxmox refuses to delete it or its disks
	OnBoot           bool      // it starts with its node
	OSType           string    // debian, alpine, ...; empty while not known
	Addresses        []Address // those it has now; of a stopped container the configured ones
	Template         string    // name of the Berth template it was made from
	Services         []Service
	CreatedAt        time.Time // zero when not known
	SeenAt           time.Time // when Proxmox last told about it
	Pending          *Pending  // what is being done to it; nil: nothing
	Lacks            []string  // privileges of Proxmox that actions take and the cluster's token has not for this container
}

// Key identifies a container among all clusters, whether tracked or only discovered: "home/101".
func (c *Container) Key() string { return ContainerKey(c.Cluster, c.VMID) }

// ContainerKey is the Key of container vmid of the named cluster.
func ContainerKey(cluster string, vmid int) string { return cluster + "/" + strconv.Itoa(vmid) }

// Tracked tells whether Berth's database has a row for the container.
func (c *Container) Tracked() bool { return c.ID != "" }

// Uptime is how long the container has been running at the given time; 0 unless it runs.
func (c *Container) Uptime(now time.Time) time.Duration {
	if c.Live != LiveRunning || c.StartedAt.IsZero() || now.Before(c.StartedAt) {
		return 0
	}
	return now.Sub(c.StartedAt)
}

// Address is one IP address of a container.
type Address struct {
	Interface string // eth0
	Prefix    netip.Prefix
	Source    AddressSource // empty when it is not known where it comes from
}

// AddressSource tells where an address comes from.
type AddressSource string

// The sources of addresses.
const (
	AddressStatic  AddressSource = "static"
	AddressDynamic AddressSource = "dhcp" // DHCP, or router advertisement for IPv6
)

// Service is something that runs in a container.
type Service struct {
	ID          string
	ContainerID string
	Name        string
	Kind        ServiceKind
	Port        int // 0: none
	WebURL      string
	Status      ServiceStatus
}

// ServiceKind is how a service is run.
type ServiceKind string

// The kinds of services.
const (
	ServiceSystemd ServiceKind = "systemd"
	ServiceDocker  ServiceKind = "docker"
	ServiceProcess ServiceKind = "process"
)

// ServiceStatus is what was last seen of a service.
type ServiceStatus string

// The states of services.
const (
	ServiceHealthy ServiceStatus = "healthy"
	ServiceFailed  ServiceStatus = "failed"
	ServiceUnknown ServiceStatus = "unknown"
)
