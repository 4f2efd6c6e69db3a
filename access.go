package berth

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Grant is a role that somebody has been given: everywhere, or on the containers that a scope means.
type Grant struct {
	Role  Role   `json:"role"`
	Scope string `json:"scope,omitempty"` // a query, see ParseScope; empty: everywhere
}

// Access is what somebody may do, and to which containers. The zero value permits nothing.
type Access struct {
	granted []granted // sorted by their text, each once
	key     string
}

// granted is a grant whose scope was read.
type granted struct {
	role  Role
	scope Query // of no terms: everywhere
	text  string
}

// NewAccess makes the access of somebody who has been given the grants. Returns Invalid if a role or scope is none.
func NewAccess(grants ...Grant) (Access, error) {
	all := make([]granted, len(grants))
	for i, g := range grants {
		scope, err := ParseScope(g.Scope)
		if err != nil {
			return Access{}, err
		}
		if roleRank[g.Role] == 0 {
			return Access{}, InvalidFields(map[string]string{"role": "A role is one of viewer, operator, admin."})
		}
		all[i] = newGranted(g.Role, scope)
	}
	return newAccess(all), nil
}

// Everywhere is the access of somebody who has a role on everything.
func Everywhere(role Role) Access {
	if roleRank[role] == 0 {
		return Access{}
	}
	return newAccess([]granted{newGranted(role, Query{})})
}

func newGranted(role Role, scope Query) granted {
	return granted{role: role, scope: scope, text: string(role) + "\x00" + scope.String()}
}

// newAccess takes over the grants.
func newAccess(all []granted) Access {
	slices.SortFunc(all, func(a, b granted) int { return strings.Compare(a.text, b.text) })
	all = slices.CompactFunc(all, func(a, b granted) bool { return a.text == b.text })
	texts := make([]string, len(all))
	for i, g := range all {
		texts[i] = g.text
	}
	return Access{granted: all, key: strings.Join(texts, "\x00\x00")}
}

// Key is equal for accesses that permit the same.
func (a Access) Key() string { return a.key }

// On is the role on one container; empty: it must not even be known to be there.
func (a Access) On(c *Container) Role {
	var best Role
	for i := range a.granted {
		g := &a.granted[i]
		if roleRank[g.role] > roleRank[best] && g.scope.Matches(c, time.Time{}) { // a scope does not depend on the time
			best = g.role
		}
	}
	return best
}

// Sees tells whether the container may be seen.
func (a Access) Sees(c *Container) bool { return a.On(c) != "" }

// Everywhere is the role on everything that there is, and on Berth itself; empty: none.
func (a Access) Everywhere() Role {
	return a.best(func(g granted) bool { return g.everywhere() })
}

// Highest is the best role on anything; empty: none.
func (a Access) Highest() Role {
	return a.best(func(granted) bool { return true })
}

// Limited tells whether there may be containers that are not seen.
func (a Access) Limited() bool { return a.Everywhere() == "" }

// Reaches tells whether somebody has the role, or a higher one, on a node's containers, or on some of them: what else a scope
// asks for, such as a tag, depends on the container. An empty node means any of the cluster.
func (a Access) Reaches(role Role, cluster, node string) bool {
	place := &Container{Cluster: cluster, Node: node}
	return a.best(func(g granted) bool { return g.role.Includes(role) && g.reaches(place) }) != ""
}

func (g granted) reaches(place *Container) bool {
	for i := range g.scope.terms {
		t := &g.scope.terms[i]
		field := fieldOf(t)
		decides := field == "cluster" || field == "id" || field == "node" && place.Node != ""
		if decides && t.holds(place, time.Time{}) == t.negated {
			return false
		}
	}
	return true
}

// fieldOf is the name of the field that a term of a scope is about.
func fieldOf(t *term) string {
	name := strings.TrimPrefix(t.text, "-")
	if at := strings.IndexAny(name, ":=<>"); at >= 0 {
		name = name[:at]
	}
	return name
}

func (a Access) best(counts func(granted) bool) Role {
	var best Role
	for _, g := range a.granted {
		if counts(g) && roleRank[g.role] > roleRank[best] {
			best = g.role
		}
	}
	return best
}

func (g granted) everywhere() bool { return len(g.scope.terms) == 0 }

// Within is what both permit: on each container the lower of the two roles.
func (a Access) Within(other Access) Access {
	var both []granted
	for _, g := range a.granted {
		for _, h := range other.granted {
			role := g.role
			if roleRank[h.role] < roleRank[role] {
				role = h.role
			}
			both = append(both, newGranted(role, g.scope.And(h.scope)))
		}
	}
	return newAccess(both)
}

// Grants gives the grants that make up a, those everywhere first.
func (a Access) Grants() []Grant {
	grants := make([]Grant, len(a.granted))
	for i, g := range a.granted {
		grants[i] = Grant{Role: g.role, Scope: g.scope.String()}
	}
	slices.SortStableFunc(grants, func(x, y Grant) int {
		return cmp.Or(cmp.Compare(min(len(x.Scope), 1), min(len(y.Scope), 1)), roleRank[y.Role]-roleRank[x.Role], strings.Compare(x.Scope, y.Scope))
	})
	return grants
}

// scopeFields are the fields that a scope may use: what a container is, not how it is doing. Otherwise people would gain
// and lose rights with the load.
var scopeFields = []string{"name", "node", "cluster", "tag", "template", "vmid", "pool", "id"}

// ParseScope reads the query that a role is limited to. It names fields, and only lasting ones: name, node, cluster, tag,
// template, vmid, pool and id. What cannot be read is Invalid, as with ParseQuery.
func ParseScope(text string) (Query, error) {
	q, err := ParseQuery(text)
	if err != nil {
		return Query{}, err
	}
	for _, t := range q.terms {
		if t.words != nil || !slices.Contains(scopeFields, fieldOf(&t)) {
			return Query{}, Errorf(Invalid, "A scope uses only the fields %s, such as cluster:home tag:team-a; “%s” is none of them.", strings.Join(scopeFields, ", "), clipped(t.text))
		}
	}
	return q, nil
}
