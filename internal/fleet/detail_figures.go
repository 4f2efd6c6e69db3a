package fleet

import (
	"context"
	"sync"
	"time"

	"berth"
	"berth/internal/pve"
)

// Figures are what a container uses, as its own node says at this moment. The share of the processor is not among them:
// only the statistics of the cluster, Container.CPU, measure that over a fixed time.
type Figures struct {
	At             time.Time
	Running        bool
	Uptime         time.Duration
	MemoryBytes    int64
	MaxMemoryBytes int64
	SwapBytes      int64
	MaxSwapBytes   int64
	DiskBytes      int64 // of the root file system; 0: not known
	MaxDiskBytes   int64
	NetInBytes     int64 // since the start, as the following
	NetOutBytes    int64
	ReadBytes      int64
	WrittenBytes   int64
	Rates          *Rates   // since the reading before; nil: there was none shortly before
	Pressure       Pressure // zero before Proxmox VE 9.0
}

// Rates are in bytes per second.
type Rates struct{ NetIn, NetOut, Read, Written float64 }

// Pressure is how long work had to wait, in percent of the last 10 s.
type Pressure struct{ CPU, Memory, IO float64 }

// Sample is what a container used at a moment, or on average over a step of time that ends then. Nil: not recorded.
type Sample struct {
	At                          time.Time
	CPU                         *float64 // fraction of its cores
	Memory, MaxMemory           *float64 // bytes
	NetIn, NetOut, Read, Writes *float64 // bytes per second
}

const (
	figuresShared = 1500 * time.Millisecond // everybody who looks within that time is told the same
	ratesOver     = time.Minute             // at most, between two readings of a rate
	samplesKept   = 15 * time.Minute
	readingKept   = 20 * time.Minute // without use
)

// readings are the latest figures of the containers whose pages are open, shared by all who look. The zero value is ready.
type readings struct {
	mu    sync.Mutex
	byKey map[string]*reading
}

type reading struct {
	used time.Time // belongs to readings.mu

	mu      sync.Mutex // held during a call, so that two who look make one
	latest  *Figures
	samples []Sample // oldest first
	tasks   []berth.Task
	tasksAt time.Time
}

// of gives the reading of a container, and drops those that nobody uses any more.
func (rs *readings) of(key string, now time.Time) *reading {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for other, r := range rs.byKey {
		if now.Sub(r.used) > readingKept {
			delete(rs.byKey, other)
		}
	}
	r := rs.byKey[key]
	if r == nil {
		r = &reading{}
		if rs.byKey == nil {
			rs.byKey = map[string]*reading{}
		}
		rs.byKey[key] = r
	}
	r.used = now
	return r
}

func (l *look) figures(ctx context.Context) error {
	c := l.detail.Container
	now := l.actions.fleet.now()
	r := l.actions.readings.of(c.Key(), now)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.latest == nil || now.Sub(r.latest.At) >= figuresShared {
		status, err := l.poller.client.ContainerStatus(ctx, c.Node, c.VMID)
		if err != nil {
			return err
		}
		r.add(c, &status, l.actions.fleet.now())
	}
	figures := *r.latest
	l.take(func(d *Detail) { d.Figures = &figures })
	return nil
}

// add takes a new status as the latest figures.
func (r *reading) add(c *berth.Container, s *pve.ContainerStatus, now time.Time) {
	f := &Figures{At: now, Running: s.Status == string(berth.LiveRunning), Uptime: s.Uptime, MemoryBytes: s.MemoryBytes, MaxMemoryBytes: s.MaxMemoryBytes,
		SwapBytes: s.SwapBytes, MaxSwapBytes: s.MaxSwapBytes, DiskBytes: s.DiskBytes, MaxDiskBytes: s.MaxDiskBytes, NetInBytes: s.NetInBytes, NetOutBytes: s.NetOutBytes,
		ReadBytes: s.DiskReadBytes, WrittenBytes: s.DiskWriteBytes, Pressure: Pressure{CPU: s.CPUSome, Memory: s.MemorySome, IO: s.IOSome}}
	if r.latest != nil {
		f.Rates = f.since(r.latest)
	}
	r.latest = f
	if !f.Running {
		return
	}
	cpu, memory, limit := c.CPU, float64(f.MemoryBytes), float64(f.MaxMemoryBytes)
	sample := Sample{At: now, CPU: &cpu, Memory: &memory, MaxMemory: &limit}
	if f.Rates != nil {
		sample.NetIn, sample.NetOut, sample.Read, sample.Writes = &f.Rates.NetIn, &f.Rates.NetOut, &f.Rates.Read, &f.Rates.Written
	}
	r.samples = append(r.samples, sample)
	for len(r.samples) > 0 && now.Sub(r.samples[0].At) > samplesKept {
		r.samples = r.samples[1:]
	}
}

// since gives the rates between two readings; nil if they are far apart or the container has started between them.
func (f *Figures) since(before *Figures) *Rates {
	seconds := f.At.Sub(before.At).Seconds()
	if !f.Running || seconds <= 0 || seconds > ratesOver.Seconds() || f.Uptime < before.Uptime || f.NetInBytes < before.NetInBytes || f.ReadBytes < before.ReadBytes {
		return nil
	}
	rate := func(now, then int64) float64 { return float64(now-then) / seconds }
	return &Rates{NetIn: rate(f.NetInBytes, before.NetInBytes), NetOut: rate(f.NetOutBytes, before.NetOutBytes),
		Read: rate(f.ReadBytes, before.ReadBytes), Written: rate(f.WrittenBytes, before.WrittenBytes)}
}

// since gives the samples after the moment.
func (r *reading) since(at time.Time) []Sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.samples {
		if r.samples[i].At.After(at) {
			return append([]Sample(nil), r.samples[i:]...)
		}
	}
	return nil
}
