package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// audience is browsers that have the same page open, and what they have seen of changes.
type audience struct {
	size  int
	group sync.WaitGroup
	end   context.CancelFunc
	ended chan error // one from each browser whose stream ended before it should

	mu      sync.Mutex
	pending map[row]*change
	events  []event // of the first browser
}

// change is a container that is to be seen in another state.
type change struct {
	at   time.Time // when it happened
	seen map[int]time.Time
	all  chan struct{} // closed when every browser has seen it
}

// seat opens the page in that many browsers and waits until all of them have their stream.
func (b *browser) seat(ctx context.Context, size int, path string) (*audience, error) {
	ctx, cancel := context.WithCancel(ctx)
	a := &audience{size: size, end: cancel, ended: make(chan error, size), pending: map[row]*change{}}
	var opened sync.WaitGroup
	for i := range size {
		opened.Add(1)
		arrive := sync.OnceFunc(opened.Done)
		viewer := b.another()
		a.group.Go(func() {
			defer arrive() // also when it could not
			if err := viewer.follow(ctx, path, arrive, func(e event) { a.saw(i, e) }); err != nil {
				a.ended <- err
			}
		})
	}
	opened.Wait()
	if len(a.ended) > 0 {
		return nil, errors.Join(<-a.ended, a.leave())
	}
	return a, nil
}

// leave closes all pages. The error is that of a stream that had ended before.
func (a *audience) leave() error {
	a.end()
	a.group.Wait()
	select {
	case err := <-a.ended:
		return err
	default:
		return nil
	}
}

func (a *audience) saw(viewer int, e event) {
	rows := rowsOf(e.data)
	a.mu.Lock()
	defer a.mu.Unlock()
	if viewer == 0 {
		a.events = append(a.events, e)
	}
	for _, r := range rows {
		c, awaited := a.pending[r]
		if !awaited {
			continue
		}
		if _, again := c.seen[viewer]; again {
			continue
		}
		c.seen[viewer] = e.at
		if len(c.seen) == a.size {
			close(c.all)
		}
	}
}

// expect announces that a container will be seen in the state of r.
func (a *audience) expect(r row) *change {
	c := &change{seen: map[int]time.Time{}, all: make(chan struct{})}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending[r] = c
	return c
}

// delay waits until everybody has seen the change and gives how long after it the last one did. Those who do not within
// patience count with patience.
func (a *audience) delay(ctx context.Context, c *change, patience time.Duration) time.Duration {
	ctx, cancel := context.WithDeadline(ctx, c.at.Add(patience))
	defer cancel()
	select {
	case <-ctx.Done():
		return patience
	case <-c.all:
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var longest time.Duration
	for _, at := range c.seen {
		longest = max(longest, at.Sub(c.at))
	}
	return longest
}
