package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"berth"
)

const (
	memoryViewers = 10
	memoryTime    = 15 * time.Second
)

// measureLarge measures a cluster of many nodes and containers.
func measureLarge(ctx context.Context, s sizes, _ *site, r *report) (err error) {
	w, err := startSite(ctx, s, "large", s.largeNodes, s.large)
	if err != nil {
		return err
	}
	defer func() { err = joined(err, w.close()) }()
	what := fmt.Sprintf("%d containers on %d nodes: ", s.large, s.largeNodes)
	if err := measureMemory(ctx, w, r, what, 150); err != nil {
		return err
	}
	if err := measureFirstViews(ctx, w, r, what); err != nil {
		return err
	}
	if err := measureQueries(ctx, w, r, what); err != nil {
		return err
	}
	resident, err := w.berth.memory("VmRSS")
	if err != nil {
		return err
	}
	r.note(what+"resident memory right after hundreds of views that nobody had opened before", resident, "MiB")
	return measureStart(ctx, s, w, r, what)
}

func joined(err, other error) error {
	if other == nil {
		return err
	}
	return errors.Join(err, other)
}

// measureFirstViews opens views that nobody has opened before, each with every container in it.
func measureFirstViews(ctx context.Context, w *site, r *report, what string) error {
	const views = 60
	var times []time.Duration
	largest := 0
	cpu, err := w.berth.cpuOf(func() error {
		for i := range views {
			p, err := w.browser.get(ctx, "/?q="+url.QueryEscape(fmt.Sprintf("vmid:1-%d", 1_000_000+i)))
			if err != nil {
				return err
			}
			times, largest = append(times, p.took), max(largest, len(p.wire))
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.note(what+"first view, CPU", milliseconds(cpu)/views, "ms")
	r.note(what+"first view, median", milliseconds(quantile(times, 0.5)), "ms")
	r.within(what+"first view, p95", quantile(times, 0.95), 50*time.Millisecond)
	r.atMost(what+"first view, compressed", float64(largest)/1000, 50, "kB")
	return nil
}

// measureQueries asks for lists by queries and orders, none of them twice.
func measureQueries(ctx context.Context, w *site, r *report, what string) error {
	const rounds = 10
	worst, worstOf := 0.0, ""
	for _, q := range queries() {
		cpu, err := w.berth.cpuOf(func() error {
			for i := range rounds {
				text := fmt.Sprintf("%s vmid:1-%d", q.text, 2_000_000+i) // matches all and makes it another query
				if _, err := w.browser.get(ctx, "/list?q="+url.QueryEscape(text)+"&sort="+q.sort); err != nil {
					return fmt.Errorf("%q sorted by %s: %w", text, q.sort, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if each := milliseconds(cpu) / rounds; each > worst {
			worst, worstOf = each, fmt.Sprintf("%q by %s", q.text, q.sort)
		}
	}
	r.atMost(what+fmt.Sprintf("CPU of a query with its answer, worst of %d: %s", len(queries()), worstOf), worst, 20, "ms")
	return nil
}

type question struct{ text, sort string }

// queries are one of each kind, in the usual order, and every order of all containers.
func queries() []question {
	var all []question
	for _, text := range []string{"web", "status:running", "node:pve1,pve2", "-tag:prod", "cpu>0.1", "mem>50%", "uptime<30d", "ip:10.0.0.0/8", "db status:running mem>10% -node:pve3"} {
		all = append(all, question{text, "name"})
	}
	for _, by := range berth.SortFields() {
		all = append(all, question{"", string(by)}, question{"", "-" + string(by)})
	}
	return all
}

// measureMemory has browsers watch and looks at the memory meanwhile.
func measureMemory(ctx context.Context, w *site, r *report, what string, most float64) error {
	a, err := w.browser.seat(ctx, memoryViewers, "/")
	if err != nil {
		return err
	}
	var resident []float64
	cpu, err := w.berth.cpuOf(func() error {
		for range int(memoryTime / time.Second) {
			if err := wait(ctx, time.Second); err != nil {
				return err
			}
			now, err := w.berth.memory("VmRSS")
			if err != nil {
				return err
			}
			resident = append(resident, now)
		}
		return nil
	})
	if err := errors.Join(err, a.leave()); err != nil {
		return err
	}
	r.atMost(what+fmt.Sprintf("resident memory with %d browsers, highest of %d samples", memoryViewers, len(resident)), slices.Max(resident), most, "MiB")
	r.note(what+"CPU while they watch", 100*cpu.Seconds()/memoryTime.Seconds(), "% of a core")
	return nil
}

// measureStart starts Berth again while Proxmox VE is away, and waits for the first page with what was known before.
func measureStart(ctx context.Context, s sizes, w *site, r *report, what string) error {
	if err := w.berth.stop(); err != nil {
		return err
	}
	w.sim.Stop()
	began := time.Now()
	if err := w.restart(ctx); err != nil {
		return err
	}
	p, err := w.browser.get(ctx, "/")
	took := time.Since(began)
	if err != nil {
		return err
	}
	if p.count() != s.large {
		return fmt.Errorf("after the start the first page has %d containers, not %d", p.count(), s.large)
	}
	r.within(what+"start until the first page, its last known state, without Proxmox VE", took, 500*time.Millisecond)
	return nil
}
