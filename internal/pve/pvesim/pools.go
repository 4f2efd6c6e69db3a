package pvesim

import "encoding/json"

func poolRow(id string, p *pool) obj {
	row := obj{"poolid": id}
	if p.comment != "" {
		row["comment"] = p.comment
	}
	return row
}

// listPools is GET /pools, all or the one of poolid= with its members.
func listPools(c *call) (any, error) {
	id := c.params["poolid"]
	if id != "" && c.sim.world.allowed(c.user, "/pool/"+id, "Pool.Audit") {
		row, err := c.poolDetail(id)
		if err != nil {
			return nil, err
		}
		row["poolid"] = id
		return []obj{row}, nil
	}
	out := []obj{}
	for _, name := range sortedKeys(c.sim.world.pools) {
		if c.sim.world.allowed(c.user, "/pool/"+name, "Pool.Audit") && (id == "" || id == name) {
			out = append(out, poolRow(name, c.sim.world.pools[name]))
		}
	}
	return out, nil
}

func getPool(c *call) (any, error) { return c.poolDetail(c.params["poolid"]) }

func (c *call) poolDetail(id string) (obj, error) {
	p := c.sim.world.pools[id]
	if p == nil {
		return nil, die("pool '%s' does not exist", id)
	}
	members := []json.RawMessage{}
	for _, vmid := range c.sim.world.vmids() {
		if ct := c.sim.world.containers[vmid]; p.members[vmid] && c.sim.world.allowed(c.user, ct.aclPath(), "VM.Audit") {
			_, at := c.sim.tickOf(ct.node, c.now)
			c.sim.settle(ct, c.now)
			members = append(members, c.appendGuest(nil, ct, at, false))
		}
	}
	for _, st := range c.sim.world.storages {
		if p.storages[st.id] {
			row := obj{"id": "storage/" + c.sim.world.nodes[0].name + "/" + st.id, "storage": st.id, "type": "storage", "node": c.sim.world.nodes[0].name}
			members = append(members, encode(row))
		}
	}
	row := poolRow(id, p)
	row["members"] = members
	return row, nil
}

func addPool(c *call) (any, error) {
	id := c.params["poolid"]
	if c.sim.world.pools[id] != nil {
		return nil, die("create pool failed: pool '%s' already exists", id)
	}
	c.sim.world.pools[id] = &pool{comment: c.params["comment"], members: map[int]bool{}, storages: map[string]bool{}}
	return nil, nil
}

// changePool adds or removes members. A missing right on a guest comes out as a 500.
func changePool(c *call) (any, error) {
	w, p, id := &c.sim.world, c.params, c.params["poolid"]
	target := w.pools[id]
	if target == nil {
		return nil, die("update pools failed: pool '%s' does not exist", id)
	}
	if p.has("comment") {
		target.comment = p["comment"]
	}
	for _, text := range p.list("vms") {
		if err := c.mayAny("/vms/"+text, "Permissions.Modify", "VM.Allocate"); err != nil {
			return nil, die("update pools failed: 403 %s", err)
		}
		if err := c.changeMember(target, id, atoi(text)); err != nil {
			return nil, err
		}
	}
	for _, st := range p.list("storage") {
		if err := c.mayAny("/storage/"+st, "Permissions.Modify", "Datastore.Allocate"); err != nil {
			return nil, die("update pools failed: 403 %s", err)
		}
		target.storages[st] = !p.truth("delete")
	}
	w.aclChanged()
	w.version++
	return nil, nil
}

func (c *call) changeMember(target *pool, id string, vmid int) error {
	w := &c.sim.world
	ct := w.container(vmid)
	switch {
	case c.params.truth("delete") && !target.members[vmid]:
		return die("update pools failed: VM %d is not a pool member", vmid)
	case c.params.truth("delete"):
		delete(target.members, vmid)
		if ct != nil {
			ct.pool = ""
		}
		return nil
	case ct == nil:
		return die("update pools failed: VM %d does not exist", vmid)
	case ct.pool == id:
		return die("update pools failed: VM %d is already a pool member", vmid)
	case ct.pool != "" && !c.params.truth("allow-move"):
		return die("update pools failed: VM %d belongs already to pool '%s' and 'allow-move' is not set", vmid, ct.pool)
	}
	if old := w.pools[ct.pool]; old != nil {
		delete(old.members, vmid)
	}
	w.join(ct, id)
	return nil
}

func removePool(c *call) (any, error) {
	id := c.params["poolid"]
	p := c.sim.world.pools[id]
	if p == nil {
		return nil, die("delete pool failed: pool '%s' does not exist", id)
	}
	if len(p.members) > 0 {
		return nil, die("delete pool failed: pool '%s' is not empty", id)
	}
	delete(c.sim.world.pools, id)
	path := "/pool/" + id
	c.sim.world.dropGrants(func(g grant) bool { return g.path == path })
	return nil, nil
}
