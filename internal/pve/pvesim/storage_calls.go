package pvesim

import (
	"fmt"
)

// state is what a node knows about a storage right now.
func (st *storage) state(n *node) obj {
	row := obj{"type": st.kind, "content": joinComma(st.content), "enabled": flag(!st.disabled), "shared": flag(st.shared), "active": 0, "total": 0, "used": 0, "avail": 0}
	if !st.broken && !st.disabled {
		used := st.used(n)
		row["active"], row["total"], row["used"], row["avail"] = 1, st.total, used, st.total-used
	}
	return row
}

// nodeStorages is GET /nodes/{node}/storage.
func nodeStorages(c *call) (any, error) {
	out := []obj{}
	for _, st := range c.sim.world.storages {
		if !st.on(c.node) || c.params.truth("enabled") && st.disabled || !c.seesStorage(st) || !st.holdsAny(c.params.list("content")) ||
			c.params.has("storage") && c.params["storage"] != st.id {
			continue
		}
		row := st.state(c.node)
		row["storage"] = st.id
		if row["active"] == 1 {
			row["used_fraction"] = float64(row["used"].(int64)) / float64(st.total)
		}
		out = append(out, row)
	}
	return out, nil
}

func (c *call) seesStorage(st *storage) bool {
	return c.sim.world.allowedAny(c.user, "/storage/"+st.id, "Datastore.Audit", "Datastore.AllocateSpace")
}

// holdsAny is true for an empty wish.
func (st *storage) holdsAny(contents []string) bool {
	for _, c := range contents {
		if st.holds(c) {
			return true
		}
	}
	return len(contents) == 0
}

func storageStatus(c *call) (any, error) {
	st := c.sim.world.storage(c.params["storage"])
	if st == nil {
		return nil, invalidParam("storage", "No such storage.")
	}
	return st.state(c.node), nil
}

// definitions is GET /storage: storage.cfg.
func definitions(c *call) (any, error) {
	out := []obj{}
	for _, st := range c.sim.world.storages {
		if c.seesStorage(st) && (!c.params.has("type") || c.params["type"] == st.kind) {
			out = append(out, st.definition())
		}
	}
	return out, nil
}

func (st *storage) definition() obj {
	row := obj{"storage": st.id, "type": st.kind, "content": joinComma(st.content), "digest": fmt.Sprintf("%040x", hash(3, st.id))}
	switch st.kind {
	case "dir":
		row["path"] = "/mnt/" + st.id
		if st.id == "local" {
			row["path"] = "/var/lib/vz"
		}
	case "lvmthin":
		row["vgname"], row["thinpool"] = "pve", "data"
	case "zfspool":
		row["pool"] = st.id
	case "nfs":
		row["server"], row["export"], row["path"] = "192.0.2.60", "/export/pve", "/mnt/pve/"+st.id
	}
	if st.nodes != nil {
		row["nodes"] = joinComma(st.nodes)
	}
	return row
}

// knownStorage finds the storage of the call; an unknown one is a 500.
func (c *call) knownStorage() (*storage, error) {
	st := c.sim.world.storage(c.params["storage"])
	if st == nil {
		return nil, die("storage '%s' does not exist", c.params["storage"])
	}
	return st, nil
}

func definition(c *call) (any, error) {
	st, err := c.knownStorage()
	if err != nil {
		return nil, err
	}
	return st.definition(), nil
}
