package fleet

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"berth/internal/pve"
)

// Config is the configuration of a container that is in force. What is not set is zero. Its texts come from others.
type Config struct {
	Digest       string // of the whole configuration
	Hostname     string
	Description  string // Markdown
	Tags         []string
	OSType       string
	Architecture string
	Unprivileged bool
	Protection   bool
	OnBoot       bool
	Startup      string // order and pauses, as Proxmox writes them
	Cores        int    // 0: all of the node
	CPULimit     float64
	CPUUnits     int
	MemoryBytes  int64
	SwapBytes    int64
	Disks        []Mounted
	Networks     []Network
	Devices      []string
	Features     []string // nesting, keyctl, ...
	Nameserver   string   // empty, as the next two: as on the node
	SearchDomain string
	Timezone     string
	Hookscript   string
	Lock         string
	Others       []PendingChange // what Berth has no words for, and raw lines; Then is empty
}

// Mounted is the root file system, a mount point or an unused volume.
type Mounted struct {
	Disk
	ReadOnly, InBackups bool
	Options             []string
}

// Network is a network interface.
type Network struct {
	Key      string // net0
	Name     string // eth0
	Bridge   string
	VLAN     int // 0: none
	MAC      string
	IP, IP6  string // dhcp, auto, manual or address/prefix; empty: none
	Gateway  string
	Gateway6 string
	RateMBps float64 // 0: not limited
	MTU      int     // 0: as the bridge
	Firewall bool
	Down     bool
}

// PendingChange is a key whose value becomes another one at the next start.
type PendingChange struct {
	Key, Now, Then string // empty: not set
}

const defaultMiB = 512 // of memory and of swap, where nothing is set (pve-container 6.1.10)

func (l *look) config(ctx context.Context) error {
	node, vmid := l.place()
	config, err := l.poller.client.ContainerConfig(ctx, node, vmid, pve.ConfigQuery{Current: true})
	if err != nil {
		return err
	}
	told := configOf(&config, vmid)
	l.take(func(d *Detail) { d.Config = told })
	return nil
}

func configOf(c *pve.ContainerConfig, vmid int) *Config {
	swap := defaultMiB
	if c.SwapMiB != nil {
		swap = *c.SwapMiB
	}
	told := &Config{Digest: c.Digest, Hostname: c.Hostname, Description: strings.TrimSpace(c.Description), Tags: c.Tags, OSType: c.OSType, Architecture: c.Architecture,
		Unprivileged: c.Unprivileged, Protection: c.Protection, OnBoot: c.OnBoot, Startup: c.Startup.String(), Cores: c.Cores, CPULimit: c.CPULimit, CPUUnits: c.CPUUnits,
		MemoryBytes: int64(cmp.Or(c.MemoryMiB, defaultMiB)) << 20, SwapBytes: int64(swap) << 20, Disks: mountedOf(c, vmid), Networks: networksOf(c),
		Features: featuresOf(&c.Features), Nameserver: c.Nameserver, SearchDomain: c.SearchDomain, Timezone: c.Timezone, Hookscript: c.Hookscript, Lock: c.Lock}
	for _, n := range slices.Sorted(maps.Keys(c.Devices)) {
		told.Devices = append(told.Devices, c.Devices[n].Path)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Unknown)) {
		told.Others = append(told.Others, PendingChange{Key: key, Now: c.Unknown[key]})
	}
	for _, line := range c.RawLines {
		told.Others = append(told.Others, PendingChange{Key: line[0], Now: strings.Join(line[1:], " ")})
	}
	return told
}

func mountedOf(c *pve.ContainerConfig, vmid int) []Mounted {
	var all []Mounted
	for _, d := range disksOf(c, vmid) {
		m := Mounted{Disk: d}
		var set pve.Mount
		if number, is := strings.CutPrefix(d.Name, "mp"); is {
			n, _ := strconv.Atoi(number) // disksOf has made the name
			set = c.Mounts[n]
		} else if d.Name == "rootfs" {
			set = c.RootFS
			set.Backup = true
		}
		m.ReadOnly, m.InBackups, m.Options = set.ReadOnly, set.Backup, set.Options
		all = append(all, m)
	}
	return all
}

func networksOf(c *pve.ContainerConfig) []Network {
	all := make([]Network, 0, len(c.Networks))
	for _, n := range slices.Sorted(maps.Keys(c.Networks)) {
		set := c.Networks[n]
		all = append(all, Network{Key: fmt.Sprintf("net%d", n), Name: set.Name, Bridge: set.Bridge, VLAN: set.VLAN, MAC: set.HardwareAddress, IP: set.IP, IP6: set.IP6,
			Gateway: set.Gateway, Gateway6: set.Gateway6, RateMBps: set.RateMBps, MTU: set.MTU, Firewall: set.Firewall, Down: set.LinkDown})
	}
	return all
}

func featuresOf(f *pve.Features) []string {
	var names []string
	for _, each := range []struct {
		is   bool
		name string
	}{{f.Nesting, "nesting"}, {f.KeyCtl, "keyctl"}, {f.FUSE, "fuse"}, {f.MkNod, "mknod"}, {f.ForceRWSys, "force_rw_sys"}} {
		if each.is {
			names = append(names, each.name)
		}
	}
	if len(f.Mount) > 0 {
		names = append(names, "mount of "+strings.Join(f.Mount, ", "))
	}
	return names
}

func (l *look) pending(ctx context.Context) error {
	node, vmid := l.place()
	values, err := l.poller.client.PendingConfig(ctx, node, vmid)
	if err != nil {
		return err
	}
	changes := pendingOf(values)
	l.take(func(d *Detail) { d.Pending = changes })
	return nil
}

func pendingOf(values []pve.PendingValue) []PendingChange {
	var changes []PendingChange
	for _, v := range values {
		if v.Pending == nil && v.Delete == 0 {
			continue
		}
		change := PendingChange{Key: v.Key}
		if v.Value != nil {
			change.Now = *v.Value
		}
		if v.Pending != nil {
			change.Then = *v.Pending
		}
		changes = append(changes, change)
	}
	slices.SortFunc(changes, func(a, b PendingChange) int { return cmp.Compare(a.Key, b.Key) })
	return changes
}
