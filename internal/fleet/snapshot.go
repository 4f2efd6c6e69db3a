package fleet

import (
	"slices"
	"sort"
	"strings"
	"time"

	"berth"
)

// Snapshot is everything that is known of all clusters at one moment. It is immutable.
type Snapshot struct {
	Clusters []*ClusterView // by name
	Counts   berth.Counts   // over all containers
	Totals   berth.Totals   // over all clusters that do not fail
	Limited  bool           // somebody's part of it, see For

	parts parts
}

// ClusterView is what is known of one cluster at one moment. It is immutable; a container that did not change is the
// same pointer as in the view before.
type ClusterView struct {
	Cluster    berth.Cluster
	Health     Health
	Nodes      []berth.Node       // by name
	Containers []*berth.Container // by VMID
	Counts     berth.Counts
	Tasks      []berth.Task    // the latest of Proxmox, newest first, those of Berth included
	Totals     berth.Totals    // of the last good answer
	Storages   []berth.Storage // by name and node
	Connection berth.Connection
	Rights     berth.Rights   // of the token; nil while not known
	History    []berth.Moment // the last 15 minutes since the start of Berth, oldest first, at most one every 10 s

	backups *backupsShown // nil: nothing was read yet
}

// Find gives the container with a key of berth.ContainerKey.
func (s *Snapshot) Find(cluster string, vmid int) (*berth.Container, bool) {
	for _, view := range s.Clusters {
		if view.Cluster.Name != cluster {
			continue
		}
		i, found := slices.BinarySearchFunc(view.Containers, vmid, func(c *berth.Container, vmid int) int { return c.VMID - vmid })
		if found {
			return view.Containers[i], true
		}
	}
	return nil, false
}

// History is that of all clusters together, oldest first. A cluster that did not answer for a while is missing in the sum.
func (s *Snapshot) History() []berth.Moment {
	if len(s.Clusters) == 1 {
		return s.Clusters[0].History
	}
	histories := make([][]berth.Moment, len(s.Clusters))
	for i, view := range s.Clusters {
		histories[i] = view.History
	}
	return combined(histories)
}

// ShowsSame tells whether nothing but the times of the last answers, and the history, differs.
func (s *Snapshot) ShowsSame(other *Snapshot) bool {
	return slices.EqualFunc(s.Clusters, other.Clusters, func(a, b *ClusterView) bool {
		return a == b || a.Cluster.ID == b.Cluster.ID && a.Health.State == b.Health.State && a.Health.Problem == b.Health.Problem && a.Totals == b.Totals &&
			sameSlice(a.Containers, b.Containers) && sameSlice(a.Nodes, b.Nodes)
	})
}

func sameSlice[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// Waiting tells whether some cluster has never answered and has not failed either.
func (s *Snapshot) Waiting() bool {
	return slices.ContainsFunc(s.Clusters, func(v *ClusterView) bool {
		return v.Health.State == Connecting && v.Health.AnsweredAt.IsZero()
	})
}

// OldestAnswer is the oldest of the last good answers of the clusters that do not fail, or of all when all fail; zero
// when there never was one.
func (s *Snapshot) OldestAnswer() time.Time {
	var oldest, oldestFailing time.Time
	for _, view := range s.Clusters {
		at := &oldest
		if view.Health.State == Failing {
			at = &oldestFailing
		}
		if at.IsZero() || view.Health.AnsweredAt.Before(*at) {
			*at = view.Health.AnsweredAt
		}
	}
	if oldest.IsZero() {
		return oldestFailing
	}
	return oldest
}

// with gives a snapshot in which view takes the place of the view of the same cluster.
func (s *Snapshot) with(view *ClusterView) *Snapshot {
	clusters := s.without(view.Cluster.ID).Clusters
	at := sort.Search(len(clusters), func(i int) bool { return strings.Compare(clusters[i].Cluster.Name, view.Cluster.Name) >= 0 })
	return newSnapshot(slices.Insert(clusters, at, view))
}

// without gives a snapshot that does not have the cluster.
func (s *Snapshot) without(clusterID string) *Snapshot {
	rest := make([]*ClusterView, 0, len(s.Clusters)+1)
	for _, view := range s.Clusters {
		if view.Cluster.ID != clusterID {
			rest = append(rest, view)
		}
	}
	return newSnapshot(rest)
}

func newSnapshot(clusters []*ClusterView) *Snapshot {
	s := &Snapshot{Clusters: clusters}
	for _, view := range clusters {
		s.Counts.AddAll(view.Counts)
		if view.Health.State != Failing {
			s.Totals.Add(view.Totals)
		}
	}
	return s
}
