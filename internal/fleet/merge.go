package fleet

import (
	"slices"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

// merged is the outcome of a merge. Rows that did not change are the same pointers as in the one before.
type merged struct {
	containers []*berth.Container // by VMID
	nodes      []berth.Node
	counts     berth.Counts
	totals     berth.Totals
}

// keeping gives m with the slices of before where they hold the same, so that "nothing changed" is cheap to see.
func (m merged) keeping(before merged) merged {
	if slices.Equal(m.containers, before.containers) {
		m.containers = before.containers
	}
	if slices.Equal(m.nodes, before.nodes) {
		m.nodes = before.nodes
	}
	return m
}

// merge combines the list, what single containers said since, and what Berth knows, into p.merged. The list, the tracked
// rows and the containers as they were are all in the order of their VMIDs, so one walk along all three does it.
func (p *poller) merge() {
	now := p.fleet.now()
	offline := p.offlineNodes(p.merged, now)
	next := merged{containers: make([]*berth.Container, 0, len(p.list.rows)+len(p.tracked))}
	walk := walk{rows: p.list.rows, tracked: p.tracked, before: p.merged.containers}
	for walk.next() {
		var c *berth.Container
		if walk.row != nil {
			c = p.mergeRow(walk.row, walk.t, walk.was, offline, now)
		} else {
			c = p.missing(walk.t, walk.was, now)
		}
		next.containers = append(next.containers, c)
		next.counts.Add(c.Status)
	}
	next.nodes = p.mergeNodes(next.containers, offline)
	next.totals = totalsOf(&p.list.resources)
	p.merged = next.keeping(p.merged)
}

// walk goes along rows, tracked rows and the containers before, VMID by VMID.
type walk struct {
	rows    []*pve.ContainerResource
	tracked []store.Tracked
	before  []*berth.Container

	// of the VMID that next has come to; nil where there is none
	row *pve.ContainerResource
	t   *store.Tracked
	was *berth.Container
}

// next steps to the next VMID that is listed or tracked.
func (w *walk) next() bool {
	if len(w.rows) == 0 && len(w.tracked) == 0 {
		return false
	}
	w.row, w.t, w.was = nil, nil, nil
	listed := len(w.rows) > 0 && (len(w.tracked) == 0 || w.rows[0].VMID <= w.tracked[0].VMID)
	tracked := len(w.tracked) > 0 && (len(w.rows) == 0 || w.tracked[0].VMID <= w.rows[0].VMID)
	vmid := 0
	if listed {
		w.row, w.rows = w.rows[0], w.rows[1:]
		vmid = w.row.VMID
	}
	if tracked {
		w.t, w.tracked = &w.tracked[0], w.tracked[1:]
		vmid = w.t.VMID
	}
	for len(w.before) > 0 && w.before[0].VMID < vmid {
		w.before = w.before[1:]
	}
	if len(w.before) > 0 && w.before[0].VMID == vmid {
		w.was = w.before[0]
	}
	return true
}

func (p *poller) view() *ClusterView {
	return &ClusterView{Cluster: p.cluster, Health: p.health, Nodes: p.merged.nodes, Containers: p.merged.containers,
		Counts: p.merged.counts, Tasks: p.tasks.latest, Totals: p.merged.totals, History: p.history,
		Storages: p.insight.storages, Connection: p.connection(), Rights: p.insight.rights, backups: p.backups.shown}
}
