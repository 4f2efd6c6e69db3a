package fleet

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

const (
	pendingAnyway = 15 * time.Second // how often the jobs under way are read without news of any
	tellTimeout   = 2 * time.Second  // of handing something to a poller, whose loop never waits for anybody
)

// loadPending notes what is being done to which containers, and has those shown that changed.
func (a *Actions) loadPending(ctx context.Context) error {
	active, err := a.fleet.store.ActiveJobs(ctx)
	if err != nil {
		return err
	}
	now := pendingByPlace{}
	for _, j := range active {
		if at, ok := placeOf(j.Subject); ok {
			now[at] = berth.Pending{Action: j.Action, By: j.Actor, JobID: j.ID, Since: j.CreatedAt}
		}
	}
	before := a.fleet.pending.Swap(&now)
	if before == nil {
		before = &pendingByPlace{}
	}
	if maps.Equal(*before, now) {
		return nil
	}
	for _, p := range a.fleet.allPollers() {
		stale := p.tracksOthers(*before, now) || p.tracksOthers(now, *before)
		p.tell(ctx, func() {
			p.changed = true
			if stale {
				p.reloadTracked()
			}
		})
	}
	return nil
}

// pendingByPlace is what is being done to which containers.
type pendingByPlace map[place]berth.Pending

// place is the key of a container in parts, which are cheap to look up.
type place struct {
	cluster string
	vmid    int
}

func placeOf(key string) (place, bool) {
	cluster, number, _ := strings.Cut(key, "/")
	vmid, err := strconv.Atoi(number)
	return place{cluster, vmid}, err == nil
}

// tracksOthers tells whether some job that is not among the others, because it began or ended, maybe in another process, is
// about a container that is not tracked here yet, or was to be deleted.
func (p *poller) tracksOthers(some, others pendingByPlace) bool {
	snapshot := p.fleet.Snapshot()
	for at, pending := range some {
		if at.cluster != p.cluster.Name || others[at] == pending {
			continue
		}
		c, found := snapshot.Find(at.cluster, at.vmid)
		if action := berth.Action(pending.Action); !found || !c.Tracked() || removes(action) || action == berth.ActionCreate {
			return true
		}
	}
	return false
}

// pendingOf is what is being done to c; nil if nothing.
func (f *Fleet) pendingOf(c *berth.Container) *berth.Pending {
	all := f.pending.Load()
	if all == nil {
		return nil
	}
	if pending, ok := (*all)[place{c.Cluster, c.VMID}]; ok {
		return &pending
	}
	return nil
}

func (f *Fleet) allPollers() []*poller {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]*poller, 0, len(f.pollers))
	for _, p := range f.pollers {
		all = append(all, p)
	}
	return all
}

// tell has the poller's loop do something. A poller that has stopped does not; the next one loads everything anew.
func (p *poller) tell(ctx context.Context, do func()) {
	if p.client == nil {
		return
	}
	timer := time.NewTimer(tellTimeout)
	defer timer.Stop()
	select {
	case p.outcomes <- do:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// reloadTracked reads the tracked containers again after one was added.
func (p *poller) reloadTracked() {
	ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
	defer cancel()
	p.reread.begun++
	tracked, err := p.fleet.store.TrackedContainers(ctx, p.cluster.ID)
	p.takeTracked(p.reread.begun, tracked, err)
}

// showStatus shows at once what a container said itself after an action.
func (p *poller) showStatus(vmid int, node string, status pve.ContainerStatus, at time.Time) {
	now := p.fleet.now()
	p.fresh[vmid] = &fresh{since: now, next: now.Add(rereadGaps * p.fleet.pace.WatchedTasks), reads: 1, at: at, node: node, status: status}
	p.changed = true
}

// showGone takes a container off the list that an action has deleted; the next list does not have it either.
func (p *poller) showGone(vmid int) {
	rows := p.list.rows[:0:0]
	for _, row := range p.list.rows {
		if row.VMID != vmid {
			rows = append(rows, row)
		}
	}
	p.list.rows = rows
	delete(p.fresh, vmid)
	p.tracked = slices.DeleteFunc(p.tracked, func(t store.Tracked) bool { return t.VMID == vmid })
	p.forgetFacts(vmid)
	p.noteDeleted(vmid)
	p.changed = true
	p.list.soon(p.gap())
}
