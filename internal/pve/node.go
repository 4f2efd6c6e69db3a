package pve

import (
	"context"
	"time"
)

// NodeStatus is a node as it sees itself.
type NodeStatus struct {
	Uptime     time.Duration `pve:"uptime"`
	CPU        float64       `pve:"cpu"`  // fraction of all CPUs, never below 0
	Wait       float64       `pve:"wait"` // fraction waiting for disks
	LoadAvg    []float64     `pve:"loadavg"`
	Memory     SpaceUse      `pve:"memory"`
	Swap       SpaceUse      `pve:"swap"`
	RootFS     SpaceUse      `pve:"rootfs"`
	CPUInfo    CPUInfo       `pve:"cpuinfo"`
	Kernel     string        `pve:"kversion"`
	PVEVersion string        `pve:"pveversion"` // pve-manager/9.2.11/...
	Odd        []string      `pve:",odd"`
}

// SpaceUse is how much of something is used, in bytes.
type SpaceUse struct {
	TotalBytes     int64 `pve:"total"`
	UsedBytes      int64 `pve:"used"`
	FreeBytes      int64 `pve:"free"`
	AvailableBytes int64 `pve:"available"` // memory, since 9.0
}

// CPUInfo is the processor of a node.
type CPUInfo struct {
	Model   string  `pve:"model"`
	CPUs    int     `pve:"cpus"` // threads
	Cores   int     `pve:"cores"`
	Sockets int     `pve:"sockets"`
	MHz     float64 `pve:"mhz"`
}

// NodeStatus reads the state of a node. It needs Sys.Audit there.
func (c *Client) NodeStatus(ctx context.Context, node string) (NodeStatus, error) {
	s, err := fetch[NodeStatus](ctx, c, get("/nodes/{node}/status", node))
	s.CPU = max(0, s.CPU)
	return s, err
}

// NetworkInterface is an interface of a node.
type NetworkInterface struct {
	Name      string   `pve:"iface"`
	Type      string   `pve:"type"` // bridge, OVSBridge, vnet, eth, bond, ...
	Active    bool     `pve:"active"`
	CIDR      string   `pve:"cidr"`
	CIDR6     string   `pve:"cidr6"`
	Comments  string   `pve:"comments"`
	VLANAware bool     `pve:"bridge_vlan_aware"`
	Odd       []string `pve:",odd"`
}

// Bridges lists what containers of a node can be connected to. Bridges for which the caller has neither SDN.Audit nor
// SDN.Use are missing.
func (c *Client) Bridges(ctx context.Context, node string) ([]NetworkInterface, error) {
	query := struct {
		Type string `pve:"type"`
	}{"any_bridge"}
	return fetch[[]NetworkInterface](ctx, c, get("/nodes/{node}/network", node).with(query))
}

// NodeCertificate is a certificate file of a node.
type NodeCertificate struct {
	FileName    string    `pve:"filename"` // pve-root-ca.pem, pve-ssl.pem, pveproxy-ssl.pem (shown on port 8006 if it exists)
	Fingerprint string    `pve:"fingerprint"`
	Subject     string    `pve:"subject"`
	Issuer      string    `pve:"issuer"`
	Names       []string  `pve:"san"`
	NotBefore   time.Time `pve:"notbefore"`
	NotAfter    time.Time `pve:"notafter"`
	PEM         string    `pve:"pem"`
	Odd         []string  `pve:",odd"`
}

// NodeCertificates lists the certificates of a node.
func (c *Client) NodeCertificates(ctx context.Context, node string) ([]NodeCertificate, error) {
	return fetch[[]NodeCertificate](ctx, c, get("/nodes/{node}/certificates/info", node))
}
