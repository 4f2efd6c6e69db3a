package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth"
	"berth/internal/pve"
)

const (
	saveTimeout = 2 * time.Second // of what is stored on the way; Berth may be stopping
	saveEvery   = time.Minute     // how often the last good answer is stored for the next start
)

// list is the cluster's own list of everything, /cluster/resources.
type list struct {
	beat
	resources pve.Resources
	rows      []*pve.ContainerResource // its containers by VMID, each once
	at        time.Time                // when the call that gave it began
	body      []byte                   // as it came, until it is saved
	savedAt   time.Time
}

func (l *list) set(resources pve.Resources, at time.Time) {
	l.resources, l.at = resources, at
	l.rows = make([]*pve.ContainerResource, 0, len(resources.Containers))
	for i := range resources.Containers {
		if resources.Containers[i].VMID > 0 {
			l.rows = append(l.rows, &resources.Containers[i])
		}
	}
	slices.SortStableFunc(l.rows, func(a, b *pve.ContainerResource) int { return cmp.Compare(a.VMID, b.VMID) })
	l.rows = slices.CompactFunc(l.rows, func(a, b *pve.ContainerResource) bool { return a.VMID == b.VMID })
}

// row finds the row of a container.
func (l *list) row(vmid int) (*pve.ContainerResource, bool) {
	i, found := slices.BinarySearchFunc(l.rows, vmid, func(c *pve.ContainerResource, vmid int) int { return cmp.Compare(c.VMID, vmid) })
	if !found {
		return nil, false
	}
	return l.rows[i], true
}

// askList asks for the list when it is due.
func (p *poller) askList(ctx context.Context) {
	at := p.fleet.now()
	if !p.list.due(at) {
		return
	}
	p.list.begin(at)
	p.ask(ctx, func(ctx context.Context) func() {
		resources, body, err := p.client.ResourcesRaw(ctx)
		return func() { p.takeList(resources, body, at, err) }
	})
}

func (p *poller) takeList(resources pve.Resources, body []byte, at time.Time, err error) {
	now := p.fleet.now()
	if err != nil {
		p.list.fail(now, p.fleet.pace.Idle)
		p.fail(err)
		return
	}
	p.list.end(now, p.pace(p.fleet.pace.WatchedResources), p.gap())
	p.list.set(resources, at)
	p.list.body = body
	p.insight.storages = storagesOf(p.cluster.Name, &resources)
	p.answered(at)
	p.watchStatistics(at)
	p.dropCaughtUp(now)
	p.noticeIdentity(now)
	p.noticeVanished()
	p.changed = true
}

// listSoon asks for the list out of turn, if the budget of reads has one more.
func (p *poller) listSoon() {
	if p.budget.take(p.fleet.now(), p.fleet.pace.Reads, savedForAnybody) {
		p.list.soon(p.gap())
	}
}

// gap is the least time between two lists.
func (p *poller) gap() time.Duration { return p.fleet.pace.WatchedTasks }

// pace is the given one while somebody watches.
func (p *poller) pace(watched time.Duration) time.Duration {
	if p.fleet.watched() {
		return watched
	}
	return p.fleet.pace.Idle
}

// loadList takes the last good answer from the database.
func (p *poller) loadList(ctx context.Context) error {
	body, at, err := p.fleet.store.LastAnswer(ctx, p.cluster.ID)
	if berth.CodeOf(err) == berth.NotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("load the last answer of cluster %s: %w", p.cluster.Name, err)
	}
	resources, err := pve.DecodeResources(body)
	if err != nil {
		p.fleet.log.Warn("the stored answer of a cluster cannot be read and is ignored", "cluster", p.cluster.Name, "error", err)
		return nil
	}
	p.list.set(resources, at)
	p.insight.storages = storagesOf(p.cluster.Name, &resources)
	p.health.AnsweredAt = at
	return nil
}

// saveList stores the last good answer for the next start.
func (p *poller) saveList(ctx context.Context) {
	if p.list.body == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	p.list.savedAt = p.fleet.now()
	if err := p.fleet.store.SaveAnswer(ctx, p.cluster.ID, p.list.at, p.list.body); err != nil {
		p.notStored("the last answer of a cluster", err)
		return
	}
	p.list.body = nil
}

// notStored logs what could not be stored, unless Berth is stopping or the cluster was removed: then nobody misses it.
func (p *poller) notStored(what string, err error) {
	if !errors.Is(err, context.Canceled) && berth.CodeOf(err) != berth.NotFound {
		p.fleet.log.Error("cannot store "+what, "cluster", p.cluster.Name, "error", err)
	}
}
