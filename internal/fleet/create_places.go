package fleet

import (
	"berth"
)

// CreatePlace is a cluster in which somebody may create containers.
type CreatePlace struct {
	Cluster string
	Nodes   []berth.Node // by name; their figures are zero for those who do not see everything
}

// MayCreate tells whether somebody may create containers somewhere.
func MayCreate(access berth.Access) bool { return access.Highest().Includes(berth.RoleOperator) }

// CreatePlaces lists where the actor may create containers, by name. A scope may ask for more than a place, such as a tag:
// Create looks at that.
func (a *Actions) CreatePlaces(by berth.Actor) []CreatePlace {
	var places []CreatePlace
	for _, view := range a.fleet.Snapshot().Clusters {
		if !by.Access.Reaches(berth.RoleOperator, view.Cluster.Name, "") {
			continue
		}
		place := CreatePlace{Cluster: view.Cluster.Name}
		for _, n := range view.Nodes {
			switch {
			case !by.Access.Reaches(berth.RoleOperator, view.Cluster.Name, n.Name):
			case by.Access.Limited():
				place.Nodes = append(place.Nodes, berth.Node{Cluster: n.Cluster, Name: n.Name, Online: n.Online})
			default:
				place.Nodes = append(place.Nodes, n)
			}
		}
		places = append(places, place)
	}
	return places
}

// Emptiest is the node with the most free memory among those that are online; empty: none is.
func (p CreatePlace) Emptiest() string {
	best := berth.Node{MemoryBytes: 1} // less than nothing is free
	for _, n := range p.Nodes {
		if n.Online && n.MemoryLimitBytes-n.MemoryBytes > best.MemoryLimitBytes-best.MemoryBytes {
			best = n
		}
	}
	return best.Name
}

// hasNode tells whether a node is one on which the actor may create containers.
func (a *Actions) hasNode(by berth.Actor, cluster, node string) bool {
	for _, place := range a.CreatePlaces(by) {
		for _, n := range place.Nodes {
			if place.Cluster == cluster && n.Name == node {
				return true
			}
		}
	}
	return false
}
