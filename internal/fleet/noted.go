package fleet

import (
	"context"
	"fmt"
	"maps"
	"time"

	"berth"
	"berth/internal/store"
)

// noted is how the containers were when a change was last entered in the history, in this process or another one, and
// which of them differ from that now. What changes by a task has the task's entry; what changes without one, because it was
// done inside the container, by hand on the node, or by the HA manager, gets its entry here.
type noted struct {
	byVMID    map[int]store.Noted
	filling   bool
	differing map[int]*differing // by VMID
}

// differing is a container that is not as noted.
type differing struct {
	store.NotedChange
	since     time.Time // it was as noted after this, as far as the statistics tell
	pending   bool      // a job of Berth is at work on it, and has entries of its own
	underWay  bool
	restsTill time.Time
}

const (
	statisticsLag = 14 * time.Second // at most, of what a list says of a container (pve-manager 9.2.11)
	differingRest = 10 * time.Second // after a look that brought nothing
)

func (p *poller) loadNoted(ctx context.Context) error {
	all, err := p.fleet.store.Noted(ctx, p.cluster.ID)
	if err != nil {
		return fmt.Errorf("load what is noted of cluster %s: %w", p.cluster.Name, err)
	}
	p.noted = noted{byVMID: make(map[int]store.Noted, len(all)), differing: map[int]*differing{}}
	for _, n := range all {
		p.noted.byVMID[n.VMID] = n
	}
	return nil
}

// askNoted enters how all containers are when a cluster is new here: that they are there is no news.
func (p *poller) askNoted(ctx context.Context) {
	if len(p.noted.byVMID) > 0 || p.noted.filling || p.health.State != Answering || len(p.merged.containers) == 0 {
		return
	}
	p.noted.filling = true
	at := p.fleet.now()
	changes := make([]store.NotedChange, 0, len(p.merged.containers))
	for _, c := range p.merged.containers {
		if c.Live == "" { // only Berth knows of it
			continue
		}
		changes = append(changes, store.NotedChange{Now: noteOf(c), At: at})
	}
	p.ask(ctx, func(ctx context.Context) func() {
		err := p.fleet.store.NoteChanges(ctx, p.cluster.ID, changes)
		return func() {
			p.noted.filling = false
			if err != nil {
				p.notStored("how containers are", err)
				return
			}
			p.takeNoted(changes)
		}
	})
}

func (p *poller) takeNoted(changes []store.NotedChange) {
	for _, c := range changes {
		if c.Now.VMID == 0 {
			delete(p.noted.byVMID, c.Was.VMID)
		} else {
			p.noted.byVMID[c.Now.VMID] = c.Now
		}
	}
}

func noteOf(c *berth.Container) store.Noted {
	return store.Noted{VMID: c.VMID, At: c.SeenAt, Live: c.Live, Node: c.Node}
}

func sameNote(a, b store.Noted) bool { return a.VMID == b.VMID && a.Live == b.Live && a.Node == b.Node }

// noticeDifference compares a container that has changed with what is noted of it. A status that nobody knows is no change.
func (p *poller) noticeDifference(c, before *berth.Container) {
	if len(p.noted.byVMID) == 0 || c.Unknown != "" || p.health.State != Answering {
		return
	}
	was, is := p.noted.byVMID[c.VMID], noteOf(c)
	d, ok := p.noted.differing[c.VMID]
	if sameNote(was, is) && (!ok || !d.underWay) {
		delete(p.noted.differing, c.VMID)
		return
	}
	if !ok {
		d = &differing{since: was.At}
		if before != nil && before.SeenAt.After(d.since) {
			d.since = before.SeenAt
		}
		d.since = d.since.Add(-statisticsLag)
		p.noted.differing[c.VMID] = d
	}
	d.Was, d.Now, d.At, d.pending = was, is, p.fleet.now(), d.pending || c.Pending != nil
}

// noticeVanished has the quorum looked at when a noted container is not listed any more. One that was never noted and is not
// listed any more is no difference.
func (p *poller) noticeVanished() {
	maps.DeleteFunc(p.noted.differing, func(vmid int, d *differing) bool {
		_, listed := p.list.row(vmid)
		return d.Was.VMID == 0 && !d.underWay && !listed
	})
	for vmid := range p.noted.byVMID {
		_, listed := p.list.row(vmid)
		if d := p.noted.differing[vmid]; !listed && (d == nil || d.Now.VMID != 0) {
			p.identity.vanished = true
			return
		}
	}
}

// noteVanished takes those for gone that a cluster with quorum does not list.
func (p *poller) noteVanished(now time.Time) {
	for vmid, was := range p.noted.byVMID {
		d := p.noted.differing[vmid]
		if _, listed := p.list.row(vmid); listed || d != nil && d.Now.VMID == 0 {
			continue
		}
		busy := p.fleet.pendingOf(&berth.Container{Cluster: p.cluster.Name, VMID: vmid}) != nil
		p.noted.differing[vmid] = &differing{NotedChange: store.NotedChange{Was: was, At: now}, since: was.At, pending: busy}
	}
}

// noteDeleted notes that a job of Berth has deleted a container.
func (p *poller) noteDeleted(vmid int) {
	if was, ok := p.noted.byVMID[vmid]; ok {
		p.noted.differing[vmid] = &differing{NotedChange: store.NotedChange{Was: was, At: p.fleet.now()}, pending: true}
	}
}
