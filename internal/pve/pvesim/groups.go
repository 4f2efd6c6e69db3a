package pvesim

import (
	"strings"
)

func listGroups(c *call) (any, error) {
	out := []obj{}
	for _, id := range sortedKeys(c.sim.world.groups) {
		var members []string
		for _, uid := range sortedKeys(c.sim.world.users) {
			if contains(c.sim.world.users[uid].groups, id) {
				members = append(members, uid)
			}
		}
		out = append(out, obj{"groupid": id, "users": strings.Join(members, ","), "comment": c.sim.world.groups[id]})
	}
	return out, nil
}

func addGroup(c *call) (any, error) {
	id := c.params["groupid"]
	if _, known := c.sim.world.groups[id]; known {
		return nil, die("create group failed: group '%s' already exists", id)
	}
	c.sim.world.groups[id] = c.params["comment"]
	return nil, nil
}

func removeGroup(c *call) (any, error) {
	id := c.params["groupid"]
	if _, known := c.sim.world.groups[id]; !known {
		return nil, die("delete group failed: group '%s' does not exist", id)
	}
	delete(c.sim.world.groups, id)
	for _, u := range c.sim.world.users {
		u.groups = without(u.groups, id)
	}
	c.sim.world.dropGrants(func(g grant) bool { return g.kind == "group" && g.who == id })
	return nil, nil
}
