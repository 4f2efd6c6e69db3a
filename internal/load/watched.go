package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	taskPatience  = 10 * time.Second
	deathPatience = 25 * time.Second
)

// measureWatched has many browsers watch while containers are stopped by others and die by themselves.
func measureWatched(ctx context.Context, s sizes, w *site, r *report) error {
	if err := w.settled(ctx); err != nil {
		return err
	}
	if err := w.browser.waitFor(ctx, "/", page.fresh); err != nil {
		return err
	}
	all, err := w.browser.get(ctx, "/")
	if err != nil {
		return err
	}
	running := slices.DeleteFunc(rowsOf(all.html()), func(c row) bool { return c.status != "running" })
	if len(running) < 2*s.changes {
		return fmt.Errorf("the first page has %d running containers, %d are needed", len(running), 2*s.changes)
	}
	a, err := w.browser.seat(ctx, s.viewers, "/")
	if err != nil {
		return err
	}
	w.sim.ResetCalls()
	w.other.made.Store(0)
	t := &times{}
	began, opened := time.Now(), w.door.opened.Load()
	err = t.disturb(ctx, s, w, a, running)
	minutes := time.Since(began).Minutes()
	calls := w.calls()
	opened = w.door.opened.Load() - opened
	if err := errors.Join(err, a.leave()); err != nil {
		return err
	}
	who := fmt.Sprintf("%d browsers watch %d containers: ", s.viewers, s.containers)
	r.note(who+"stopped by another client until the last browser has it, median after the task's end", milliseconds(quantile(t.stops, 0.5)), "ms")
	r.within("the same, p95", quantile(t.stops, 0.95), 1500*time.Millisecond)
	r.note(who+"death without a task until the last browser has it, median", milliseconds(quantile(t.deaths, 0.5)), "ms")
	r.within("the same, p95", quantile(t.deaths, 0.95), 12500*time.Millisecond)
	r.atMost(who+"calls to Proxmox VE per minute", float64(calls)/minutes, 100, "")
	r.atMost(who+"TLS handshakes per 50 calls", 50*float64(opened)/float64(calls), 1, "")
	r.exactly(who+"calls to /nodes/{node}/lxc", w.sim.CallsTo("/nodes/{node}/lxc"), 0)
	for _, path := range []string{"/cluster/tasks", "/cluster/resources", "/nodes/{node}/lxc/{vmid}/status/current", "/nodes/{node}/lxc/{vmid}/config", "/nodes/{node}/lxc/{vmid}/interfaces"} {
		r.note(who+"of them "+path, float64(w.sim.CallsTo("GET "+path))/minutes, "")
	}
	reportBytes(a.events, r)
	return nil
}

// times are how long after changes the last browser had them.
type times struct {
	mu     sync.Mutex
	stops  []time.Duration
	deaths []time.Duration
	failed error
}

// disturb stops containers and lets others die between the stops. It waits until all of it has been seen.
func (t *times) disturb(ctx context.Context, s sizes, w *site, a *audience, running []row) error {
	var group sync.WaitGroup
	for i := range s.changes {
		for _, act := range []func(){
			func() { t.stop(ctx, w, a, running[2*i]) },
			func() { t.kill(ctx, w, a, running[2*i+1]) },
		} {
			group.Go(act)
			if err := wait(ctx, rand.N(s.every)); err != nil { // on average half of it, out of step with the polls
				return err
			}
		}
	}
	group.Wait()
	return t.failed
}

func (t *times) stop(ctx context.Context, w *site, a *audience, c row) {
	c.status = "stopped"
	stopped := a.expect(c)
	at, err := w.other.do(ctx, c, "stop")
	stopped.at = at
	delay := a.delay(ctx, stopped, taskPatience)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stops, t.failed = append(t.stops, max(delay, 0)), errors.Join(t.failed, err)
}

func (t *times) kill(ctx context.Context, w *site, a *audience, c row) {
	c.status = "stopped"
	died := a.expect(c)
	died.at = time.Now()
	err := w.sim.Kill(c.vmid)
	delay := a.delay(ctx, died, deathPatience)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deaths, t.failed = append(t.deaths, delay), errors.Join(t.failed, err)
}

// reportBytes tells what the stream of one browser cost, freshness and everything else included.
func reportBytes(events []event, r *report) {
	bytes, rows := 0, 0
	var single []int
	for _, e := range events {
		bytes += e.wire
		rows += e.changedRows()
		if e.updates() && e.changedRows() == 1 {
			single = append(single, e.wire)
		}
	}
	r.atMost("compressed bytes on the stream per changed row", float64(bytes)/float64(max(rows, 1)), 1000, "B")
	if len(single) > 0 {
		slices.Sort(single)
		r.note("compressed bytes of an update with one changed row (card, counts and totals), median", float64(single[len(single)/2]), "B")
	}
}
