package fleet

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"berth"
	"berth/internal/pve"
)

// effectsTimeout is how long one question about what goes with a container may take: a person waits, and a slow storage
// of backups is not worth more.
const effectsTimeout = 8 * time.Second

// DeleteEffects is what goes with a container when it is deleted, and what stays.
type DeleteEffects struct {
	Gone      bool          // Proxmox does not have the container any more: only Berth's record goes
	Disks     []Disk        // the root file system first, then mount points and unused volumes
	Snapshots int           // go with the disks
	Backups   []BackupsKept // stay; by name of the storage, all storages for backups that the token may see
	Unknown   []string      // what could not be found out, as sentences for people; empty: the rest is everything
}

// Disk is the root file system, a mount point or an unused volume of a container.
type Disk struct {
	Name      string // rootfs, mp0, unused0
	Path      string // where the container has it; empty for an unused one
	Storage   string // empty: a directory or device of the node itself
	Volume    string // as Proxmox calls it
	SizeBytes int64  // 0: not known
	Stays     bool   // deleting the container leaves it alone: it belongs to the node or to another container
}

// BackupsKept are the backups of a container on one storage. The token may put one more there: the storage can be the
// BackupStorage of a request.
type BackupsKept struct {
	Storage   string
	Count     int
	SizeBytes int64
	Latest    time.Time // of the newest; zero if there is none
}

// GoesWith asks Proxmox what a deletion of the container with that key takes along. It takes as long as the slowest of
// a few calls, at most some 16 s: call it when a person is about to delete, never for a page. What could not be read is
// said in Unknown. Returns NotFound if there is no such container, and Unavailable if nothing could be read.
func (a *Actions) GoesWith(ctx context.Context, by berth.Actor, key string) (DeleteEffects, error) {
	p, c, err := a.find(by.Access, key)
	if err != nil {
		return DeleteEffects{}, err
	}
	if c.Unknown == berth.UnknownGone {
		return DeleteEffects{Gone: true}, nil
	}
	if p.client == nil {
		return DeleteEffects{}, berth.Errorf(berth.Unavailable, "Cluster %s is not connected.", c.Cluster)
	}
	e := &effects{client: p.client, node: c.Node, vmid: c.VMID}
	var asked sync.WaitGroup
	asked.Go(func() { e.readDisks(ctx) })
	asked.Go(func() { e.readSnapshots(ctx) })
	asked.Go(func() { e.readBackups(ctx) })
	asked.Wait()
	if len(e.found.Disks) == 0 && len(e.found.Backups) == 0 {
		return DeleteEffects{}, &berth.Error{Code: berth.Unavailable, Message: fmt.Sprintf("Node %s did not say what belongs to %s.", c.Node, c.Hostname), Err: e.first}
	}
	slices.Sort(e.found.Unknown)
	slices.SortFunc(e.found.Backups, func(a, b BackupsKept) int { return cmp.Compare(a.Storage, b.Storage) })
	return e.found, nil
}

// effects collects what several calls at once find out.
type effects struct {
	client *pve.Client
	node   string
	vmid   int

	mu    sync.Mutex
	found DeleteEffects
	first error
}

// note takes what a call found out, or says in words what is not known.
func (e *effects) note(err error, missing string, take func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		take()
		return
	}
	e.first = cmp.Or[error](e.first, err)
	e.found.Unknown = append(e.found.Unknown, sentence(missing+": "+plainProblem(err)))
}

func (e *effects) readDisks(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	config, err := e.client.ContainerConfig(ctx, e.node, e.vmid, pve.ConfigQuery{Current: true})
	e.note(err, "the disks are not known", func() { e.found.Disks = disksOf(&config, e.vmid) })
}

func (e *effects) readSnapshots(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	snapshots, _, err := e.client.Snapshots(ctx, e.node, e.vmid)
	e.note(err, "the snapshots are not known", func() { e.found.Snapshots = len(snapshots) })
}

// disksOf lists what the configuration mounts.
func disksOf(c *pve.ContainerConfig, vmid int) []Disk {
	disks := []Disk{diskOf("rootfs", c.RootFS, vmid)}
	disks[0].Path = "/"
	for _, n := range slices.Sorted(maps.Keys(c.Mounts)) {
		disks = append(disks, diskOf(fmt.Sprintf("mp%d", n), c.Mounts[n], vmid))
	}
	for _, n := range slices.Sorted(maps.Keys(c.Unused)) {
		disks = append(disks, diskOf(fmt.Sprintf("unused%d", n), pve.Mount{Volume: c.Unused[n]}, vmid))
	}
	return disks
}

func diskOf(name string, m pve.Mount, vmid int) Disk {
	return Disk{Name: name, Path: m.Path, Storage: m.Storage(), Volume: m.Volume, SizeBytes: m.SizeBytes(), Stays: !bearsNumber(m.Volume, vmid)}
}

// volumeOwner is the number in a volume's name, as in local-lvm:vm-101-disk-0 or local:101/vm-101-disk-0.raw.
var volumeOwner = regexp.MustCompile(`(?:^|[:/])(?:vm|subvol|base|basevol)-(\d+)-`)

// bearsNumber tells whether a volume is the container's own: Proxmox destroys those and leaves others, directories and
// devices alone (pve-container LXC.pm, destroy_lxc_container). The name of a linked clone begins with that of its base.
func bearsNumber(volume string, vmid int) bool {
	all := volumeOwner.FindAllStringSubmatch(volume, -1)
	return len(all) > 0 && all[len(all)-1][1] == strconv.Itoa(vmid)
}
