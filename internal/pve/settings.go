package pve

import (
	"context"
	"net/url"
	"strings"
)

// Settings are the keys of a configuration that can be written. Nil and zero fields are left as they are; to unset a
// key, name it in ConfigChange.Delete.
type Settings struct {
	Hostname     string          `pve:"hostname"`
	Description  *string         `pve:"description"`
	Tags         []string        `pve:"tags"`
	OSType       string          `pve:"ostype"`
	Protection   *bool           `pve:"protection"`
	OnBoot       *bool           `pve:"onboot"`
	Startup      *Startup        `pve:"startup"`
	Cores        *int            `pve:"cores"`
	CPULimit     *float64        `pve:"cpulimit"` // in cores; 0 is no limit
	CPUUnits     *int            `pve:"cpuunits"`
	MemoryMiB    *int            `pve:"memory"`
	SwapMiB      *int            `pve:"swap"`
	RootFS       *Mount          `pve:"rootfs"`
	Mounts       map[int]Mount   `pve:"mp*"`
	Networks     map[int]Network `pve:"net*"`
	Devices      map[int]Device  `pve:"dev*"`
	Features     *Features       `pve:"features"`
	Nameserver   string          `pve:"nameserver"`
	SearchDomain string          `pve:"searchdomain"`
	Timezone     string          `pve:"timezone"`
	ConsoleMode  string          `pve:"cmode"`
	Console      *bool           `pve:"console"`
	TTY          *int            `pve:"tty"`
	Hookscript   string          `pve:"hookscript"`
	Entrypoint   string          `pve:"entrypoint"`
	Env          string          `pve:"env"`  // K=V, separated by NUL
	Lock         string          `pve:"lock"` // there is no call that removes a lock again; only pct unlock does
}

// ConfigChange changes a configuration.
type ConfigChange struct {
	Settings
	Delete []string `pve:"delete"` // keys to unset; unsetting unusedN destroys the volume
	Revert []string `pve:"revert"` // keys whose pending change is dropped
	Digest string   `pve:"digest"` // fail with KindChanged if the configuration is no longer the one with this digest
}

// UpdateConfig changes the configuration at once. In a running container what cannot be changed live (features, cmode,
// tty, nameserver, ostype, mount points that change: pve-container 6.1.10) waits for its next start by Proxmox; see
// PendingConfig. One forbidden key refuses the whole change.
func (c *Client) UpdateConfig(ctx context.Context, node string, vmid int, change ConfigChange) error {
	return c.run(ctx, put("/nodes/{node}/lxc/{vmid}/config", node, vmid).with(change))
}

// SetConfig is UpdateConfig with keys and values as the server writes them.
func (c *Client) SetConfig(ctx context.Context, node string, vmid int, set map[string]string, unset []string, digest string) error {
	form := url.Values{}
	for key, value := range set {
		form.Set(key, value)
	}
	if len(unset) > 0 {
		form.Set("delete", strings.Join(unset, ","))
	}
	if digest != "" {
		form.Set("digest", digest)
	}
	return c.run(ctx, put("/nodes/{node}/lxc/{vmid}/config", node, vmid).with(form))
}

// PendingValue is one key of a configuration with the change that waits for the next start.
type PendingValue struct {
	Key     string   `pve:"key"`
	Value   *string  `pve:"value"`   // in force
	Pending *string  `pve:"pending"` // nil if nothing waits
	Delete  int      `pve:"delete"`  // 1 if the key will be unset, 2 if by force
	Odd     []string `pve:",odd"`
}

// PendingConfig lists all keys in no order, the digest among them.
func (c *Client) PendingConfig(ctx context.Context, node string, vmid int) ([]PendingValue, error) {
	return fetch[[]PendingValue](ctx, c, get("/nodes/{node}/lxc/{vmid}/pending", node, vmid))
}
