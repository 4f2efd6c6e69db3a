package pvesim

import (
	"time"
)

// What pvestatd samples every 10 s and /cluster/resources repeats until the next sample. Existence, node, lock, tags,
// pool and HA state are read live (pve-manager 9.2.11). Nothing runs for this: a sample is what the container was at
// the latest cycle, kept by looking (settle) before every change.

// sampleLife is how long samples of a node that fell silent are believed.
const sampleLife = 5 * time.Minute

// sample is the state of a container at a statistics cycle.
type sample struct {
	seen    bool // false until the first cycle after creation
	tick    int64
	running bool
	started time.Duration
	shape   *shape
}

// tickOf is the number of the latest statistics cycle of a node, and its simulated time.
func (s *Sim) tickOf(n *node, now time.Time) (tick int64, at time.Duration) {
	clock := s.clock(now)
	if !n.online {
		clock = n.frozen
	}
	cycle := s.opt.StatisticsCycle
	since := clock - n.phase
	tick = int64(since / cycle)
	if since < 0 {
		tick--
	}
	return tick, time.Duration(tick)*cycle + n.phase
}

// settle takes the sample of the latest cycle, if that has not been done. Call it before changing a container.
func (s *Sim) settle(ct *container, now time.Time) {
	tick, _ := s.tickOf(ct.node, now)
	if ct.sample.tick < tick {
		ct.sample = sample{true, tick, ct.running, ct.started, ct.shape}
	}
}

// newborn is the sample of a container that no cycle has seen yet.
func (s *Sim) newborn(n *node, now time.Time) sample {
	tick, _ := s.tickOf(n, now)
	return sample{tick: tick}
}

// change lets edit change a container and keeps the sample of the time before.
func (s *Sim) change(ct *container, edit func()) {
	s.settle(ct, s.now())
	edit()
	ct.reshape(-1)
	s.world.version++
}

// sampledNode are the figures of a node at its latest cycle.
func (s *Sim) sampledNode(n *node, now time.Time) nodeFigures {
	tick, at := s.tickOf(n, now)
	if n.tick != tick {
		n.tick = tick
		n.sampled = n.figuresAt(at, func(ct *container) (bool, time.Duration) {
			s.settle(ct, now)
			return ct.sample.running, ct.sample.started
		})
	}
	return n.sampled
}
