package pvesim

import (
	"errors"
	"strconv"
	"strings"
)

// startStop are the verbs of .../status/. What PVE refuses at once is refused here, the rest fails in the task.

// skipLock checks the option that only root@pam has.
func (c *call) skipLock() (bool, error) {
	if c.params.truth("skiplock") && !c.user.isRoot() {
		return false, invalidParam("skiplock", "Only root may use this option.")
	}
	return c.params.truth("skiplock"), nil
}

// isRunning is false for unknown containers too.
func (c *call) isRunning() (*container, bool) {
	ct := c.sim.world.container(c.params.number("vmid", 0))
	if ct == nil || ct.node != c.node {
		return nil, false
	}
	return ct, ct.running
}

func startContainer(c *call) (any, error) {
	skip, err := c.skipLock()
	if err != nil {
		return nil, err
	}
	ct, running := c.isRunning()
	if running {
		return nil, die("CT %s already running", c.params["vmid"])
	}
	if err := c.needsQuorum(); err != nil {
		return nil, err
	}
	if err := c.lockedAtOnce(ct, skip); err != nil {
		return nil, err
	}
	if h := c.managed(ct); h != nil {
		return c.requestHA("hastart", ct, h, "started"), nil
	}
	vmid := c.params.number("vmid", 0)
	return c.start("vzstart", c.params["vmid"], func(t *task) error { return t.startContainer(vmid, skip) }), nil
}

// lockedAtOnce is how releases before 8.2 (pve-container 5.0.10) refused locked containers: in the call itself.
func (c *call) lockedAtOnce(ct *container, skip bool) error {
	if ct == nil || skip || !c.sim.world.release.before(8, 2) {
		return nil
	}
	return ct.checkLock()
}

// checkLock refuses when a config lock is set; mounted does not stop a start or stop.
func (ct *container) checkLock() error {
	if l := ct.lock(); l != "" {
		return die("CT is locked (%s)", l)
	}
	return nil
}

func (c *call) managed(ct *container) *haResource {
	if ct == nil {
		return nil
	}
	h := c.sim.world.haOf(ct)
	if h == nil || h.state == "ignored" {
		return nil
	}
	return h
}

// requestHA only queues the wish; the real task follows as root@pam.
func (c *call) requestHA(kind string, ct *container, h *haResource, state string) string {
	return c.start(kind, strconv.Itoa(ct.vmid), func(t *task) error {
		t.log("Requesting HA %s for CT %d", strings.TrimPrefix(kind, "ha"), ct.vmid)
		return t.locked(func() error {
			h.state = state
			c.sim.haAct(ct, h)
			return nil
		})
	})
}

func (c *call) notRunning(kind string) error { return die("%s %s not running", kind, c.params["vmid"]) }

func stopContainer(c *call) (any, error) {
	skip, err := c.skipLock()
	if err != nil {
		return nil, err
	}
	ct, running := c.isRunning()
	if !running {
		return nil, c.notRunning("CT")
	}
	if err := c.lockedAtOnce(ct, skip); err != nil {
		return nil, err
	}
	if h := c.managed(ct); h != nil {
		if c.params.truth("overrule-shutdown") {
			return nil, invalidParam("overrule-shutdown", "not applicable for HA resources")
		}
		return c.requestHA("hastop", ct, h, "stopped"), nil
	}
	var overruled []*task
	if c.params.truth("overrule-shutdown") {
		overruled = c.shutdownsOf(ct)
	}
	vmid := ct.vmid
	return c.start("vzstop", c.params["vmid"], func(t *task) error {
		t.overrule(overruled)
		return t.stopContainer(vmid, stopOptions{skipLock: skip, kill: true})
	}), nil
}

// shutdownsOf are the running shutdown tasks of a container that the caller may abort.
func (c *call) shutdownsOf(ct *container) []*task {
	var out []*task
	others := c.sim.world.allowed(c.user, "/nodes/"+c.node.name, "Sys.Modify")
	for _, t := range c.sim.world.tasks.byNode[c.node] {
		if t.kind == "vzshutdown" && t.id == strconv.Itoa(ct.vmid) && t.ended.IsZero() && (others || t.user == c.user) {
			out = append(out, t)
		}
	}
	return out
}

func (t *task) overrule(list []*task) {
	if len(list) == 0 {
		return
	}
	upids := make([]string, len(list))
	for i, other := range list {
		upids[i] = other.upid
		other.cancel()
	}
	for _, other := range list {
		<-other.done
	}
	t.log("overruled vzshutdown tasks: %s", strings.Join(upids, ", "))
}

func shutdownContainer(c *call) (any, error) {
	ct, running := c.isRunning()
	if !running {
		return nil, c.notRunning("CT")
	}
	if err := c.lockedAtOnce(ct, false); err != nil {
		return nil, err
	}
	if h := c.managed(ct); h != nil {
		return c.requestHA("hastop", ct, h, "stopped"), nil
	}
	o := stopOptions{timeout: c.params.number("timeout", 60), kill: c.params.truth("forceStop"), graceful: true}
	vmid := ct.vmid
	return c.start("vzshutdown", c.params["vmid"], func(t *task) error { return t.stopContainer(vmid, o) }), nil
}

func rebootContainer(c *call) (any, error) {
	ct, running := c.isRunning()
	if !running {
		return nil, c.notRunning("VM")
	}
	o := stopOptions{graceful: true, kill: true, timeout: c.params.number("timeout", 60), skipLock: true}
	vmid := ct.vmid
	return c.start("vzreboot", c.params["vmid"], func(t *task) error {
		return t.holding(vmid, func() error {
			if err := t.bringDown(ct, o); err != nil {
				return err
			}
			if err := t.locked(func() error { t.sim.powerOff(ct); return nil }); err != nil {
				return err
			}
			if err := t.pause(t.takes(0.5)); err != nil {
				return err
			}
			return t.locked(func() error { return t.sim.powerOn(ct) })
		})
	}), nil
}

func suspendContainer(c *call) (any, error) {
	if _, running := c.isRunning(); !running {
		return nil, c.notRunning("CT")
	}
	return c.start("vzsuspend", c.params["vmid"], func(t *task) error {
		return errors.New("checkpointing is experimental: criu is not installed")
	}), nil
}

func resumeContainer(c *call) (any, error) {
	if _, running := c.isRunning(); running {
		return nil, die("CT %s already running", c.params["vmid"])
	}
	return c.start("vzresume", c.params["vmid"], func(t *task) error {
		return errors.New("no checkpoint to resume from")
	}), nil
}
