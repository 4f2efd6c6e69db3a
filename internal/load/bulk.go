package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	bulkNodes   = 5
	bulkLatency = 100 * time.Millisecond // of each call to Proxmox VE
	bulkTask    = 2 * time.Second        // of each start, on average
	bulkPerNode = 4                      // starts at once on one node, Berth's own limit
	bulkTime    = 10 * time.Minute
)

// measureBulk starts many containers with one bulk action and compares the time with the least that the limit per node allows.
func measureBulk(ctx context.Context, s sizes, _ *site, r *report) (err error) {
	s.latency, s.taskTime = bulkLatency, bulkTask*10/8 // a start takes the simulator 0.8 of the typical task
	w, err := startSite(ctx, s, "bulk", bulkNodes, s.bulk)
	if err != nil {
		return err
	}
	defer func() { err = joined(err, w.close()) }()
	if err := w.stopAll(ctx, s.bulk); err != nil {
		return err
	}
	w.sim.ResetCalls()
	var took time.Duration
	cpu, err := w.berth.cpuOf(func() (err error) {
		took, err = w.startStopped(ctx)
		return err
	})
	if err != nil {
		return err
	}
	most, all := 0, 0
	for n := range bulkNodes {
		orders := w.sim.CallsTo(fmt.Sprintf("POST /nodes/pve%d/lxc/", n+1))
		most, all = max(most, orders), all+orders
	}
	ideal := bulkTask * time.Duration(most) / bulkPerNode
	what := fmt.Sprintf("bulk start of %d containers on %d nodes, calls of %d ms, tasks of %g s: ", all, bulkNodes, bulkLatency.Milliseconds(), bulkTask.Seconds())
	r.note(what+"until its job is over", took.Seconds(), "s")
	r.atMost(what+"times the least that 4 at once on each node allow", took.Seconds()/ideal.Seconds(), 1.3, "")
	r.note(what+"CPU for each container", milliseconds(cpu)/float64(all), "ms")
	r.note(what+"calls for each container", float64(w.sim.Calls())/float64(all), "")
	return nil
}

// stopAll has every container die and waits until Berth knows.
func (w *site) stopAll(ctx context.Context, containers int) error {
	p, err := w.browser.get(ctx, fmt.Sprintf("/?limit=%d", containers))
	if err != nil {
		return err
	}
	for _, c := range rowsOf(p.html()) {
		if c.status == "running" {
			if err := w.sim.Kill(c.vmid); err != nil {
				return err
			}
		}
	}
	a, err := w.browser.seat(ctx, 1, "/") // somebody watches, so that Berth notices soon
	if err != nil {
		return err
	}
	err = w.browser.waitFor(ctx, "/?q="+url.QueryEscape("status:running -is:ha"), func(p page) bool { return p.count() == 0 })
	return errors.Join(err, a.leave())
}

// startable is the query of those whose start is a plain task; templates are left out by Berth.
const startable = "status:stopped -is:ha -is:locked"

// startStopped asks for the bulk action and waits for the end of its job.
func (w *site) startStopped(ctx context.Context) (took time.Duration, err error) {
	began := time.Now()
	form := url.Values{"action": {"start"}, "all": {"1"}, "q": {startable}, "confirmed": {"1"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.browser.base+"/bulk", strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := w.browser.client.Do(request)
	if err != nil {
		return 0, err
	}
	if err := response.Body.Close(); err != nil {
		return 0, err
	}
	job := response.Header.Get("HX-Redirect")
	if response.StatusCode != http.StatusNoContent || job == "" {
		return 0, fmt.Errorf("POST /bulk: %s", response.Status)
	}
	ctx, cancel := context.WithTimeout(ctx, bulkTime)
	defer cancel()
	for {
		p, err := w.browser.get(ctx, job)
		if err != nil {
			return 0, err
		}
		if strings.Contains(p.html(), " succeeded") {
			return time.Since(began), nil
		}
		if err := wait(ctx, 500*time.Millisecond); err != nil {
			return 0, fmt.Errorf("wait for the end of %s: %w", job, err)
		}
	}
}
