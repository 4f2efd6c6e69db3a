package main

import (
	"context"
	"fmt"
	"time"

	"berth/internal/pve/pvesim"
)

// trouble is something that goes wrong with a node, or with all of them.
type trouble struct {
	name  string
	begin func(*pvesim.Sim)
	// stale gives how many containers are to be shown as unknown, of the given ones on the node and in all.
	stale func(onNode, all int) int
}

const sickNode = "pve2"

func troubles() []trouble {
	none := func(int, int) int { return 0 }
	fault := func(f pvesim.Fault) func(*pvesim.Sim) { return func(sim *pvesim.Sim) { sim.Fail(f) } }
	return []trouble{
		{"a node hangs", fault(pvesim.Fault{Path: "/nodes/" + sickNode + "/", Hang: true}), none},
		{"a node answers 500", fault(pvesim.Fault{Path: "/nodes/" + sickNode + "/", Status: 500, Reason: "internal error"}), none},
		{"a node dies", func(sim *pvesim.Sim) { sim.SetNodeOnline(sickNode, false) }, func(onNode, _ int) int { return onNode }},
		{"the whole cluster hangs", fault(pvesim.Fault{Hang: true}), func(_, all int) int { return all }},
	}
}

// measureFaults compares the page while something is wrong with the healthy one, and looks at which rows are unknown.
func measureFaults(ctx context.Context, s sizes, w *site, r *report) error {
	for _, t := range troubles() {
		if err := measureTrouble(ctx, s, w, r, t); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

func measureTrouble(ctx context.Context, s sizes, w *site, r *report, t trouble) error {
	const reloads = 300
	path := fmt.Sprintf("/?limit=%d", s.containers)
	healthy, err := w.browser.reload(ctx, "/", reloads, 5*time.Millisecond)
	if err != nil {
		return err
	}
	before, err := w.browser.get(ctx, path)
	if err != nil {
		return err
	}
	wanted := t.stale(count(before, row{node: sickNode}), s.containers)
	a, err := w.browser.seat(ctx, 1, "/") // somebody watches, so that Berth notices soon
	if err != nil {
		return err
	}
	t.begin(w.sim)
	defer w.heal()
	if err := w.browser.waitFor(ctx, path, func(p page) bool { return count(p, row{status: "unknown"}) >= wanted }); err != nil {
		return err
	}
	sick, err := w.browser.reload(ctx, "/", reloads, 5*time.Millisecond)
	if err != nil {
		return err
	}
	after, err := w.browser.get(ctx, path)
	if err != nil {
		return err
	}
	r.atMost(t.name+": p95 of the page, times that of the healthy one", float64(quantile(sick, 0.95))/float64(quantile(healthy, 0.95)), 1.2, "")
	r.exactly(t.name+": containers shown as unknown", count(after, row{status: "unknown"}), wanted)
	w.heal()
	if err := w.browser.waitFor(ctx, path, func(p page) bool { return count(p, row{status: "unknown"}) == 0 }); err != nil {
		return err
	}
	return a.leave()
}

// heal ends every trouble.
func (w *site) heal() {
	w.sim.ClearFaults()
	w.sim.SetNodeOnline(sickNode, true)
}

// count is how many rows of a page are on the node and in the state of like; empty stands for any.
func count(p page, like row) int {
	n := 0
	for _, c := range rowsOf(p.html()) {
		if (like.node == "" || like.node == c.node) && (like.status == "" || like.status == c.status) {
			n++
		}
	}
	return n
}
