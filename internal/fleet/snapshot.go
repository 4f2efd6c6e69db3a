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
}

// ClusterView is what is known of one cluster at one moment. It is immutable; a container that did not change is the
// same pointer as in the view before.
type ClusterView struct {
	Cluster    berth.Cluster
	Health     Health
	Nodes      []berth.Node       // by name
	Containers []*berth.Container // by VMID
	Counts     berth.Counts
}

// Health tells whether a cluster answers.
type Health struct {
	State      HealthState
	Problem    string    // why it does not answer, in words for people
	Since      time.Time // since when it does not answer
	AnsweredAt time.Time // the last good answer; zero when there never was one
}

// HealthState is whether a cluster answers.
type HealthState string

// The states of a cluster.
const (
	Connecting HealthState = "connecting" // not asked yet since the start
	Answering  HealthState = "answering"
	Failing    HealthState = "failing"
)

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

// OldestAnswer is when the cluster that has been silent longest gave its last good answer; zero when one never did.
func (s *Snapshot) OldestAnswer() time.Time {
	var oldest time.Time
	for i, view := range s.Clusters {
		if i == 0 || view.Health.AnsweredAt.Before(oldest) {
			oldest = view.Health.AnsweredAt
		}
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
	}
	return s
}
