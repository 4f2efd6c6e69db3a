package fleet

import (
	"container/heap"
	"slices"
	"time"

	"berth"
)

// View is the part of a snapshot that somebody looks at: the containers that match a query, in order.
type View struct {
	Snapshot   *Snapshot
	Containers []*berth.Container // at most as many as were asked for
	Matching   int                // how many match in all
}

// View selects from the snapshot the containers that match q, in the order s, at most limit of them (0: all).
func (s *Snapshot) View(q berth.Query, order berth.Sort, limit int, now time.Time) View {
	v := View{Snapshot: s}
	for _, cluster := range s.Clusters {
		for _, c := range cluster.Containers {
			if q.Matches(c, now) {
				v.Containers = append(v.Containers, c)
			}
		}
	}
	v.Matching = len(v.Containers)
	if limit > 0 && len(v.Containers) > limit {
		v.Containers = first(v.Containers, limit, order.Compare(now))
	}
	order.Apply(v.Containers, now)
	return v
}

// first gives the n that come first, in no order. Of many containers a page shows few, and to sort all of them would
// take ten times as long.
func first(all []*berth.Container, n int, compare func(a, b *berth.Container) int) []*berth.Container {
	h := &lastOnTop{containers: slices.Clone(all[:n]), compare: compare}
	heap.Init(h)
	for _, c := range all[n:] {
		if compare(c, h.containers[0]) < 0 {
			h.containers[0] = c
			heap.Fix(h, 0)
		}
	}
	return h.containers
}

// lastOnTop is a heap of containers with the one that comes last on top.
type lastOnTop struct {
	containers []*berth.Container
	compare    func(a, b *berth.Container) int
}

func (h *lastOnTop) Len() int           { return len(h.containers) }
func (h *lastOnTop) Less(i, j int) bool { return h.compare(h.containers[i], h.containers[j]) > 0 }
func (h *lastOnTop) Swap(i, j int) {
	h.containers[i], h.containers[j] = h.containers[j], h.containers[i]
}
func (h *lastOnTop) Push(any) { panic("the heap has a fixed size") }
func (h *lastOnTop) Pop() any { panic("the heap has a fixed size") }
