package pvesim

import (
	"errors"
	"time"
)

// errKilled ends a task as if its worker had been killed: no last line.
var errKilled = errors.New("worker killed")

// Fault is something that goes wrong on purpose. Method and Path choose the requests, Task the tasks it is for.
type Fault struct {
	Method string        // "" for all
	Path   string        // pattern below /api2/json as for CallsTo
	Task   string        // task type such as "vzstart": the fault is for tasks instead of requests
	Times  int           // how often; 0 means until ClearFaults
	Status int           // answer with this status and Reason
	Reason string        // for a task: the error it ends with
	Line   int           // for a task: log lines that still appear before it fails
	Delay  time.Duration // wait first; for a task in simulated time
	Hang   bool          // never answer
	Drop   bool          // cut the connection; for a task: the worker is killed and leaves its locks
}

// Fail adds a fault.
func (s *Sim) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// ClearFaults removes all faults.
func (s *Sim) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault finds the first fault that matches and counts it.
func (s *Sim) takeFault(match func(*Fault) bool) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if !match(f) {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
		}
		return f
	}
	return nil
}

// disturb applies a fault for this request, if there is one.
func (c *call) disturb() error {
	f := c.sim.takeFault(func(f *Fault) bool {
		return f.Task == "" && (f.Method == "" || f.Method == c.method) && (f.Path == "" || matchPath(f.Path, c.path))
	})
	if f == nil {
		return nil
	}
	if !c.wire.wait(f.Delay) || f.Drop {
		return errHangUp
	}
	if f.Hang {
		c.wire.hang()
		return errHangUp
	}
	if f.Status != 0 {
		return &apiError{status: f.Status, text: f.Reason, bare: f.Status == 401 || f.Status >= 595}
	}
	return nil
}

// disturbed applies a fault for this task, if there is one.
func (t *task) disturbed() error {
	f := t.sim.takeFault(func(f *Fault) bool { return f.Task == t.kind })
	if f == nil {
		return nil
	}
	if err := t.pause(f.Delay); err != nil {
		return err
	}
	var failure error
	switch {
	case f.Drop:
		failure = errKilled
	case f.Reason != "":
		failure = errors.New(f.Reason)
	}
	if f.Line == 0 {
		return failure
	}
	t.sim.mu.Lock()
	defer t.sim.mu.Unlock()
	t.failure, t.failAt = failure, f.Line
	return nil
}

// reached ends a task whose fault waits for a log line. The world is locked.
func (t *task) reached() {
	if t.failAt > 0 && len(t.lines) >= t.failAt {
		t.cancel()
	}
}

// interruption is why the context of a task ended: a fault that was reached, or an abort.
func (t *task) interruption() error {
	if t.failure != nil {
		return t.failure
	}
	return errAborted
}
