package pvesim

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// task is one worker process of PVE: it runs in a goroutine of its own, logs lines and ends with an exit status.
type task struct {
	sim     *Sim
	upid    string
	node    *node
	pid     int
	pstart  int64 // jiffies since boot
	kind    string
	id      string
	user    caller
	began   time.Time
	ended   time.Time // zero while it runs
	status  string    // exit status
	lines   []string
	warned  int
	cancel  context.CancelFunc
	ctx     context.Context
	done    chan struct{}
	failure error // of a fault, when the log has failAt lines
	failAt  int
}

// taskTable holds all tasks; finished ones are kept up to a limit per node.
type taskTable struct {
	byUPID map[string]*task
	byNode map[*node][]*task // oldest first
	pid    int
}

const (
	keptTasks   = 1000 // finished tasks per node that stay in the archive
	sharedTasks = 25   // finished tasks per node in /cluster/tasks
)

func (t *taskTable) init() {
	t.byUPID, t.byNode, t.pid = map[string]*task{}, map[*node][]*task{}, 0x1000
}

// errAborted ends a task that was told to stop.
var errAborted = errors.New("received interrupt")

// work is what a task does. It runs without the lock of the world; use t.locked to look and change.
type work func(t *task) error

// start forks a task on the node of the call and returns its UPID, the answer of the call.
func (c *call) start(kind, id string, w work) string {
	return c.sim.fork(c.node, c.user, kind, id, w).upid
}

// fork begins a task. The world is locked.
func (s *Sim) fork(n *node, u caller, kind, id string, w work) *task {
	table := &s.world.tasks
	table.pid += 1 + int(hash(s.opt.Seed, "pid", strconv.Itoa(table.pid))%7)
	now := s.now()
	t := &task{sim: s, node: n, pid: table.pid, kind: kind, id: id, user: u, began: now, done: make(chan struct{})}
	t.pstart = int64((s.clock(now) - n.booted).Seconds() * 100)
	t.upid = fmt.Sprintf("UPID:%s:%08X:%08X:%08X:%s:%s:%s:", n.name, t.pid, t.pstart, now.Unix(), kind, id, u)
	t.ctx, t.cancel = context.WithCancel(s.ctx)
	table.byUPID[t.upid] = t
	table.byNode[n] = append(table.byNode[n], t)
	table.trim(n)
	s.world.logTask(t, "starting task "+t.upid)
	s.running.Add(1)
	go t.run(w)
	return t
}

// trim forgets the oldest finished tasks of a node.
func (table *taskTable) trim(n *node) {
	list := table.byNode[n]
	for len(list) > keptTasks && !list[0].ended.IsZero() {
		delete(table.byUPID, list[0].upid)
		list = list[1:]
	}
	table.byNode[n] = list
}

func (t *task) run(w work) {
	defer t.sim.running.Done()
	defer close(t.done)
	defer t.cancel()
	err := t.disturbed()
	if err == nil {
		err = w(t)
	}
	t.finish(err)
}

// finish writes the last line and the exit status.
func (t *task) finish(err error) {
	t.sim.mu.Lock()
	defer t.sim.mu.Unlock()
	t.ended = t.sim.now()
	var refused *apiError
	switch {
	case errors.Is(err, errKilled):
		t.status = "unexpected status"
	case errors.As(err, &refused) && refused.status == 403:
		t.status = "403 " + refused.text
	case err != nil:
		t.status = strings.ReplaceAll(err.Error(), "\n", " ")
	case t.warned > 0:
		t.status = fmt.Sprintf("WARNINGS: %d", t.warned)
	default:
		t.status = "OK"
	}
	switch {
	case errors.Is(err, errKilled):
	case err != nil:
		t.lines = append(t.lines, "TASK ERROR: "+t.status)
	default:
		t.lines = append(t.lines, "TASK "+t.status)
	}
	t.sim.world.logTask(t, "end task "+t.upid+" "+t.status)
}

// log adds a line to the task's log.
func (t *task) log(format string, args ...any) {
	t.sim.mu.Lock()
	defer t.sim.mu.Unlock()
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
	t.reached()
}

// warn adds a warning; the task then ends with "WARNINGS: n".
func (t *task) warn(format string, args ...any) {
	t.log("WARN: "+format, args...)
	t.sim.mu.Lock()
	t.warned++
	t.sim.mu.Unlock()
}

// locked runs f with the world locked.
func (t *task) locked(f func() error) error {
	t.sim.mu.Lock()
	defer t.sim.mu.Unlock()
	return f()
}

// pause waits for d of simulated time, or until the task is aborted.
func (t *task) pause(d time.Duration) error {
	timer := time.NewTimer(t.sim.real(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-t.ctx.Done():
		return t.interruption()
	}
}

// takes is the time a step takes: weight times the typical task time, a little different each time.
func (t *task) takes(weight float64) time.Duration {
	spread := 0.75 + float64(hash(t.sim.opt.Seed, t.upid)&255)/510
	return time.Duration(weight * spread * float64(t.sim.opt.TaskTime))
}

// flockWait is how long tasks wait for the config lock of a container.
const flockWait = 10 * time.Second

// holding runs f with the config lock of a container held, as PVE's lock_config does.
func (t *task) holding(vmid int, f func() error) error {
	lock := t.sim.flock(vmid)
	select {
	case lock <- struct{}{}:
	default:
		t.log("trying to acquire lock...")
		timer := time.NewTimer(t.sim.real(flockWait))
		defer timer.Stop()
		select {
		case lock <- struct{}{}:
			t.log(" OK")
		case <-timer.C:
			return fmt.Errorf("can't lock file '/run/lock/lxc/pve-config-%d.lock' - got timeout", vmid)
		case <-t.ctx.Done():
			return errAborted
		}
	}
	defer func() { <-lock }()
	return f()
}

func (s *Sim) flock(vmid int) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.world.flocks[vmid] == nil {
		s.world.flocks[vmid] = make(chan struct{}, 1)
	}
	return s.world.flocks[vmid]
}
