package fleet

import (
	"slices"
	"time"

	"berth"
	"berth/internal/pve"
)

// totalsOf sums up a cluster: cores and memory of its online nodes, everything that runs on them included, and the
// storages on which containers have their disks. A shared storage, which each node lists, counts once. Storages that lie
// on the same disks (a directory on the pool of another storage) count each, because Proxmox VE does not tell.
func totalsOf(r *pve.Resources) berth.Totals {
	var t berth.Totals
	for i := range r.Nodes {
		n := &r.Nodes[i]
		if n.Status != "online" {
			continue
		}
		t.Cores += n.CPU * n.MaxCPU
		t.CoresTotal += n.MaxCPU
		t.MemoryBytes += n.MemoryBytes
		t.MemoryTotalBytes += n.MaxMemoryBytes
	}
	counted := map[string]bool{}
	for i := range r.Storages {
		s := &r.Storages[i]
		if s.Status != "available" || !slices.Contains(s.Content, "rootdir") || s.Shared && counted[s.Storage] {
			continue
		}
		counted[s.Storage] = true
		t.DiskBytes += s.DiskBytes
		t.DiskTotalBytes += s.MaxDiskBytes
	}
	return t
}

const (
	momentEvery = 10 * time.Second // between moments of a history, at least
	momentsKept = 90               // 15 minutes of them
)

// withMoment adds a moment to a history unless its ten seconds have one already. Views share the array behind: they see
// only what was there when they were made, and what they see never changes.
func withMoment(history []berth.Moment, at time.Time, t berth.Totals) []berth.Moment {
	at = at.Truncate(momentEvery)
	if n := len(history); n > 0 && !at.After(history[n-1].At) {
		return history
	}
	history = append(history, berth.Moment{At: at, Totals: t})
	return history[max(0, len(history)-momentsKept):]
}

// momentKept is how long a moment of one cluster stands in for a later one in the sum of several: nobody watches, or a
// poll was late.
const momentKept = 3 * momentEvery

// combined sums up the histories of several clusters.
func combined(histories [][]berth.Moment) []berth.Moment {
	histories = slices.DeleteFunc(histories, func(h []berth.Moment) bool { return len(h) == 0 })
	if len(histories) < 2 {
		return slices.Concat(histories...)
	}
	from, till := span(histories)
	sum := make([]berth.Moment, 0, momentsKept)
	for at := from; !at.After(till); at = at.Add(momentEvery) {
		moment := berth.Moment{At: at}
		found := false
		for i, h := range histories {
			for len(h) > 1 && !h[1].At.After(at) {
				h = h[1:]
			}
			histories[i] = h
			if !h[0].At.After(at) && at.Sub(h[0].At) <= momentKept {
				moment.Add(h[0].Totals)
				found = true
			}
		}
		if found {
			sum = append(sum, moment)
		}
	}
	return sum
}

// span is the last 15 minutes of the histories.
func span(histories [][]berth.Moment) (from, till time.Time) {
	from = histories[0][0].At
	for _, h := range histories {
		from = earlier(from, h[0].At)
		if last := h[len(h)-1].At; last.After(till) {
			till = last
		}
	}
	if first := till.Add(-(momentsKept - 1) * momentEvery); first.After(from) {
		from = first
	}
	return from, till
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
