package fleet

import (
	"slices"

	"berth"
)

// keepSince keeps the time at which the same reason was first seen.
func keepSince(c, before *berth.Container) {
	if before != nil && before.Unknown == c.Unknown && !before.Since.IsZero() {
		c.Since = before.Since
	}
}

// settled gives before when c shows nothing else, so that an unchanged container stays the same pointer; otherwise a copy
// of c.
func settled(c, before *berth.Container) *berth.Container {
	if before == nil {
		return new(*c)
	}
	if wander := c.StartedAt.Sub(before.StartedAt); -uptimeSlack < wander && wander < uptimeSlack {
		c.StartedAt = before.StartedAt
	}
	if sameContainer(c, before) {
		return before
	}
	return new(*c)
}

// sameContainer compares everything that can be seen of a container; SeenAt alone is no change.
func sameContainer(a, b *berth.Container) bool {
	return a.ID == b.ID && samePending(a.Pending, b.Pending) && a.Node == b.Node && a.Hostname == b.Hostname && a.Lifecycle == b.Lifecycle && a.Live == b.Live &&
		a.Status == b.Status && a.Unknown == b.Unknown && a.Since.Equal(b.Since) && sameFigures(a, b) &&
		a.Pool == b.Pool && a.Lock == b.Lock && a.HAState == b.HAState && a.PVETemplate == b.PVETemplate && a.Protected == b.Protected && a.OnBoot == b.OnBoot && a.OSType == b.OSType && a.Template == b.Template && a.CreatedAt.Equal(b.CreatedAt) &&
		slices.Equal(a.Lacks, b.Lacks) && slices.Equal(a.OddFields, b.OddFields) && slices.Equal(a.Tags, b.Tags) && slices.Equal(a.Addresses, b.Addresses) && slices.Equal(a.Services, b.Services)
}

func sameFigures(a, b *berth.Container) bool {
	return a.HasFigures == b.HasFigures && a.CPU == b.CPU && a.CPUs == b.CPUs && a.MemoryBytes == b.MemoryBytes &&
		a.MemoryLimitBytes == b.MemoryLimitBytes && a.DiskBytes == b.DiskBytes && a.DiskLimitBytes == b.DiskLimitBytes &&
		a.NetInBytes == b.NetInBytes && a.NetOutBytes == b.NetOutBytes && a.StartedAt.Equal(b.StartedAt)
}

func samePending(a, b *berth.Pending) bool { return a == b || a != nil && b != nil && *a == *b }
