package pvesim

import (
	"strconv"
)

// startAll is POST /nodes/{node}/startall: the named containers, or those with onboot.
func startAll(c *call) (any, error) {
	return c.onAll("startall", func(ct *container) bool {
		return !ct.running && (c.params.has("vms") || c.params.truth("force") || ct.conf["onboot"] == "1")
	}, beginStart)
}

func stopAll(c *call) (any, error) {
	o := stopOptions{graceful: true, timeout: c.params.number("timeout", 180), kill: !c.params.has("force-stop") || c.params.truth("force-stop")}
	return c.onAll("stopall", func(ct *container) bool { return ct.running }, func(t *task, vmid int) *task { return beginStop(t, vmid, o) })
}

// onAll checks the rights on every named guest and forks one task that works them off.
func (c *call) onAll(kind string, want func(*container) bool, begin func(*task, int) *task) (any, error) {
	named := c.params.list("vms")
	if len(named) == 0 {
		if err := c.may("/", "VM.PowerMgmt"); err != nil {
			return nil, err
		}
	}
	for _, id := range named {
		if err := c.may("/vms/"+id, "VM.PowerMgmt"); err != nil {
			return nil, err
		}
	}
	var ids []int
	for _, ct := range c.node.sortedGuests() {
		if (len(named) == 0 || contains(named, strconv.Itoa(ct.vmid))) && !ct.isTemplate() && want(ct) {
			ids = append(ids, ct.vmid)
		}
	}
	return c.start(kind, "", func(t *task) error { return t.each(ids, begin) }), nil
}

// each begins a task per container and waits for it before the next.
func (t *task) each(ids []int, begin func(*task, int) *task) error {
	for _, vmid := range ids {
		child := begin(t, vmid)
		if child == nil {
			continue
		}
		select {
		case <-child.done:
		case <-t.ctx.Done():
			return errAborted
		}
	}
	return nil
}

func beginStart(t *task, vmid int) *task {
	t.log("Starting CT %d", vmid)
	return t.child("vzstart", vmid, func(s *task) error { return s.startContainer(vmid, false) })
}

func beginStop(t *task, vmid int, o stopOptions) *task {
	t.log("Stopping CT %d (timeout = %d seconds)", vmid, o.timeout)
	return t.child("vzshutdown", vmid, func(s *task) error { return s.stopContainer(vmid, o) })
}

// child forks a task on the node where the container is.
func (t *task) child(kind string, vmid int, w work) *task {
	t.sim.mu.Lock()
	defer t.sim.mu.Unlock()
	ct := t.sim.world.container(vmid)
	if ct == nil || !ct.node.online {
		return nil
	}
	return t.sim.fork(ct.node, t.user, kind, strconv.Itoa(vmid), w)
}

// bulkStart and its siblings are the cluster-wide calls (9.1 and later).
func bulkStart(c *call) (any, error) {
	return c.bulk("bulk-start", func(ct *container) bool { return !ct.running }, beginStart)
}

func bulkShutdown(c *call) (any, error) {
	o := stopOptions{graceful: true, timeout: c.params.number("timeout", 180), kill: !c.params.has("force-stop") || c.params.truth("force-stop")}
	return c.bulk("bulk-shutdown", func(ct *container) bool { return ct.running }, func(t *task, vmid int) *task { return beginStop(t, vmid, o) })
}

func bulkMigrate(c *call) (any, error) {
	target := c.sim.world.node(c.params["target"])
	if target == nil {
		return nil, die("no such cluster node '%s'", c.params["target"])
	}
	return c.bulkWith("VM.Migrate", "bulk-migrate", func(ct *container) bool { return ct.node != target }, func(t *task, vmid int) *task {
		return t.child("vzmigrate", vmid, func(m *task) error { return m.migrate(vmid, target, true, nil) })
	})
}

func (c *call) bulk(kind string, want func(*container) bool, begin func(*task, int) *task) (any, error) {
	return c.bulkWith("VM.PowerMgmt", kind, want, begin)
}

func (c *call) bulkWith(priv, kind string, want func(*container) bool, begin func(*task, int) *task) (any, error) {
	w := &c.sim.world
	named := c.params.list("vms")
	if len(named) == 0 {
		if err := c.may("/", priv); err != nil {
			return nil, err
		}
	}
	for _, id := range named {
		if err := c.may("/vms/"+id, priv); err != nil {
			return nil, err
		}
	}
	var ids []int
	for _, vmid := range w.vmids() {
		ct := w.containers[vmid]
		if (len(named) == 0 || contains(named, strconv.Itoa(vmid))) && !ct.isTemplate() && want(ct) {
			ids = append(ids, vmid)
		}
	}
	c.node = w.nodes[0]
	return c.start(kind, "", func(t *task) error { return t.each(ids, begin) }), nil
}
