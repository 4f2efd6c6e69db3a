package auth

import (
	"context"
	"sync"
	"sync/atomic"

	"berth"
)

// lane lets a few do something at once, and a few more wait. Whoever comes then is sent away at once: thousands who wait would
// take memory, and time from those who have a chance.
type lane struct {
	inside  chan struct{}
	waiting atomic.Int32
}

const (
	mostWaiting   = 100 // in one lane; for a password that is about two seconds
	lookUpsAtOnce = 16
)

func newLane(atOnce int) *lane { return &lane{inside: make(chan struct{}, atOnce)} }

// enter waits for room; leave gives it back. Returns Unavailable if too many wait already.
func (l *lane) enter(ctx context.Context) (leave func(), err error) {
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > mostWaiting {
		return nil, berth.Errorf(berth.Unavailable, "Too many people are signing in at this moment; try again in a few seconds.")
	}
	select {
	case l.inside <- struct{}{}:
		return func() { <-l.inside }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// regulars are the networks from which somebody has signed in since the start.
type regulars struct {
	mu       sync.Mutex
	networks map[string]bool
}

const mostRegulars = 10_000

func (r *regulars) has(network string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.networks[network]
}

func (r *regulars) add(network string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for old := range r.networks {
		if len(r.networks) < mostRegulars {
			break
		}
		delete(r.networks, old)
	}
	r.networks[network] = true
}
