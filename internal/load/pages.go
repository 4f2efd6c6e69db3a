package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"berth/internal/pve/pvesim"
)

// slowCalls is how long Proxmox VE takes when it is slow.
const slowCalls = 300 * time.Millisecond

// measurePages reloads the dashboard of the usual cluster.
func measurePages(ctx context.Context, s sizes, w *site, r *report) error {
	const reloads = 200
	quick, err := w.browser.reload(ctx, "/", reloads, 25*time.Millisecond)
	if err != nil {
		return err
	}
	w.sim.Fail(pvesim.Fault{Delay: slowCalls - s.latency})
	slow, err := w.browser.reload(ctx, "/", reloads, 25*time.Millisecond)
	w.sim.ClearFaults()
	if err != nil {
		return err
	}
	what := fmt.Sprintf("dashboard of %d containers, 1 browser: ", s.containers)
	r.within(what+"median", quantile(quick, 0.5), 10*time.Millisecond)
	r.note(what+"p95", milliseconds(quantile(quick, 0.95)), "ms")
	r.within(what+"median while Proxmox VE takes 300 ms for each call", quantile(slow, 0.5), 10*time.Millisecond)
	return measureReloads(ctx, s, w, r)
}

// measureReloads has many browsers reload back to back, and compares the calls to Proxmox VE with those of as long
// without them.
func measureReloads(ctx context.Context, s sizes, w *site, r *report) error {
	const each = 40
	var times []time.Duration
	began, before := time.Now(), w.calls()
	cpu, err := w.berth.cpuOf(func() (err error) {
		times, err = w.browser.reloadTogether(ctx, s.viewers, each)
		return err
	})
	if err != nil {
		return err
	}
	took, during := time.Since(began), w.calls()-before
	if err := wait(ctx, took); err != nil {
		return err
	}
	without := w.calls() - before - during
	what := fmt.Sprintf("%d browsers reload back to back, %d pages: ", s.viewers, len(times))
	r.within(what+"p95", quantile(times, 0.95), 100*time.Millisecond)
	r.note(what+"pages a second", float64(len(times))/took.Seconds(), "")
	r.note(what+"CPU for each page", milliseconds(cpu)/float64(len(times)), "ms")
	// Polls go on by themselves; a few more of them may fall into one of two equal spans than into the other.
	r.atMost(what+fmt.Sprintf("calls to Proxmox VE (%d in as long without them)", without), float64(during), float64(without+8), "")
	return nil
}

// reloadTogether has browsers ask for the dashboard at the same time, each so often.
func (b *browser) reloadTogether(ctx context.Context, browsers, each int) ([]time.Duration, error) {
	var group sync.WaitGroup
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	for range browsers {
		one := b.another()
		group.Go(func() {
			times, err := one.reload(ctx, "/", each, 0)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, times...)
			if err != nil {
				failed = err
			}
		})
	}
	group.Wait()
	return all, failed
}

// measureThousand tells what a page costs with 1,000 containers: as it opens, and with all of them on it.
func measureThousand(ctx context.Context, s sizes, _ *site, r *report) (err error) {
	const containers, reloads = 1000, 200
	w, err := startSite(ctx, s, "thousand", 3, containers)
	if err != nil {
		return err
	}
	defer func() { err = joined(err, w.close()) }()
	page, whole := "/", fmt.Sprintf("/?limit=%d", containers)
	cpu, err := w.cpuOfPage(ctx, page, reloads)
	if err != nil {
		return err
	}
	r.atMost("dashboard of 1,000 containers, with the first 100 of them: CPU", milliseconds(cpu), 5, "ms")
	if cpu, err = w.cpuOfPage(ctx, whole, reloads); err != nil {
		return err
	}
	r.note("dashboard of 1,000 containers, scrolled to the end, reloaded with all of them: CPU", milliseconds(cpu), "ms")
	return nil
}

// cpuOfPage is the processor time for each of so many requests of the page.
func (w *site) cpuOfPage(ctx context.Context, path string, reloads int) (time.Duration, error) {
	cpu, err := w.berth.cpuOf(func() error {
		_, err := w.browser.reload(ctx, path, reloads, 0)
		return err
	})
	return cpu / time.Duration(reloads), err
}
