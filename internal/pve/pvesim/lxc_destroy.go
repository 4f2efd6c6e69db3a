package pvesim

import (
	"fmt"
)

// destroy removes a container with its disks, grants and HA entry. The world is locked.
func (s *Sim) destroy(ct *container) {
	w := &s.world
	w.freeAll(ct)
	w.remove(ct)
	path := ct.aclPath()
	w.dropGrants(func(g grant) bool { return g.path == path })
	delete(w.ha, fmt.Sprintf("ct:%d", ct.vmid))
	s.endConsole(ct.vmid)
}

// freeAll removes every volume that a container owns, of its snapshots too.
func (w *world) freeAll(ct *container) {
	for key, value := range ct.conf {
		if isDisk(key) && volumeKind(value) == "volume" {
			w.free(ct.node, splitProperties(value, "volume")["volume"])
		}
	}
}

// freeOwned removes every disk that belongs to an id, referenced or not.
func (w *world) freeOwned(n *node, vmid int) {
	for _, st := range w.storages {
		for name, v := range st.set(n) {
			if v.vmid == vmid && v.content == "rootdir" {
				delete(st.set(n), name)
			}
		}
	}
}

// destroyContainer is DELETE /nodes/{node}/lxc/{vmid}.
func destroyContainer(c *call) (any, error) {
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	if err := c.destroyable(ct); err != nil {
		return nil, err
	}
	vmid, force, purge := ct.vmid, c.params.truth("force"), c.params.truth("purge")
	return c.start("vzdestroy", c.params["vmid"], func(t *task) error {
		return t.holding(vmid, func() error { return t.destroyContainer(vmid, force, purge) })
	}), nil
}

func (c *call) destroyable(ct *container) error {
	if ct.conf["protection"] == "1" {
		return die("can't remove CT %d - protection mode enabled", ct.vmid)
	}
	if err := ct.checkLock(); err != nil {
		return err
	}
	if ct.running && !c.params.truth("force") {
		return die("unable to destroy CT %d - container is running", ct.vmid)
	}
	if c.sim.world.haOf(ct) != nil && !c.params.truth("purge") {
		return die("unable to remove CT %d - used in HA resources and purge parameter not set.", ct.vmid)
	}
	return c.needsQuorum()
}

func (t *task) destroyContainer(vmid int, force, purge bool) error {
	var ct *container
	running := false
	err := t.locked(func() (err error) {
		if ct, err = t.onNode(vmid); err != nil {
			return err
		}
		running = ct.running
		if err := ct.checkLock(); err != nil {
			return err
		}
		return ct.volumesActive(&t.sim.world)
	})
	if err != nil {
		return err
	}
	if force && running {
		t.log("forced to stop CT %d before destroying!", vmid)
		if err := t.pause(t.takes(0.5)); err != nil {
			return err
		}
		t.locked(func() error { t.sim.powerOff(ct); return nil })
	}
	t.locked(func() error { t.sim.change(ct, func() { ct.conf["lock"] = "destroyed" }); return nil })
	if err := t.pause(t.takes(0.7)); err != nil {
		return err
	}
	if purge {
		t.log("purging CT %d from related configurations..", vmid)
	}
	return t.locked(func() error { t.sim.destroy(ct); t.sim.world.purgeJobs(vmid, purge); return nil })
}

// volumesActive fails when a volume lies on a storage that is away.
func (ct *container) volumesActive(w *world) error {
	for key, value := range ct.conf {
		if st, _ := w.volume(ct.node, splitProperties(value, "volume")["volume"]); isDisk(key) && st != nil {
			if err := st.active(); err != nil {
				return err
			}
		}
	}
	return nil
}
