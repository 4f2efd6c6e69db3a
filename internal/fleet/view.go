package fleet

import (
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
	order.Apply(v.Containers, now)
	if limit > 0 && len(v.Containers) > limit {
		v.Containers = v.Containers[:limit]
	}
	return v
}
