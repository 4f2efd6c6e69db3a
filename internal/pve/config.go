package pve

import (
	"context"
	"maps"
	"strings"
	"time"
)

// ContainerConfig is the configuration of a container. Keys that are not set are zero; the server's defaults are
// 512 MiB of memory and swap, all cores of the node.
type ContainerConfig struct {
	Digest       string            `pve:"digest"` // of the whole file: also changes with the lock and with snapshots
	Hostname     string            `pve:"hostname"`
	Description  string            `pve:"description"` // ends with a newline
	Tags         []string          `pve:"tags"`
	OSType       string            `pve:"ostype"`
	Architecture string            `pve:"arch"`
	Lock         string            `pve:"lock"`
	Template     bool              `pve:"template"`
	Unprivileged bool              `pve:"unprivileged"`
	Protection   bool              `pve:"protection"`
	OnBoot       bool              `pve:"onboot"`
	Startup      Startup           `pve:"startup"`
	Cores        int               `pve:"cores"`
	CPULimit     float64           `pve:"cpulimit"` // in cores; 0 is no limit
	CPUUnits     int               `pve:"cpuunits"`
	MemoryMiB    int               `pve:"memory"`
	SwapMiB      *int              `pve:"swap"`
	RootFS       Mount             `pve:"rootfs"`
	Mounts       map[int]Mount     `pve:"mp*"`
	Unused       map[int]string    `pve:"unused*"` // volumes that are not mounted
	Networks     map[int]Network   `pve:"net*"`
	Devices      map[int]Device    `pve:"dev*"`
	Features     Features          `pve:"features"`
	Nameserver   string            `pve:"nameserver"` // addresses, separated by spaces; empty: as on the node
	SearchDomain string            `pve:"searchdomain"`
	Timezone     string            `pve:"timezone"`
	ConsoleMode  string            `pve:"cmode"` // tty, console or shell
	Console      *bool             `pve:"console"`
	TTY          *int              `pve:"tty"`
	Hookscript   string            `pve:"hookscript"`
	Entrypoint   string            `pve:"entrypoint"` // since 9.1
	Env          string            `pve:"env"`        // K=V, separated by NUL; see Environment; since 9.1
	Debug        bool              `pve:"debug"`
	Parent       string            `pve:"parent"`    // snapshot that the present state descends from
	RawLines     [][]string        `pve:"lxc"`       // keys and values of raw lxc.* lines
	SnapTime     time.Time         `pve:"snaptime"`  // in the configuration of a snapshot
	SnapState    string            `pve:"snapstate"` // prepare or delete: snapshot that was interrupted
	Unknown      map[string]string `pve:",rest"`     // keys of versions to come
	Odd          []string          `pve:",odd"`
}

// Environment is the environment of an OCI container as K=V.
func (c ContainerConfig) Environment() []string {
	if c.Env == "" {
		return nil
	}
	return strings.Split(c.Env, "\x00")
}

// Values gives the keys that are set as the server writes them, without the digest and raw lxc.* lines.
func (c ContainerConfig) Values() map[string]string {
	values := maps.Clone(c.Unknown)
	if values == nil {
		values = map[string]string{}
	}
	for key, all := range encodeForm(c) {
		if key != "digest" && key != "lxc" {
			values[key] = all[0]
		}
	}
	return values
}

// ConfigQuery chooses what ContainerConfig reads.
type ConfigQuery struct {
	// Current: values that are in force now. Otherwise changes that wait for the next start count as made.
	Current bool `pve:"current"`
	// Snapshot: the configuration in that snapshot. Not together with Current.
	Snapshot string `pve:"snapshot"`
}

// ContainerConfig reads the configuration. The configuration of a container with an environment needs
// VM.Config.Options beside VM.Audit (pve-container 6.1.10).
func (c *Client) ContainerConfig(ctx context.Context, node string, vmid int, q ConfigQuery) (ContainerConfig, error) {
	return fetch[ContainerConfig](ctx, c, get("/nodes/{node}/lxc/{vmid}/config", node, vmid).with(q))
}
