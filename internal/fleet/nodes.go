package fleet

import (
	"slices"
	"strings"
	"time"

	"berth"
	"berth/internal/pve"
)

// offlineNodes gives the nodes of which nothing can be said, and since when.
func (p *poller) offlineNodes(before merged, now time.Time) map[string]time.Time {
	since := map[string]time.Time{}
	for _, n := range before.nodes {
		if !n.Online {
			since[n.Name] = n.Since
		}
	}
	offline := map[string]time.Time{}
	for i := range p.list.resources.Nodes {
		n := &p.list.resources.Nodes[i]
		at, isOffline := p.offlineSince(n, now)
		if !isOffline {
			continue
		}
		offline[n.Node] = at
		if earlier, known := since[n.Node]; known {
			offline[n.Node] = earlier
		}
	}
	return offline
}

func (p *poller) mergeNodes(containers []*berth.Container, offline map[string]time.Time) []berth.Node {
	counts := map[string]berth.Counts{}
	for _, c := range containers {
		of := counts[c.Node]
		of.Add(c.Status)
		counts[c.Node] = of
	}
	nodes := make([]berth.Node, 0, len(p.list.resources.Nodes))
	for i := range p.list.resources.Nodes {
		n := &p.list.resources.Nodes[i]
		since, down := offline[n.Node]
		said := p.insight.nodes[n.Node]
		nodes = append(nodes, berth.Node{Load: said.load, Version: said.version, Cluster: p.cluster.Name, Name: n.Node, Online: !down, Since: since,
			CPUs: n.MaxCPU, CPU: n.CPU, MemoryBytes: n.MemoryBytes, MemoryLimitBytes: n.MaxMemoryBytes, Containers: counts[n.Node],
			StartedAt: p.nodeStartedAt(n)})
	}
	slices.SortFunc(nodes, func(a, b berth.Node) int { return strings.Compare(a.Name, b.Name) })
	return nodes
}

// nodeStartedAt keeps the start time that was computed before while the uptime agrees with it.
func (p *poller) nodeStartedAt(n *pve.NodeResource) time.Time {
	if n.Uptime <= 0 {
		return time.Time{}
	}
	at := p.health.AnsweredAt.Add(-n.Uptime)
	for _, before := range p.merged.nodes {
		if wander := at.Sub(before.StartedAt); before.Name == n.Node && -uptimeSlack < wander && wander < uptimeSlack {
			return before.StartedAt
		}
	}
	return at
}
