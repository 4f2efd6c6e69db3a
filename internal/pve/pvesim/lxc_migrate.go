package pvesim

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// migrateInfo is GET .../migrate (9.0 and later): where the container may go.
func migrateInfo(c *call) (any, error) {
	if err := c.needsQuorum(); err != nil {
		return nil, err
	}
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	allowed, not := []string{}, obj{}
	for _, n := range c.sim.world.nodes {
		if n == c.node {
			continue
		}
		if missing := ct.missingStorages(&c.sim.world, n); len(missing) > 0 {
			not[n.name] = obj{"unavailable-storages": missing}
			continue
		}
		allowed = append(allowed, n.name)
	}
	return obj{"running": flag(ct.running), "allowed-nodes": allowed, "not-allowed-nodes": not}, nil
}

func (ct *container) missingStorages(w *world, target *node) []string {
	var out []string
	for key, value := range ct.conf {
		if st, _ := w.volume(ct.node, splitProperties(value, "volume")["volume"]); isDisk(key) && st != nil && !st.on(target) {
			out = append(out, st.id)
		}
	}
	return out
}

// migrateContainer is POST .../migrate.
func migrateContainer(c *call) (any, error) {
	if err := c.needsQuorum(); err != nil {
		return nil, err
	}
	target := c.sim.world.node(c.params["target"])
	switch {
	case target == nil:
		return nil, die("no such cluster node '%s'", c.params["target"])
	case target == c.node:
		return nil, invalidParam("target", "target is local node.")
	}
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	if target.ip == "" {
		return nil, lookupFailed(target.name)
	}
	if !target.online {
		return nil, die("node '%s' is offline", target.name)
	}
	if ct.running && !c.params.truth("online") && !c.params.truth("restart") {
		return nil, die("CT %d is running - use -online or -restart for migration", ct.vmid)
	}
	if h := c.managed(ct); h != nil {
		return c.start("hamigrate", c.params["vmid"], func(t *task) error {
			t.log("Requesting HA migration for CT %d to node %s", ct.vmid, target.name)
			return t.locked(func() error {
				t.sim.fork(ct.node, caller{user: "root@pam"}, "vzmigrate", t.id, func(m *task) error { return m.migrate(ct.vmid, target, true, nil) })
				return nil
			})
		}), nil
	}
	vmid, restart, online := ct.vmid, c.params.truth("restart"), c.params.truth("online")
	mapping := storageMapping(c.params["target-storage"])
	return c.start("vzmigrate", c.params["vmid"], func(t *task) error {
		if online && !restart {
			return errors.New("live migration is not supported for containers")
		}
		return t.migrate(vmid, target, restart, mapping)
	}), nil
}

// storageMapping reads "old:new,..." or one target for all, which is kept under "".
func storageMapping(text string) map[string]string {
	out := map[string]string{}
	for _, part := range splitList(text) {
		from, to, found := strings.Cut(part, ":")
		if !found {
			from, to = "", part
		}
		out[from] = to
	}
	return out
}

// migrate moves a container to another node: shut down, copy what is local, start there.
func (t *task) migrate(vmid int, target *node, restart bool, mapping map[string]string) error {
	return t.holding(vmid, func() error {
		var ct *container
		wasRunning := false
		err := t.locked(func() (err error) {
			if ct, err = t.onNode(vmid); err == nil {
				err = ct.checkLock()
			}
			if err == nil {
				err = ct.placeable(&t.sim.world, target, mapping)
			}
			if err == nil {
				wasRunning = ct.running
				t.sim.change(ct, func() { ct.conf["lock"] = "migrate" })
			}
			return err
		})
		if err != nil {
			return err
		}
		t.log("%s starting migration of CT %d to node '%s' (%s)", t.sim.now().Format(time.DateTime), vmid, target.name, target.ip)
		if err := t.pause(t.takes(2)); err != nil {
			t.unlock(ct)
			return err
		}
		if err := t.locked(func() error { return t.move(ct, target, mapping) }); err != nil {
			t.unlock(ct)
			return err
		}
		t.log("%s start final cleanup", t.sim.now().Format(time.DateTime))
		if wasRunning && restart {
			t.log("%s start container on target node", t.sim.now().Format(time.DateTime))
			if err := t.pause(t.takes(0.5)); err != nil {
				return err
			}
			return t.locked(func() error { return t.sim.powerOn(ct) })
		}
		return nil
	})
}

// move hands the container and its local volumes over. The world is locked.
func (t *task) move(ct *container, target *node, mapping map[string]string) error {
	s := t.sim
	if !target.online {
		return errors.New("target node '" + target.name + "' is offline")
	}
	if ct.running {
		s.powerOff(ct)
	}
	s.settle(ct, s.now())
	for key, value := range ct.conf {
		st, v := s.world.volume(ct.node, splitProperties(value, "volume")["volume"])
		if !isDisk(key) || v == nil || st.shared {
			continue
		}
		delete(st.set(ct.node), v.name)
		to := s.world.storage(mapped(mapping, st.id))
		f := splitProperties(value, "volume")
		f["volume"] = to.allocate(target, ct.vmid, v.size, s.now())
		ct.conf[key] = printProperties(f, "volume")
	}
	delete(ct.node.guests, ct.vmid)
	ct.node = target
	target.guests[ct.vmid] = ct
	tick, _ := s.tickOf(target, s.now())
	ct.sample.tick = tick
	s.change(ct, func() { delete(ct.conf, "lock") })
	return nil
}

// placeable fails when a local volume has no storage on the target node.
func (ct *container) placeable(w *world, target *node, mapping map[string]string) error {
	for key, value := range ct.conf {
		st, v := w.volume(ct.node, splitProperties(value, "volume")["volume"])
		if !isDisk(key) || v == nil || st.shared {
			continue
		}
		id := mapped(mapping, st.id)
		switch to := w.storage(id); {
		case to == nil:
			return fmt.Errorf("storage '%s' does not exist", id)
		case !to.on(target):
			return fmt.Errorf("storage '%s' is not available on node '%s'", id, target.name)
		}
	}
	return nil
}

func mapped(mapping map[string]string, id string) string {
	if to := mapping[id]; to != "" {
		return to
	}
	if to := mapping[""]; to != "" && to != "1" {
		return to
	}
	return id
}
