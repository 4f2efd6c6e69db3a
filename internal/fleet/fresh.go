package fleet

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"berth/internal/pve"
)

const (
	freshKept  = 25 * time.Second // how long a container's own answer outweighs the statistics of the cluster
	freshUntil = 2 * time.Minute  // how long a container is read again while the statistics do not agree
	rereadGaps = 8                // first wait before that, in looks at the tasks; each wait is twice the one before
)

// fresh is a container that a task was about, and what it said itself since: newer than the cluster's statistics. It is
// read again until the statistics have caught up.
type fresh struct {
	since    time.Time
	next     time.Time // when it is read (again)
	underWay bool
	again    bool // a task was about it during the read
	reads    int

	at     time.Time // of the answer; zero when there is none yet
	node   string
	status pve.ContainerStatus
}

// followContainer has a container read at once.
func (p *poller) followContainer(vmid int) {
	f, ok := p.fresh[vmid]
	if !ok {
		f = &fresh{}
		p.fresh[vmid] = f
	}
	now := p.fleet.now()
	f.since, f.next, f.again, f.reads = now, now, f.underWay, 0
}

// askFresh reads the containers whose turn it is, those that have waited longest first.
func (p *poller) askFresh(ctx context.Context) {
	if len(p.fresh) == 0 || p.health.State != Answering {
		return
	}
	now := p.fleet.now()
	byTurn := slices.SortedFunc(maps.Keys(p.fresh), func(a, b int) int { return cmp.Or(p.fresh[a].next.Compare(p.fresh[b].next), cmp.Compare(a, b)) })
	for _, vmid := range byTurn {
		f := p.fresh[vmid]
		if f.underWay || f.next.After(now) {
			continue
		}
		row, listed := p.list.row(vmid)
		if !listed {
			delete(p.fresh, vmid)
			continue
		}
		keep := savedForAnybody
		if f.reads > 0 && !f.again {
			keep = savedForUrgent
		}
		if p.mayRead(row.Node, now) && p.budget.take(now, p.fleet.pace.Reads, keep) {
			p.readStatus(ctx, vmid, row.Node, f)
		}
	}
}

func (p *poller) readStatus(ctx context.Context, vmid int, node string, f *fresh) {
	f.underWay, f.again = true, false
	p.beginRead(node)
	at := p.fleet.now()
	p.ask(ctx, func(ctx context.Context) func() {
		status, err := p.client.ContainerStatus(ctx, node, vmid)
		return func() { p.takeStatus(vmid, node, f, status, at, err) }
	})
}

func (p *poller) takeStatus(vmid int, node string, f *fresh, status pve.ContainerStatus, at time.Time, err error) {
	p.endRead(node, err)
	now := p.fleet.now()
	f.underWay = false
	f.next = now.Add(rereadGaps * p.fleet.pace.WatchedTasks << min(f.reads, 1))
	f.reads++
	if f.again {
		f.next = now
	}
	switch {
	case err == nil:
		f.status, f.node, f.at = status, node, at
		p.changed = true
	case !isNodeProblem(err): // deleted or moved: the list tells
		delete(p.fresh, vmid)
		p.listSoon()
	}
}

// dropCaughtUp forgets what containers answered when the statistics say the same, or when it has become too old to
// outweigh them.
func (p *poller) dropCaughtUp(now time.Time) {
	for vmid, f := range p.fresh {
		row, listed := p.list.row(vmid)
		agrees := listed && !f.at.IsZero() && !f.again && !f.next.Equal(f.since) && p.agrees(f, row)
		if agrees || now.Sub(f.since) > freshUntil || !f.at.IsZero() && now.Sub(f.at) > freshKept {
			delete(p.fresh, vmid)
		}
	}
}

// agrees tells whether the statistics of a container have caught up with what it said itself: same node, same status,
// same name, and running since the same time.
func (p *poller) agrees(f *fresh, row *pve.ContainerResource) bool {
	if !row.Sampled() || row.Status != f.status.Status || row.Node != f.node || p.list.at.Before(f.at) {
		return false
	}
	if row.Template != f.status.Template || f.status.Name != "" && row.Name != f.status.Name {
		return false
	}
	drift := p.list.at.Add(-row.Uptime).Sub(f.at.Add(-f.status.Uptime))
	return row.Status != "running" || -uptimeSlack < drift && drift < uptimeSlack
}
