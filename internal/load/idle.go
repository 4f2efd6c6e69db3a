package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// measureIdle looks at the processor time while nobody watches.
func measureIdle(ctx context.Context, s sizes, w *site, r *report) error {
	if err := w.settled(ctx); err != nil {
		return err
	}
	calls := w.calls()
	cpu, err := w.berth.cpuOf(func() error { return wait(ctx, s.idle) })
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%d containers, nobody watches: ", s.containers)
	r.atMost(what+"CPU per minute", cpu.Seconds()/s.idle.Minutes(), 0.6, "s")
	r.note(what+"calls to Proxmox VE per minute", float64(w.calls()-calls)/s.idle.Minutes(), "")
	return measureMemory(ctx, w, r, fmt.Sprintf("%d containers: ", s.containers), 50)
}

const crowdTime = 20 * time.Second

// measureCrowd has very many browsers watch several views while containers change.
func measureCrowd(ctx context.Context, s sizes, w *site, r *report) error {
	var got atomic.Int64
	leave, err := w.browser.gather(ctx, s.crowd, &got)
	if err != nil {
		return err
	}
	before := got.Load()
	var changes int
	cpu, err := w.berth.cpuOf(func() (err error) {
		changes, err = churn(ctx, w, s.containers/100)
		return err
	})
	received := got.Load() - before
	resident, memoryErr := w.berth.memory("VmRSS")
	if err := errors.Join(err, leave(), memoryErr); err != nil {
		return err
	}
	what := fmt.Sprintf("%d browsers watch %d containers, %.1f %% start or stop each second: ", s.crowd, s.containers, 100*float64(changes)/crowdTime.Seconds()/float64(s.containers))
	r.atMost(what+"CPU", 100*cpu.Seconds()/crowdTime.Seconds(), 100, "% of a core")
	r.note(what+"compressed bytes for each browser and second", float64(received)/crowdTime.Seconds()/float64(s.crowd), "B")
	r.note(what+"resident memory", resident, "MiB")
	return nil
}

// gather opens views in that many browsers.
func (b *browser) gather(ctx context.Context, size int, got *atomic.Int64) (leave func() error, err error) {
	views := []string{"/", "/?sort=vmid", "/?sort=node", "/?q=status%3Arunning", "/?q=node%3Apve1", "/?q=node%3Apve2", "/?q=web", "/?q=db", "/?group=node", "/?sort=status"}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, size)
	var group, opened sync.WaitGroup
	for i := range size {
		opened.Add(1)
		arrive := sync.OnceFunc(opened.Done)
		one := b.another()
		group.Go(func() {
			defer arrive()
			if err := one.drain(ctx, views[i%len(views)], arrive, got); err != nil {
				ended <- err
			}
		})
	}
	opened.Wait()
	return func() error {
		cancel()
		group.Wait()
		close(ended)
		return <-ended
	}, nil
}

// churn stops and starts so many containers each second, and gives how many it did.
func churn(ctx context.Context, w *site, perSecond int) (changes int, err error) {
	p, err := w.browser.get(ctx, "/?limit=100000")
	if err != nil {
		return 0, err
	}
	var group sync.WaitGroup
	var failed atomic.Pointer[error]
	act := func(c row) {
		verb := map[string]string{"running": "stop", "stopped": "start"}[c.status]
		if _, err := w.other.do(ctx, c, verb); err != nil {
			failed.Store(&err)
		}
	}
	tick := time.NewTicker(time.Second / time.Duration(max(perSecond, 1)))
	defer tick.Stop()
	end := time.After(crowdTime)
	for _, c := range rowsOf(p.html()) {
		if c.status != "running" && c.status != "stopped" {
			continue
		}
		select {
		case <-end:
			group.Wait()
			return changes, deref(failed.Load())
		case <-tick.C:
			group.Go(func() { act(c) })
			changes++
		}
	}
	<-end
	group.Wait()
	return changes, deref(failed.Load())
}

func deref(err *error) error {
	if err == nil {
		return nil
	}
	return *err
}
