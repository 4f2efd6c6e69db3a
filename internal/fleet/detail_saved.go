package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"berth"
	"berth/internal/pve"
)

// SavedState is a snapshot of a container.
type SavedState struct {
	Name        string
	Description string
	At          time.Time
	Parent      string // empty: none
	Depth       int    // how many are above it in the tree
	Broken      string // prepare or delete: what was interrupted; empty: it is whole
}

// Backup is a backup of a container.
type Backup struct {
	Volume, Storage string
	At              time.Time
	SizeBytes       int64
	Format          string
	Notes           string // the first line
	Protected       bool   // never pruned, and cannot be deleted
	Encrypted       bool
	Verified        string // ok, failed; empty: not checked
	Former          bool   // of a container that was destroyed and had the VMID before
}

func (l *look) snapshots(ctx context.Context) error {
	node, vmid := l.place()
	states, parent, err := l.poller.client.Snapshots(ctx, node, vmid)
	if err != nil {
		return err
	}
	tree, cannot := treeOf(states), cannotSnapshot(ctx, l.poller.client, l.detail.Container, storagesIn(l.actions.fleet.Snapshot(), l.detail.Container.Cluster))
	l.take(func(d *Detail) { d.Snapshots, d.Parent, d.NoSnapshots = tree, parent, cannot })
	return nil
}

// cannotSnapshot says why no snapshot can be taken; empty: Proxmox may be asked for one. Whether a container can have any is
// decided by the storage of each of its disks (pve-container LXC/Config.pm, has_feature).
func cannotSnapshot(ctx context.Context, client *pve.Client, c *berth.Container, storages *clusterStorages) string {
	can, err := client.HasFeature(ctx, c.Node, c.VMID, "snapshot")
	if err != nil || can { // the job says what is wrong
		return ""
	}
	config, err := client.ContainerConfig(ctx, c.Node, c.VMID, pve.ConfigQuery{Current: true})
	if err != nil {
		return "The storage of a disk of this container cannot take snapshots."
	}
	var where []string
	for _, d := range disksOf(&config, c.VMID) {
		if d.Path != "" {
			where = append(where, d.Name+" is on "+storages.inWords(d.Storage))
		}
	}
	return "The storage of a disk of this container cannot take snapshots: " + strings.Join(where, ", ") + "."
}

// inWords says a storage with its type.
func (s *clusterStorages) inWords(name string) string {
	if name == "" {
		return "the node itself (a directory or device)"
	}
	for i := range s.all {
		if s.all[i].Name == name {
			return name + " (" + s.all[i].Type + ")"
		}
	}
	return name
}

// treeOf puts parents before their children. A parent that is not there, or a circle, makes a root.
func treeOf(states []pve.Snapshot) []SavedState {
	slices.SortFunc(states, func(a, b pve.Snapshot) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Name, b.Name)) })
	there, placed := map[string]bool{}, map[string]bool{}
	for i := range states {
		there[states[i].Name] = true
	}
	tree := make([]SavedState, 0, len(states))
	var place func(s *pve.Snapshot, depth int)
	place = func(s *pve.Snapshot, depth int) {
		if placed[s.Name] {
			return
		}
		placed[s.Name] = true
		tree = append(tree, SavedState{Name: s.Name, Description: strings.TrimSpace(s.Description), At: s.Time, Parent: s.Parent, Depth: depth, Broken: s.State})
		for i := range states {
			if states[i].Parent == s.Name {
				place(&states[i], depth+1)
			}
		}
	}
	for i := range states {
		if !there[states[i].Parent] {
			place(&states[i], 0)
		}
	}
	for i := range states {
		place(&states[i], 0)
	}
	return tree
}

// backups looks at every storage for backups that the token may see.
func (l *look) backups(ctx context.Context) error {
	node, vmid := l.place()
	e := &effects{client: l.poller.client, node: node, vmid: vmid}
	rights, storages, err := e.backupStorages(ctx)
	if err != nil {
		return err
	}
	var all backupsFound
	var asked sync.WaitGroup
	for _, storage := range e.readable(rights, storages) {
		asked.Go(func() {
			volumes, err := l.poller.client.StorageContent(ctx, node, storage, pve.ContentQuery{Content: "backup", VMID: vmid})
			e.note(err, "the backups on "+storage+" are not known", func() { all.add(storage, volumes) })
			if err == nil {
				l.poller.tell(ctx, func() { l.poller.noteBackups(storage, node, vmid, latestByVMID(volumes)[vmid]) })
			}
		})
	}
	asked.Wait()
	slices.Sort(e.found.Unknown)
	slices.SortFunc(all, func(a, b Backup) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Volume, b.Volume)) })
	for i := range all {
		all[i].Former = !all[i].At.After(l.detail.Destroyed)
	}
	l.take(func(d *Detail) { d.Backups, d.Unseen = all, e.found.Unknown })
	return nil
}

type backupsFound []Backup

func (all *backupsFound) add(storage string, volumes []pve.Volume) {
	for i := range volumes {
		v := &volumes[i]
		*all = append(*all, Backup{Volume: v.ID, Storage: storage, At: v.Time, SizeBytes: v.SizeBytes, Format: v.Format, Notes: v.Notes, Protected: v.Protected,
			Encrypted: v.Encrypted != "", Verified: v.Verification.State})
	}
}

// readable gives the storages whose backups the token may see and that can be used, and notes the others.
func (e *effects) readable(rights pve.Permissions, storages []pve.StorageStatus) []string {
	if !rights.Has("/storage", "Datastore.Audit") && !rights.Has("/storage", "Datastore.AllocateSpace") {
		e.unseen("There may be backups on storages that Berth's API token may not see")
	}
	own := fmt.Sprintf("/vms/%d", e.vmid)
	if !rights.Has(own, "VM.Backup") && len(storages) > 0 {
		e.unseen("The backups are not known: Berth's API token lacks VM.Backup on " + own)
		return nil
	}
	var readable []string
	for i := range storages {
		s := &storages[i]
		switch {
		case !rights.Has(berth.StoragePath(s.Storage), "Datastore.AllocateSpace"):
			e.unseen(fmt.Sprintf("The backups on %s are not known: Berth's API token lacks Datastore.AllocateSpace on /storage/%s", s.Storage, s.Storage))
		case !s.Active:
			e.unseen(fmt.Sprintf("The backups on %s are not known: the storage cannot be used now", s.Storage))
		default:
			readable = append(readable, s.Storage)
		}
	}
	return readable
}
