package fleet

import (
	"cmp"
	"slices"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

// uptimeSlack is how much a start time computed from an uptime may wander between samples, which are up to 14 s old,
// before it counts as another start.
const uptimeSlack = 20 * time.Second

// mergeRow makes the container of one row of the list, of its tracked row t if it has one; before is the container as it
// was, if there was one.
func (p *poller) mergeRow(row *pve.ContainerResource, t *store.Tracked, before *berth.Container, offline map[string]time.Time, now time.Time) *berth.Container {
	c := &p.scratch
	*c = berth.Container{Cluster: p.cluster.Name, VMID: row.VMID, Node: row.Node, Hostname: row.Name, Tags: row.Tags, Pool: row.Pool,
		Lock: row.Lock, HAState: row.HAState, PVETemplate: row.Template, OddFields: row.Odd, SeenAt: p.health.AnsweredAt}
	c.Live = berth.LiveStatus(row.Status)
	if row.Sampled() {
		setFigures(c, row, p.health.AnsweredAt)
	} else if before != nil {
		keepFigures(c, before)
	}
	if f, ok := p.fresh[row.VMID]; ok && f.node == row.Node && !f.at.IsZero() {
		applyFresh(c, f, p.list.at)
	}
	if t != nil {
		applyTracked(c, t)
	}
	p.applyFacts(c)
	c.Lacks = p.lacksOf(row.VMID)
	p.setStatus(c, before, offline, now)
	c.Pending = p.fleet.pendingOf(c)
	after := settled(c, before)
	p.noticeStart(after, before)
	if after != before {
		p.noticeDifference(after, before)
		p.noticeConfigured(after, before)
	}
	return after
}

// noticeConfigured has the configuration read when the list shows another one.
func (p *poller) noticeConfigured(c, before *berth.Container) {
	if before == nil || !before.HasFigures || !c.HasFigures || p.health.State != Answering {
		return
	}
	if c.CPUs != before.CPUs || c.MemoryLimitBytes != before.MemoryLimitBytes || !slices.Equal(c.Tags, before.Tags) || c.Hostname != before.Hostname {
		p.wantConfig(c.VMID)
	}
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

// applyFresh lets what the container said itself outweigh the list: the figures always, the lock and the tags, which are
// current in the list, only when it is newer.
func applyFresh(c *berth.Container, f *fresh, listAt time.Time) {
	s := &f.status
	if f.at.After(listAt) {
		c.Lock, c.Tags = s.Lock, s.Tags
	}
	c.HasFigures = true
	c.Live = berth.LiveStatus(s.Status)
	c.Hostname = cmp.Or(s.Name, c.Hostname)
	c.PVETemplate = c.PVETemplate || s.Template
	c.MemoryBytes, c.MemoryLimitBytes = s.MemoryBytes, s.MaxMemoryBytes
	c.DiskBytes, c.DiskLimitBytes = s.DiskBytes, s.MaxDiskBytes
	c.NetInBytes, c.NetOutBytes = s.NetInBytes, s.NetOutBytes
	c.CPUs = cmp.Or(c.CPUs, s.CPUs)
	c.StartedAt = time.Time{}
	if c.Live != berth.LiveRunning {
		c.CPU = 0
	}
	if s.Uptime > 0 {
		c.StartedAt = f.at.Add(-s.Uptime)
	}
}

// applyTracked adds what only Berth knows. The age of the row is not that of the container: Berth began to track it when
// somebody first acted on it.
func applyTracked(c *berth.Container, t *store.Tracked) {
	c.ID, c.Lifecycle, c.Template, c.Services = t.ID, t.Lifecycle, t.Template, t.Services
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
	c := &p.scratch
	*c = berth.Container{Cluster: p.cluster.Name, VMID: t.VMID, Node: t.Node}
	if before != nil {
		*c = *before
		c.Live = ""
	}
	applyTracked(c, t)
	c.Unknown, c.Since = "", time.Time{}
	c.Status = berth.MergeStatus(c.Lifecycle, "", true)
	if c.Status == berth.StatusUnknown {
		c.Unknown, c.Since = p.missingReason(t.ID, now)
		keepSince(c, before)
	}
	c.Pending = p.fleet.pendingOf(c)
	return settled(c, before)
}
