package fleet

import (
	"sync"

	"berth"
)

// For is the part of the snapshot that somebody with this access may know of: its containers, counted anew, and the
// clusters and nodes that have some. It is the snapshot itself for those who see everything. Equal accesses share it.
//
// Of clusters and nodes only the name and whether they answer is left, because their figures, addresses and problems tell
// of what others do. The totals are those of the containers, without a history.
func (s *Snapshot) For(access berth.Access) *Snapshot {
	if !access.Limited() {
		return s
	}
	return s.parts.of(access.Key(), func() *Snapshot { return s.limitedTo(access) })
}

// parts are the parts of a snapshot that were asked for, by the key of the access.
type parts struct {
	mu    sync.Mutex
	byKey map[string]*Snapshot
}

func (p *parts) of(key string, compute func() *Snapshot) *Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	if part, ok := p.byKey[key]; ok {
		return part
	}
	if p.byKey == nil {
		p.byKey = map[string]*Snapshot{}
	}
	part := compute()
	p.byKey[key] = part
	return part
}

func (s *Snapshot) limitedTo(access berth.Access) *Snapshot {
	var views []*ClusterView
	for _, view := range s.Clusters {
		if part := view.limitedTo(access); len(part.Containers) > 0 {
			views = append(views, part)
		}
	}
	part := newSnapshot(views)
	part.Limited = true
	return part
}

const hiddenProblem = "Somebody who sees the whole cluster is told why."

func (v *ClusterView) limitedTo(access berth.Access) *ClusterView {
	part := &ClusterView{Cluster: berth.Cluster{ID: v.Cluster.ID, Name: v.Cluster.Name}, Health: v.Health}
	if part.Health.Problem != "" {
		part.Health.Problem = hiddenProblem
	}
	onNode, seen := map[string]*berth.Counts{}, map[string]bool{}
	for _, c := range v.Containers {
		if !access.Sees(c) {
			continue
		}
		part.Containers = append(part.Containers, c)
		part.Counts.Add(c.Status)
		part.Totals.Add(totalsOfContainer(c))
		seen[c.Key()] = true
		if onNode[c.Node] == nil {
			onNode[c.Node] = &berth.Counts{}
		}
		onNode[c.Node].Add(c.Status)
	}
	for _, n := range v.Nodes {
		if counts := onNode[n.Name]; counts != nil {
			part.Nodes = append(part.Nodes, berth.Node{Cluster: n.Cluster, Name: n.Name, Online: n.Online, Since: n.Since, Containers: *counts})
		}
	}
	for _, t := range v.Tasks {
		if !t.Former && seen[t.Subject] {
			part.Tasks = append(part.Tasks, t)
		}
	}
	return part
}

func totalsOfContainer(c *berth.Container) berth.Totals {
	if !c.HasFigures {
		return berth.Totals{}
	}
	return berth.Totals{Cores: c.CPU * c.CPUs, CoresTotal: c.CPUs, MemoryBytes: c.MemoryBytes, MemoryTotalBytes: c.MemoryLimitBytes,
		DiskBytes: c.DiskBytes, DiskTotalBytes: c.DiskLimitBytes}
}
