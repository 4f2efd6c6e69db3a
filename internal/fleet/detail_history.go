package fleet

import (
	"context"
	"slices"

	"berth"
	"berth/internal/pve"
)

// Spans are the spans of time that Proxmox keeps figures of, the shortest first.
func Spans() []string { return []string{"hour", "day", "week", "month", "year"} }

// History gives what a container used over a span, one of Spans, oldest first: as Proxmox has recorded it, and after that
// what Berth has read since. It is one call. Returns NotFound if there is no such container in sight of the actor, Invalid
// for another span, and Unavailable, with the reason, if Proxmox does not say; a container without figures has none.
func (a *Actions) History(ctx context.Context, by berth.Actor, key, span string) ([]Sample, error) {
	if !slices.Contains(Spans(), span) {
		return nil, berth.Errorf(berth.Invalid, "There is no history of one “%s”; choose hour, day, week, month or year.", span)
	}
	p, c, err := a.find(by.Access, key)
	if err != nil {
		return nil, err
	}
	if problem := a.silence(p, c, by.Access); problem != "" && c.Unknown != berth.UnknownNode { // others have the figures of a node that is away
		return nil, berth.Errorf(berth.Unavailable, "%s", problem)
	}
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	points, err := p.client.ContainerHistory(ctx, c.Node, c.VMID, pve.HistoryQuery{Span: span})
	switch {
	case err != nil && pve.Classify(err).Kind == pve.KindNotFound: // never sampled
		points = nil
	case err != nil:
		return nil, &berth.Error{Code: berth.Unavailable, Message: plainProblem(err), Err: err}
	}
	return a.withLive(c, samplesOf(points)), nil
}

// withLive adds what was read after the last step that Proxmox has recorded.
func (a *Actions) withLive(c *berth.Container, samples []Sample) []Sample {
	r := a.readings.of(c.Key(), a.fleet.now())
	last := a.fleet.now().Add(-samplesKept)
	if n := len(samples); n > 0 {
		last = samples[n-1].At
	}
	return append(samples, r.since(last)...)
}

// samplesOf leaves out the steps at the end that are not over: they have no figures yet.
func samplesOf(points []pve.HistoryPoint) []Sample {
	samples := make([]Sample, 0, len(points))
	for i := range points {
		p := &points[i]
		samples = append(samples, Sample{At: p.Time, CPU: p.CPU, Memory: p.MemoryBytes, MaxMemory: p.MaxMemoryBytes, NetIn: p.NetInBytesPerSecond,
			NetOut: p.NetOutBytesPerSecond, Read: p.DiskReadBytesPerSecond, Writes: p.DiskWriteBytesPerSec})
	}
	slices.SortFunc(samples, func(a, b Sample) int { return a.At.Compare(b.At) })
	for n := len(samples); n > 0 && samples[n-1].empty(); n-- {
		samples = samples[:n-1]
	}
	return samples
}

func (s *Sample) empty() bool { return s.CPU == nil && s.Memory == nil && s.NetIn == nil }
