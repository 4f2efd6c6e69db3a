package pvesim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// capabilities is the coarse map of privileges that a login answers with, for the web interface.
func (c *call) capabilities(u *user) obj {
	sections := []struct {
		name, path string
		prefixes   []string
	}{
		{"vms", "/vms", []string{"VM.", "Permissions.Modify"}}, {"storage", "/storage", []string{"Datastore.", "Permissions.Modify"}},
		{"access", "/access", []string{"User.", "Group.", "Permissions.Modify"}}, {"nodes", "/nodes", []string{"Sys.", "Permissions.Modify"}},
		{"sdn", "/sdn", []string{"SDN.", "Permissions.Modify"}}, {"mapping", "/mapping", []string{"Mapping.", "Permissions.Modify"}},
		{"dc", "/", []string{"Sys.Audit", "Sys.Modify", "SDN."}},
	}
	out := obj{}
	for _, sec := range sections {
		have := obj{}
		for priv := range c.sim.world.rightsOf(caller{user: u.id}, sec.path) {
			if slices.ContainsFunc(sec.prefixes, func(p string) bool { return strings.HasPrefix(priv, p) }) {
				have[priv] = 1
			}
		}
		out[sec.name] = have
	}
	return out
}

// permissions is GET /access/permissions.
func permissions(c *call) (any, error) {
	who := c.user
	if id := c.params["userid"]; id != "" && id != who.String() {
		if err := c.may("/access", "Sys.Audit"); err != nil {
			return nil, err
		}
		name, tok, _ := strings.Cut(id, "!")
		who = caller{name, tok}
	}
	if path := c.params["path"]; path != "" {
		return obj{path: numbered(c.sim.world.rightsOf(who, path))}, nil
	}
	out := obj{}
	for _, path := range c.sim.world.aclPaths() {
		if r := c.sim.world.rightsOf(who, path); len(r) > 0 {
			out[path] = numbered(r)
		}
	}
	return out, nil
}

func numbered(r rights) obj {
	out := obj{}
	for priv, deep := range r {
		out[priv] = flag(deep)
	}
	return out
}

// aclPaths are the paths that a permission overview lists: the roots, everything that somebody has a grant on, and the
// members of every pool.
func (w *world) aclPaths() []string {
	paths := map[string]bool{"/": true, "/access": true, "/access/groups": true, "/nodes": true, "/pool": true, "/sdn": true, "/storage": true, "/vms": true}
	for p := range w.acl {
		paths[p] = true
	}
	for _, p := range w.pools {
		for vmid := range p.members {
			paths[fmt.Sprintf("/vms/%d", vmid)] = true
		}
		for id := range p.storages {
			paths["/storage/"+id] = true
		}
	}
	return slices.Sorted(maps.Keys(paths))
}
