package pvesim

import (
	"slices"
	"strings"
)

// Roles, grants, tokens and groups: what pveum sets up.

func listRoles(c *call) (any, error) {
	out := []obj{}
	for _, id := range sortedKeys(c.sim.world.roles) {
		_, special := builtinRoles()[id]
		out = append(out, obj{"roleid": id, "privs": strings.Join(c.sim.world.roles[id], ","), "special": flag(special)})
	}
	return out, nil
}

func getRole(c *call) (any, error) {
	privs, known := c.sim.world.roles[c.params["roleid"]]
	if !known {
		return nil, die("role '%s' does not exist", c.params["roleid"])
	}
	out := obj{}
	for _, p := range privs {
		out[p] = 1
	}
	return out, nil
}

func addRole(c *call) (any, error) {
	id := c.params["roleid"]
	if _, known := c.sim.world.roles[id]; known {
		return nil, die("role '%s' already exists", id)
	}
	if strings.HasPrefix(id, "PVE") && !c.sim.world.release.before(8, 0) {
		return nil, invalidParam("roleid", "cannot use role ID starting with the (case-insensitive) 'PVE' namespace")
	}
	c.sim.world.roles[id] = sorted(c.params.list("privs"))
	c.sim.world.aclChanged()
	return nil, nil
}

func changeRole(c *call) (any, error) {
	id := c.params["roleid"]
	have, known := c.sim.world.roles[id]
	if _, special := builtinRoles()[id]; special {
		return nil, die("auto-generated role '%s' cannot be modified", id)
	}
	if !known {
		return nil, die("role '%s' does not exist", id)
	}
	privs := c.params.list("privs")
	if c.params.truth("append") {
		privs = append(privs, have...)
	}
	c.sim.world.roles[id] = sorted(privs)
	c.sim.world.aclChanged()
	return nil, nil
}

func removeRole(c *call) (any, error) {
	id := c.params["roleid"]
	if _, special := builtinRoles()[id]; special {
		return nil, die("auto-generated role '%s' cannot be deleted", id)
	}
	if _, known := c.sim.world.roles[id]; !known {
		return nil, die("role '%s' does not exist", id)
	}
	delete(c.sim.world.roles, id)
	c.sim.world.dropGrants(func(g grant) bool { return g.role == id })
	return nil, nil
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
