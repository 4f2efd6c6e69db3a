package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// The environment of "make crash".
const (
	crashActions = "BERTH_CRASH"        // how many actions; empty: the test is left out
	crashSeed    = "BERTH_CRASH_SEED"   // of what is done and when it is killed; empty: another one each time
	crashBinary  = "BERTH_CRASH_BINARY" // empty: this test program as berth
)

const (
	actionsPerKill = 3
	longestLife    = 4 * time.Second // of a Berth, while actions are asked for
	shortestLife   = 300 * time.Millisecond
	settleTime     = 2 * time.Minute // after the last kill, for all jobs to end
)

// TestActionsSurviveRandomKills asks for many actions, kills Berth again and again meanwhile, and then looks whether each
// was done once. It takes minutes: "make crash" runs it. Tests of internal/fleet kill at every step of an action.
func TestActionsSurviveRandomKills(t *testing.T) {
	n, err := strconv.Atoi(cmp.Or(os.Getenv(crashActions), "0"))
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		t.Skip(crashActions + " does not say how many actions")
	}
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv(crashSeed), strconv.FormatUint(rand.Uint64N(1_000_000), 10)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	storetest.EachOptions(t, func(t *testing.T, o store.Options) { newCrash(t, o, seed, n).run() })
}

// crash is a simulated cluster and a Berth that is killed again and again.
type crash struct {
	t       *testing.T
	sim     *pvesim.Sim
	pve     *pve.Client // not Berth's
	store   *store.Store
	server  *server
	user    *operator
	wishes  []wish
	chance  *rand.Rand // of what is done; only for the test's own goroutine
	moments *rand.Rand // of the kills
}

// wish is an action on a container that is asked for once.
type wish struct {
	action   berth.Action
	vmid     int
	hostname string
	bulk     bool // part of the bulk action
}

func (w *wish) key() string { return berth.ContainerKey("home", w.vmid) }

func newCrash(t *testing.T, o store.Options, seed uint64, n int) *crash {
	t.Logf("seed %d: %s=%d repeats this run", seed, crashSeed, seed)
	c := &crash{t: t, store: storetest.OpenWith(t, o), chance: rand.New(rand.NewPCG(seed, 1)), moments: rand.New(rand.NewPCG(seed, 2))}
	var err error
	c.sim, err = pvesim.New(pvesim.Options{Cluster: "home", Containers: 2*n + 40, Seed: seed, Latency: 20 * time.Millisecond, TaskTime: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.sim.Close)
	if err := c.sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	c.pve, err = pve.New(pve.Config{Endpoints: []string{c.sim.URL()}, Fingerprint: c.sim.Fingerprint(), Login: &pve.Login{User: "root@pam", Password: "berth-demo"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.pve.Close)
	c.makeWishes(n)
	c.server = newServer(t, o)
	c.server.command("cluster", "add", "home", "--url", c.sim.URL(), "--token", c.sim.Token(), "--fingerprint", c.sim.Fingerprint())
	c.server.start()
	t.Cleanup(c.server.stop)
	c.user = signInOperator(t, c.server)
	return c
}

// makeWishes decides what is to be done. Those that are to be started are stopped first.
func (c *crash) makeWishes(n int) {
	resources, err := c.pve.Resources(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	actions := []berth.Action{berth.ActionStart, berth.ActionStop, berth.ActionShutdown, berth.ActionReboot, berth.ActionDelete}
	var stopping sync.WaitGroup
	for _, row := range resources.Containers {
		if row.Status != "running" || row.HAState != "" || row.Lock != "" || len(c.wishes) == n {
			continue
		}
		w := wish{vmid: row.VMID, hostname: row.Name, action: actions[c.chance.IntN(len(actions))], bulk: len(c.wishes) < n/5}
		if w.bulk {
			w.action = berth.ActionStop
		}
		if w.action == berth.ActionStart {
			stopping.Go(func() { c.stopFirst(row.Node, row.VMID) })
		}
		c.wishes = append(c.wishes, w)
	}
	stopping.Wait()
	c.sim.ResetCalls()
	if len(c.wishes) < n {
		c.t.Fatalf("only %d containers can be acted on, %d are needed", len(c.wishes), n)
	}
}

func (c *crash) stopFirst(node string, vmid int) {
	upid, err := c.pve.Stop(c.t.Context(), node, vmid, pve.StopOptions{})
	if err == nil {
		_, err = c.pve.Wait(c.t.Context(), upid)
	}
	if err != nil {
		c.t.Errorf("stop %d before all begins: %v", vmid, err)
	}
}

func (c *crash) run() {
	ctx, stopKilling := context.WithCancel(c.t.Context())
	var killing sync.WaitGroup
	kills := 0
	killing.Go(func() { kills = c.killAgainAndAgain(ctx) })
	began := time.Now()
	c.askAll()
	stopKilling()
	killing.Wait()
	asked := time.Since(began)
	c.waitForJobs()
	c.t.Logf("%d actions in %s, %d kills; all jobs over %s later", len(c.wishes), asked.Round(time.Second), kills, (time.Since(began) - asked).Round(time.Second))
	c.check()
}

// killAgainAndAgain kills Berth at random moments and starts it again, until ctx ends. Berth runs then.
func (c *crash) killAgainAndAgain(ctx context.Context) (kills int) {
	for {
		life := shortestLife + time.Duration(c.moments.Int64N(int64(longestLife-shortestLife)))
		select {
		case <-ctx.Done():
			return kills
		case <-time.After(life):
		}
		c.server.kill()
		c.server.start()
		kills++
	}
}

// waitForJobs waits until no job is under way.
func (c *crash) waitForJobs() {
	deadline := time.Now().Add(settleTime)
	for {
		active, err := c.store.ActiveJobs(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		if len(active) == 0 {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%d jobs are not over %s after the last kill, the first is %+v; log:\n%s", len(active), settleTime, active[0], c.server.log())
		}
		time.Sleep(200 * time.Millisecond) // the next look
	}
}

// check looks at every container, job, order and event.
func (c *crash) check() {
	for i := range c.wishes {
		if problem := c.problem(&c.wishes[i]); problem != "" {
			c.t.Errorf("%s %d (bulk: %v): %s", c.wishes[i].action, c.wishes[i].vmid, c.wishes[i].bulk, problem)
		}
	}
	if c.t.Failed() {
		c.t.Logf("log:\n%s", c.server.log())
	}
}

func (c *crash) problem(w *wish) string {
	path := fmt.Sprintf("/nodes/{node}/lxc/%d", w.vmid)
	if orders := c.sim.CallsTo("POST "+path+"/status/") + c.sim.CallsTo("DELETE "+path); orders != 1 {
		return fmt.Sprintf("%d orders to Proxmox", orders)
	}
	jobs, err := c.store.JobsOfSubject(c.t.Context(), w.key(), 10)
	if err != nil || len(jobs) != 1 || jobs[0].State != berth.JobSucceeded {
		return fmt.Sprintf("its jobs are %+v (%v)", jobs, err)
	}
	events, err := c.store.Events(c.t.Context(), store.EventFilter{Container: w.key(), Actor: "olga"}, "", 10)
	if err != nil || len(events) != 2 || events[1].Details["state"] != "requested" || events[0].Details["state"] != "succeeded" {
		return fmt.Sprintf("its events are %+v (%v)", events, err)
	}
	if others, err := c.store.Events(c.t.Context(), store.EventFilter{Container: w.key(), Actor: "unknown"}, "", 10); err != nil || len(others) > 0 {
		return fmt.Sprintf("what Berth did is taken for what others did: %+v (%v)", others, err)
	}
	if got, want := c.status(w.vmid), wanted[w.action]; got != want {
		return fmt.Sprintf("it is %s, want %s", got, want)
	}
	return ""
}

var wanted = map[berth.Action]string{berth.ActionStart: "running", berth.ActionStop: "stopped", berth.ActionShutdown: "stopped", berth.ActionReboot: "running", berth.ActionDelete: "gone"}

func (c *crash) status(vmid int) string {
	resources, err := c.pve.Resources(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	for _, row := range resources.Containers {
		if row.VMID != vmid {
			continue
		}
		status, err := c.pve.ContainerStatus(c.t.Context(), row.Node, vmid)
		if err != nil {
			c.t.Fatal(err)
		}
		return status.Status
	}
	return "gone"
}
