package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"berth/internal/pve/pvesim"
)

// site is a simulated cluster, a Berth that is connected to it, and a browser that is signed in.
type site struct {
	sim     *pvesim.Sim
	door    *door // between Berth and the cluster
	binary  string
	data    string
	berth   *process
	browser *browser
	other   *otherClient
}

// startSite starts a cluster and a Berth, connects them with the command line, and waits until the page has all containers.
func startSite(ctx context.Context, s sizes, name string, nodes, containers int) (*site, error) {
	sim, err := pvesim.New(pvesim.Options{Nodes: nodes, Containers: containers, Seed: 1, Latency: s.latency, TaskTime: s.taskTime})
	if err != nil {
		return nil, err
	}
	w := &site{sim: sim, binary: s.binary, data: filepath.Join(s.dir, name)}
	if err := w.open(ctx, containers); err != nil {
		return nil, errors.Join(fmt.Errorf("start the %s cluster: %w", name, err), w.close())
	}
	return w, nil
}

func (w *site) open(ctx context.Context, containers int) (err error) {
	if err := w.sim.Start("127.0.0.1:0"); err != nil {
		return err
	}
	if w.door, err = openDoor(strings.TrimPrefix(w.sim.URL(), "https://")); err != nil {
		return err
	}
	w.other = newOtherClient(w.sim)
	if w.berth, err = startBerth(ctx, w.binary, w.data); err != nil {
		return err
	}
	if _, err := w.berthCommand(ctx, "cluster", "add", "home", "--url", "https://"+w.door.addr(), "--token", w.sim.Token(), "--fingerprint", w.sim.Fingerprint()); err != nil {
		return err
	}
	if w.browser, err = w.signIn(ctx); err != nil {
		return err
	}
	return w.browser.waitFor(ctx, "/", func(p page) bool { return p.count() == containers && p.fresh() })
}

func (w *site) signIn(ctx context.Context) (*browser, error) {
	said, err := w.berthCommand(ctx, "user", "add", "load", "--role", "operator", "--url", w.berth.url)
	if err != nil {
		return nil, err
	}
	at := strings.LastIndex(said, "http")
	if at < 0 {
		return nil, fmt.Errorf("berth user add gives no link: %q", said)
	}
	return signIn(ctx, w.berth.url, strings.TrimSpace(said[at:]))
}

// restart starts Berth again on the same data. The browser keeps its session.
func (w *site) restart(ctx context.Context) (err error) {
	if w.berth, err = startBerth(ctx, w.binary, w.data); err == nil {
		w.browser.base = w.berth.url
	}
	return err
}

func (w *site) berthCommand(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, w.binary, append(args, "--data", w.data)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("berth %s: %w: %s", strings.Join(args[:2], " "), err, out)
	}
	return string(out), nil
}

func (w *site) close() error {
	var err error
	if w.berth != nil {
		err = w.berth.stop()
	}
	if w.door != nil {
		w.door.close()
	}
	w.sim.Close()
	return err
}

// calls is how many calls Berth has made to Proxmox VE since the start.
func (w *site) calls() int { return w.sim.Calls() - w.other.calls() }

// settled waits until Berth has read every container once, which it does in the minutes after a cluster was connected.
func (w *site) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	reads := func() int { return w.sim.CallsTo("/nodes/{node}/lxc/") }
	for {
		before := reads()
		if err := wait(ctx, 2*time.Second); err != nil {
			return fmt.Errorf("wait until Berth has read every container: %w", err)
		}
		if reads()-before <= 1 {
			return nil
		}
	}
}

const settleTimeout = 4 * time.Minute

// wait passes the time; the error is that of a ctx that ended.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
