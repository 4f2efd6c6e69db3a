package pvesim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// onNode finds a container again inside a task.
func (t *task) onNode(vmid int) (*container, error) {
	ct := t.sim.world.container(vmid)
	if ct == nil || ct.node != t.node {
		return nil, noConfig(t.node, strconv.Itoa(vmid))
	}
	return ct, nil
}

// startContainer is the body of vzstart: config lock, checks, then the container comes up.
func (t *task) startContainer(vmid int, skipLock bool) error {
	return t.holding(vmid, func() error {
		var ct *container
		running := false
		err := t.locked(func() (err error) {
			if ct, err = t.onNode(vmid); err != nil {
				return err
			}
			running = ct.running
			if l := ct.lock(); l != "" && l != "mounted" && !skipLock {
				return ct.checkLock()
			}
			return ct.startable()
		})
		if err != nil {
			return err
		}
		if running {
			return nil // somebody else started it while this task waited for the lock
		}
		if err := t.pause(t.takes(0.8)); err != nil {
			return err
		}
		if text := t.startWarning(ct); text != "" {
			t.warn("%s", text)
		}
		return t.locked(func() error { return t.sim.powerOn(ct) })
	})
}

// startable refuses templates and bridges that do not exist.
func (ct *container) startable() error {
	if ct.isTemplate() {
		return errors.New("you can't start a CT if it's a template")
	}
	for _, n := range ct.nics() {
		if n.bridge != "" && !contains(ct.node.bridges, n.bridge) {
			return fmt.Errorf("bridge '%s' does not exist", n.bridge)
		}
	}
	return nil
}

// nestingHint warns of systemd in a container that may not nest.
const nestingHint = "Systemd 252 detected. You may need to enable nesting."

func (t *task) startWarning(ct *container) string {
	t.sim.mu.Lock()
	defer t.sim.mu.Unlock()
	if os := ct.conf["ostype"]; (os == "debian" || os == "ubuntu") && !strings.Contains(ct.conf["features"], "nesting=1") {
		return nestingHint
	}
	return ""
}

// keptRuns is how many earlier runs of a container its charts still show.
const keptRuns = 100

// powerOn makes a container run and applies its pending changes. The world is locked.
func (s *Sim) powerOn(ct *container) error {
	s.change(ct, func() {
		ct.applyPending()
		ct.running, ct.started = true, s.clock(s.now())
		s.world.tasks.pid += 40
		ct.pid = s.world.tasks.pid
		rebooted(ct.box)
	})
	return nil
}

func (s *Sim) powerOff(ct *container) {
	s.change(ct, func() {
		if ct.running {
			ct.runs = append(ct.runs[max(0, len(ct.runs)-keptRuns+1):], run{ct.started, s.clock(s.now())})
		}
		ct.running, ct.started = false, 0
	})
	s.endConsole(ct.vmid)
}

// Kill lets a container die by itself, as when its init crashes: no task, seen at the next statistics cycle.
// One that is under high availability is started again.
func (s *Sim) Kill(vmid int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ct := s.world.container(vmid)
	if ct == nil || !ct.running {
		return fmt.Errorf("container %d is not running", vmid)
	}
	s.powerOff(ct)
	if h := s.world.haOf(ct); h != nil {
		s.haAct(ct, h) // high availability brings it back
	}
	return nil
}

// SetStuck makes a container ignore shutdown requests, as one with a hanging service does.
func (s *Sim) SetStuck(vmid int, stuck bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ct := s.world.container(vmid)
	if ct == nil {
		return fmt.Errorf("no container %d", vmid)
	}
	ct.stuck = stuck
	return nil
}

// stopOptions say how a container is brought down.
type stopOptions struct {
	skipLock bool
	graceful bool
	kill     bool // at once, or after the timeout of a graceful stop
	timeout  int  // seconds
}

// stopContainer is the body of vzstop and vzshutdown.
func (t *task) stopContainer(vmid int, o stopOptions) error {
	return t.holding(vmid, func() error {
		var ct *container
		err := t.locked(func() (err error) {
			if ct, err = t.onNode(vmid); err == nil && !o.skipLock && ct.lock() != "mounted" {
				err = ct.checkLock()
			}
			return err
		})
		if err != nil {
			return err
		}
		if err := t.bringDown(ct, o); err != nil {
			return err
		}
		return t.locked(func() error { t.sim.powerOff(ct); return nil })
	})
}

// bringDown waits until the container is down. A stuck one outlives its timeout, and PVE waits 10 s more to be sure.
func (t *task) bringDown(ct *container, o stopOptions) error {
	if !o.graceful {
		return t.pause(t.takes(0.5))
	}
	if !t.isStuck(ct) {
		return t.pause(t.takes(1))
	}
	if err := t.pause(time.Duration(o.timeout) * time.Second); err != nil {
		return err
	}
	if o.kill {
		return nil
	}
	t.log("command 'lxc-stop -n %d --nokill --timeout %d' failed: exit code 1", ct.vmid, o.timeout)
	if err := t.pause(10 * time.Second); err != nil {
		return err
	}
	return errors.New("container did not stop")
}

func (t *task) isStuck(ct *container) bool {
	t.sim.mu.Lock()
	defer t.sim.mu.Unlock()
	return ct.stuck
}
