package fleet

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

// merged is the outcome of a merge. Rows that did not change are the same pointers as in the one before.
type merged struct {
	containers []*berth.Container
	nodes      []berth.Node
	counts     berth.Counts
	byVMID     map[int]*berth.Container
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

// uptimeSlack is how much a start time computed from an uptime may wander between samples, which are up to 14 s old,
// before it counts as another start.
const uptimeSlack = 20 * time.Second

// merge combines the last answer, the newer answers of single containers, and what Berth knows, into p.merged.
func (p *poller) merge() {
	now := p.fleet.now()
	before := p.merged
	next := merged{byVMID: make(map[int]*berth.Container, len(p.resources.Containers))}
	offline := p.offlineNodes(before, now)
	trackedBy := p.trackedByVMID()
	for i := range p.resources.Containers {
		row := &p.resources.Containers[i]
		c := p.mergeRow(row, trackedBy[row.VMID], before.byVMID[row.VMID], offline, now)
		next.byVMID[row.VMID] = c
		next.containers = append(next.containers, c)
		delete(trackedBy, row.VMID)
	}
	for vmid, t := range trackedBy { // tracked ones that Proxmox does not know
		c := p.missing(t, before.byVMID[vmid], now)
		next.byVMID[vmid] = c
		next.containers = append(next.containers, c)
	}
	slices.SortFunc(next.containers, func(a, b *berth.Container) int { return cmp.Compare(a.VMID, b.VMID) })
	for _, c := range next.containers {
		next.counts.Add(c.Status)
	}
	next.nodes = p.mergeNodes(next.containers, offline)
	p.merged = next.keeping(before)
}

func (p *poller) trackedByVMID() map[int]*store.Tracked {
	byVMID := make(map[int]*store.Tracked, len(p.tracked))
	for i := range p.tracked {
		byVMID[p.tracked[i].VMID] = &p.tracked[i]
	}
	return byVMID
}

// mergeRow makes the container of one row of the answer; before is the container as it was, if there was one.
func (p *poller) mergeRow(row *pve.ContainerResource, t *store.Tracked, before *berth.Container, offline map[string]time.Time, now time.Time) *berth.Container {
	c := &berth.Container{Cluster: p.cluster.Name, VMID: row.VMID, Node: row.Node, Hostname: row.Name, Tags: row.Tags,
		Pool: row.Pool, Lock: row.Lock, HAState: row.HAState, OddFields: row.Odd, SeenAt: p.health.AnsweredAt}
	c.Live = berth.LiveStatus(row.Status)
	if row.Sampled() {
		setFigures(c, row, p.health.AnsweredAt)
	} else if before != nil {
		keepFigures(c, before)
	}
	if o, ok := p.overlays[row.VMID]; ok && o.node == row.Node {
		applyOverlay(c, o)
	}
	if t != nil {
		applyTracked(c, t)
	}
	p.setStatus(c, before, offline, now)
	return settled(c, before)
}

func setFigures(c *berth.Container, row *pve.ContainerResource, at time.Time) {
	c.HasFigures = true
	c.CPU, c.CPUs = row.CPU, row.MaxCPU
	c.MemoryBytes, c.MemoryLimitBytes = row.MemoryBytes, row.MaxMemoryBytes
	c.DiskBytes, c.DiskLimitBytes = row.DiskBytes, row.MaxDiskBytes
	c.NetInBytes, c.NetOutBytes = row.NetInBytes, row.NetOutBytes
	if row.Uptime > 0 {
		c.StartedAt = at.Add(-row.Uptime)
	}
}

// keepFigures keeps what was last known of a container of which Proxmox has no sample now: just created, or its node
// has been away for five minutes.
func keepFigures(c, before *berth.Container) {
	c.Hostname = cmp.Or(c.Hostname, before.Hostname)
	c.HasFigures = before.HasFigures
	c.CPU, c.CPUs = before.CPU, before.CPUs
	c.MemoryBytes, c.MemoryLimitBytes = before.MemoryBytes, before.MemoryLimitBytes
	c.DiskBytes, c.DiskLimitBytes = before.DiskBytes, before.DiskLimitBytes
	c.NetInBytes, c.NetOutBytes = before.NetInBytes, before.NetOutBytes
	c.StartedAt = before.StartedAt
}

func applyOverlay(c *berth.Container, o overlay) {
	s := o.status
	c.HasFigures = true
	c.Live = berth.LiveStatus(s.Status)
	c.Hostname = cmp.Or(s.Name, c.Hostname)
	c.MemoryBytes, c.MemoryLimitBytes = s.MemoryBytes, s.MaxMemoryBytes
	c.DiskBytes, c.DiskLimitBytes = s.DiskBytes, s.MaxDiskBytes
	c.NetInBytes, c.NetOutBytes = s.NetInBytes, s.NetOutBytes
	c.CPUs = cmp.Or(c.CPUs, s.CPUs)
	c.StartedAt = time.Time{}
	if c.Live != berth.LiveRunning {
		c.CPU = 0
	}
	if s.Uptime > 0 {
		c.StartedAt = o.at.Add(-s.Uptime)
	}
}

func applyTracked(c *berth.Container, t *store.Tracked) {
	c.ID, c.Lifecycle, c.Template, c.Services, c.CreatedAt = t.ID, t.Lifecycle, t.Template, t.Services, t.CreatedAt
	c.Hostname = cmp.Or(c.Hostname, t.Hostname)
}

// setStatus applies the merge rule and says why a status is unknown, and since when.
func (p *poller) setStatus(c, before *berth.Container, offline map[string]time.Time, now time.Time) {
	since, nodeDown := offline[c.Node]
	answering := p.health.State == Answering
	c.Status = berth.MergeStatus(c.Lifecycle, c.Live, answering && !nodeDown)
	if c.Status != berth.StatusUnknown {
		return
	}
	switch {
	case p.health.State == Failing:
		c.Unknown, c.Since = berth.UnknownCluster, p.health.Since
	case p.health.State == Connecting:
		c.Unknown, c.Since = berth.UnknownNeverPolled, p.health.AnsweredAt
	case nodeDown:
		c.Unknown, c.Since = berth.UnknownNode, since
	default:
		c.Unknown, c.Since = berth.UnknownNotSampled, now
	}
	keepSince(c, before)
}

// missing makes the container of a tracked row that the cluster did not list.
func (p *poller) missing(t *store.Tracked, before *berth.Container, now time.Time) *berth.Container {
	c := &berth.Container{Cluster: p.cluster.Name, VMID: t.VMID, Node: t.Node}
	if before != nil {
		*c = *before
		c.Live = ""
	}
	applyTracked(c, t)
	c.Unknown, c.Since = "", time.Time{}
	c.Status = berth.MergeStatus(c.Lifecycle, "", true)
	if c.Status == berth.StatusUnknown {
		c.Unknown, c.Since = p.missingReason(now)
		keepSince(c, before)
	}
	return settled(c, before)
}

func (p *poller) missingReason(now time.Time) (berth.UnknownReason, time.Time) {
	switch p.health.State {
	case Failing:
		return berth.UnknownCluster, p.health.Since
	case Connecting:
		return berth.UnknownNeverPolled, p.health.AnsweredAt
	default:
		return berth.UnknownGone, now
	}
}

// keepSince keeps the time at which the same reason was first seen.
func keepSince(c, before *berth.Container) {
	if before != nil && before.Unknown == c.Unknown && !before.Since.IsZero() {
		c.Since = before.Since
	}
}

// settled gives before when c shows nothing else, so that an unchanged container stays the same pointer.
func settled(c, before *berth.Container) *berth.Container {
	if before == nil {
		return c
	}
	if wander := c.StartedAt.Sub(before.StartedAt); -uptimeSlack < wander && wander < uptimeSlack {
		c.StartedAt = before.StartedAt
	}
	if sameContainer(c, before) {
		return before
	}
	return c
}

// sameContainer compares everything that can be seen of a container; SeenAt alone is no change.
func sameContainer(a, b *berth.Container) bool {
	return a.ID == b.ID && a.Node == b.Node && a.Hostname == b.Hostname && a.Lifecycle == b.Lifecycle && a.Live == b.Live &&
		a.Status == b.Status && a.Unknown == b.Unknown && a.Since.Equal(b.Since) && sameFigures(a, b) &&
		a.Pool == b.Pool && a.Lock == b.Lock && a.HAState == b.HAState && a.Template == b.Template && a.CreatedAt.Equal(b.CreatedAt) &&
		slices.Equal(a.OddFields, b.OddFields) && slices.Equal(a.Tags, b.Tags) && slices.Equal(a.Addresses, b.Addresses) && slices.Equal(a.Services, b.Services)
}

func sameFigures(a, b *berth.Container) bool {
	return a.HasFigures == b.HasFigures && a.CPU == b.CPU && a.CPUs == b.CPUs && a.MemoryBytes == b.MemoryBytes &&
		a.MemoryLimitBytes == b.MemoryLimitBytes && a.DiskBytes == b.DiskBytes && a.DiskLimitBytes == b.DiskLimitBytes &&
		a.NetInBytes == b.NetInBytes && a.NetOutBytes == b.NetOutBytes && a.StartedAt.Equal(b.StartedAt)
}

// offlineNodes gives the nodes that the cluster says are offline, and since when.
func (p *poller) offlineNodes(before merged, now time.Time) map[string]time.Time {
	since := map[string]time.Time{}
	for _, n := range before.nodes {
		if !n.Online {
			since[n.Name] = n.Since
		}
	}
	offline := map[string]time.Time{}
	for i := range p.resources.Nodes {
		n := &p.resources.Nodes[i]
		if n.Status == "online" {
			continue
		}
		offline[n.Node] = now
		if at, known := since[n.Node]; known {
			offline[n.Node] = at
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
	nodes := make([]berth.Node, 0, len(p.resources.Nodes))
	for i := range p.resources.Nodes {
		n := &p.resources.Nodes[i]
		since, down := offline[n.Node]
		nodes = append(nodes, berth.Node{Cluster: p.cluster.Name, Name: n.Node, Online: !down, Since: since,
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

func (p *poller) view() *ClusterView {
	return &ClusterView{Cluster: p.cluster, Health: p.health, Nodes: p.merged.nodes, Containers: p.merged.containers, Counts: p.merged.counts}
}
