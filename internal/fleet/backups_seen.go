package fleet

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"berth"
	"berth/internal/pve"
)

const (
	backupsEvery = 10 * time.Minute // how often the backups on a storage are listed, unless something hints at a change
	backupsGap   = 5 * time.Second  // between two such lists of a storage
	backupsLook  = 15 * time.Second // how often it is looked whose turn it is, when all have been read
)

// LastBackup is what is known of the newest backup of a container, over all storages.
type LastBackup struct {
	At     time.Time // zero: none was seen
	Unseen string    // why there may be another one, as a sentence; empty: there is none
	Soon   bool      // Unseen is only because they are being read
}

// backupsSeen is which containers of a cluster have backups, as its storages were last read: one after the other.
type backupsSeen struct {
	storages map[storageAt]*storageBackups
	next     time.Time // when it is looked whose turn it is
	underWay bool
	shown    *backupsShown // nil: nothing was read yet
}

// storageAt is a storage with contents of its own: a shared one has no node.
type storageAt struct{ name, node string }

// storageBackups are the backups on one storage.
type storageBackups struct {
	beat
	node    string            // that is asked; empty: blocked says why there is none
	blocked string            // as a sentence
	failed  string            // why the latest read brought nothing, as a sentence
	latest  map[int]time.Time // by VMID; nil: never read
}

// backupsShown is what a view tells of backups. It is immutable.
type backupsShown struct {
	latest map[int]time.Time
	unseen string
	soon   bool
}

// LastBackup tells of the newest backup of a container.
func (v *ClusterView) LastBackup(vmid int) LastBackup {
	if v.backups == nil {
		return LastBackup{Unseen: "The backups are being read.", Soon: true}
	}
	last := LastBackup{At: v.backups.latest[vmid], Unseen: v.backups.unseen, Soon: v.backups.soon}
	if at := berth.GuestPath(vmid); !v.Rights.Has(at, "VM.Backup") {
		last.Unseen, last.Soon = "The backups are not known: Berth's API token lacks VM.Backup on "+at+".", false
	}
	return last
}

// askBackups lists the backups on the storage whose turn it is.
func (p *poller) askBackups(ctx context.Context) {
	b, now := &p.backups, p.fleet.now()
	if p.health.State != Answering || p.insight.rights == nil || b.underWay || b.next.After(now) {
		return
	}
	b.next = now.Add(backupsLook)
	p.findBackupStorages()
	if b.shown.soon {
		b.next = now.Add(p.gap())
	}
	for _, at := range slices.SortedFunc(maps.Keys(b.storages), compareStorages) {
		s := b.storages[at]
		if s.node != "" && s.due(now) && p.budget.take(now, p.fleet.pace.Reads, savedForNews) {
			p.readBackups(ctx, at.name, s)
			return
		}
	}
}

func compareStorages(a, b storageAt) int {
	return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.node, b.node))
}

// findBackupStorages has an entry for every storage that can hold backups, and says which cannot be asked for them.
func (p *poller) findBackupStorages() {
	before := p.backups.storages
	p.backups.storages = map[storageAt]*storageBackups{}
	for i := range p.insight.storages {
		st := &p.insight.storages[i]
		if !slices.Contains(st.Content, "backup") {
			continue
		}
		at := storageOf(st.Name, st.Node, st.Shared)
		s, listed := p.backups.storages[at]
		if !listed {
			if s = before[at]; s == nil {
				s = &storageBackups{}
			}
			s.node = ""
			p.backups.storages[at] = s
		}
		if s.node == "" { // any node that can use a shared one
			s.node, s.blocked = p.askableAt(st)
		}
	}
	p.showBackups(false)
}

func storageOf(name, node string, shared bool) storageAt {
	if shared {
		return storageAt{name: name}
	}
	return storageAt{name, node}
}

// askableAt gives the node to ask for the backups on a storage, or why it cannot be asked.
func (p *poller) askableAt(st *berth.Storage) (node, blocked string) {
	switch path := berth.StoragePath(st.Name); {
	case !p.insight.rights.Has(path, "Datastore.AllocateSpace"):
		return "", "The backups on " + st.Name + " are not known: Berth's API token lacks Datastore.AllocateSpace on " + path + "."
	case !st.Available:
		return "", "The backups on " + st.Name + " of " + st.Node + " are not known: the storage cannot be used now."
	}
	return st.Node, ""
}

func (p *poller) readBackups(ctx context.Context, storage string, s *storageBackups) {
	p.backups.underWay = true
	s.begin(p.fleet.now())
	node := s.node
	p.ask(ctx, func(ctx context.Context) func() {
		volumes, err := p.client.StorageContent(ctx, node, storage, pve.ContentQuery{Content: "backup"})
		return func() { p.takeBackups(storage, s, volumes, err) }
	})
}

func (p *poller) takeBackups(storage string, s *storageBackups, volumes []pve.Volume, err error) {
	now := p.fleet.now()
	p.backups.underWay, p.backups.next = false, now
	if err != nil {
		s.fail(now, backupsEvery)
		s.failed = sentence("the backups on " + storage + " are not known: " + plainProblem(err))
	} else {
		s.end(now, backupsEvery, backupsGap)
		s.failed, s.latest = "", latestByVMID(volumes)
	}
	p.showBackups(true)
}

// latestByVMID gives when the newest backup of each container was made.
func latestByVMID(volumes []pve.Volume) map[int]time.Time {
	latest := map[int]time.Time{}
	for i := range volumes {
		v := &volumes[i]
		if v.VMID > 0 && v.Subtype != "qemu" && v.Time.After(latest[v.VMID]) {
			latest[v.VMID] = v.Time
		}
	}
	return latest
}

// noteBackups takes in the backups of one container on a storage that somebody else has listed just now.
func (p *poller) noteBackups(storage, node string, vmid int, latest time.Time) {
	s := p.backups.storages[storageAt{name: storage}]
	if s == nil {
		s = p.backups.storages[storageAt{storage, node}]
	}
	if s == nil || s.latest == nil || s.latest[vmid].Equal(latest) {
		return
	}
	s.latest[vmid] = latest
	p.showBackups(true)
}

// backupsSoon has the storages of a node listed soon: a task has made or removed backups there.
func (p *poller) backupsSoon(node string) {
	if at := p.fleet.now().Add(backupsGap); at.Before(p.backups.next) {
		p.backups.next = at
	}
	for at, s := range p.backups.storages {
		if at.node == "" || at.node == node {
			s.soon(backupsGap)
		}
	}
}

// showBackups makes what views tell. Unless something was read it only differs if what is not known does.
func (p *poller) showBackups(read bool) {
	shown := &backupsShown{latest: map[int]time.Time{}}
	shown.unseen, shown.soon = p.unseenBackups()
	if was := p.backups.shown; was != nil && !read && was.unseen == shown.unseen && was.soon == shown.soon {
		return
	}
	for _, s := range p.backups.storages {
		for vmid, at := range s.latest {
			if at.After(shown.latest[vmid]) {
				shown.latest[vmid] = at
			}
		}
	}
	p.backups.shown, p.changed = shown, true
}

// unseenBackups says why there may be backups that were not seen; soon: only because they are being read.
func (p *poller) unseenBackups() (unseen string, soon bool) {
	if !p.insight.rights.Has("/storage", "Datastore.Audit") && !p.insight.rights.Has("/storage", "Datastore.AllocateSpace") {
		return "There may be backups on storages that Berth's API token may not see.", false
	}
	for _, at := range slices.SortedFunc(maps.Keys(p.backups.storages), compareStorages) {
		switch s := p.backups.storages[at]; {
		case s.node == "":
			return s.blocked, false
		case s.failed != "":
			return s.failed, false
		case s.latest == nil:
			unseen, soon = "The backups are being read.", true
		}
	}
	return unseen, soon
}
