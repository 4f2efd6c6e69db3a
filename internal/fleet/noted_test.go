package fleet

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/live"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// eventually looks again until it is so.
func (r *rig) eventually(what string, so func() bool) {
	r.t.Helper()
	news := r.hub.Subscribe(live.Fleet)
	defer news.Close()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond) // not all that is waited for is news
	defer tick.Stop()
	for !so() {
		select {
		case <-news.News():
		case <-tick.C:
		case <-deadline.C:
			r.t.Fatalf("waited in vain until %s; log:\n%s", what, r.log)
		}
	}
}

// entries gives actor, action and message of what came into the history of the container in this test, in alphabetical
// order: tasks have no more than a second of the time.
func (r *rig) entries(vmid int) []string {
	r.t.Helper()
	filter := store.EventFilter{Container: berth.ContainerKey("home", vmid), Since: clocktest.Now().Add(-30 * time.Minute)} // simulated clusters have a past
	events, err := r.store.Events(r.t.Context(), filter, "", 100)
	if err != nil {
		r.t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		got = append(got, e.Actor+" "+e.Action+": "+e.Details["message"])
	}
	slices.Sort(got)
	return got
}

// isNoted tells whether the container is noted as being so.
func (r *rig) isNoted(vmid int, wanted berth.LiveStatus) bool {
	r.t.Helper()
	clusters, err := r.store.Clusters(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	all, err := r.store.Noted(r.t.Context(), clusters[0].ID)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, n := range all {
		if n.VMID == vmid {
			return n.Live == wanted
		}
	}
	return wanted == ""
}

// wantEntries compares the history with entries that begin so.
func (r *rig) wantEntries(vmid int, want ...string) {
	r.t.Helper()
	got := r.entries(vmid)
	ok := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		ok = ok && strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		r.t.Errorf("the history of %d is\n%s\nwant\n%s", vmid, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const diedAlone = "unknown container.stop: Stopped, no task seen"

func TestContainerThatDiesAloneIsInTheHistoryOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{StatisticsCycle: 100 * time.Millisecond}, hurried)
		other := resume(t, s, hurried) // a second replica
		c := firstWith(r.Snapshot(), berth.StatusRunning)
		for _, replica := range []*actionRig{r, other} {
			replica.eventually("it is noted", func() bool { return replica.isNoted(c.VMID, berth.LiveRunning) })
		}
		if err := r.sim.Kill(c.VMID); err != nil {
			t.Fatal(err)
		}
		for _, replica := range []*actionRig{r, other} {
			replica.wait("it is stopped", func(*Snapshot) bool { return replica.container(c.VMID).Status == berth.StatusStopped })
			replica.eventually("it is noted as stopped", func() bool { return replica.isNoted(c.VMID, berth.LiveStopped) })
			replica.stop() // waits for what it is about to write
		}
		r.wantEntries(c.VMID, diedAlone)

		next := resume(t, s, hurried)
		next.wait("it is stopped", func(*Snapshot) bool { return next.container(c.VMID).Status == berth.StatusStopped })
		next.stop()
		next.wantEntries(c.VMID, diedAlone)
	})
}

func TestContainerThatDiesWhileBerthIsDownIsInTheHistory(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{StatisticsCycle: 100 * time.Millisecond}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusRunning)
	r.eventually("it is noted", func() bool { return r.isNoted(c.VMID, berth.LiveRunning) })
	r.stop()
	if err := r.sim.Kill(c.VMID); err != nil {
		t.Fatal(err)
	}
	next := resume(t, s, hurried)
	next.eventually("it is noted as stopped", func() bool { return next.isNoted(c.VMID, berth.LiveStopped) })
	next.wantEntries(c.VMID, diedAlone)
}

func TestWhatHasATaskHasNoSecondEntry(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{StatisticsCycle: 100 * time.Millisecond}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusRunning)
	r.eventually("it is noted", func() bool { return r.isNoted(c.VMID, berth.LiveRunning) })
	outsider := outsideClient(t, r.sim)
	done := func(upid pve.UPID, err error) {
		t.Helper()
		if err == nil {
			_, err = outsider.Wait(t.Context(), upid)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	done(outsider.Stop(t.Context(), c.Node, c.VMID, stopNow))
	r.eventually("it is noted as stopped", func() bool { return r.isNoted(c.VMID, berth.LiveStopped) })
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), berth.JobSucceeded, "is running.")
	r.eventually("it is noted as running", func() bool { return r.isNoted(c.VMID, berth.LiveRunning) })
	if err := r.sim.Kill(c.VMID); err != nil { // the stop before does not explain this one
		t.Fatal(err)
	}
	r.eventually("it is noted as stopped again", func() bool { return r.isNoted(c.VMID, berth.LiveStopped) })
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), berth.JobSucceeded, "is running.")
	done(outsider.Delete(t.Context(), c.Node, c.VMID, pve.DeleteOptions{Force: true, Purge: true}))
	r.eventually("it is noted as gone", func() bool { return r.isNoted(c.VMID, "") })
	r.eventually("its end is in the history", func() bool { return strings.Contains(strings.Join(r.entries(c.VMID), "\n"), "vzdestroy") })
	r.stop()
	r.wantEntries(c.VMID, "anna container.start", "anna container.start", "anna container.start", "anna container.start",
		"root@pam container.delete: Done outside Berth by root@pam: vzdestroy.", "root@pam container.stop: Done outside Berth by root@pam: vzstop.", diedAlone)
}

func TestConfigurationChangedOutsideIsInTheHistory(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{StatisticsCycle: 100 * time.Millisecond}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	clusters, err := s.Clusters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("its configuration is noted", func() bool {
		sums, err := s.NotedConfig(t.Context(), clusters[0].ID, c.VMID)
		return err == nil && sums != ""
	})
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionProtection, On: true}), berth.JobSucceeded, "is on.")
	r.eventually("it is protected", func() bool { return r.container(c.VMID).Protected })
	for key, value := range map[string]string{"memory": "3000", "tags": "changed"} {
		if err := r.sim.SetConfig(c.VMID, key, value); err != nil {
			t.Fatal(err)
		}
	}
	r.eventually("that is in the history", func() bool { return strings.Contains(strings.Join(r.entries(c.VMID), "\n"), "outside Berth") })
	for _, entry := range r.entries(c.VMID) {
		if strings.Contains(entry, "outside Berth") && !strings.Contains(entry, "memory") && !strings.Contains(entry, "tags") {
			t.Errorf("Berth's own change is in the history as another's: %s", entry)
		}
	}
}

func TestContainersThatAppearMoveAndVanishWithoutATask(t *testing.T) {
	t.Parallel()
	var later atomic.Bool
	current := always(`{"vmid":1,"status":"running","uptime":100,"ha":{"managed":0}}`)
	answers := map[string]func(int) string{
		"/cluster/resources": func(int) string {
			if later.Load() {
				return rows(nodeRow("pve1", 10), nodeRow("pve2", 10), guestRow(101, "pve2", ""), guestRow(103, "pve1", ""))
			}
			return rows(nodeRow("pve1", 10), nodeRow("pve2", 10), guestRow(101, "pve1", ""), guestRow(102, "pve1", ""))
		},
		"/cluster/tasks": always("[]"), "/nodes/pve1/tasks": always("[]"), "/nodes/pve2/tasks": always("[]"),
		"/nodes/pve2/lxc/101/status/current": current, "/nodes/pve1/lxc/103/status/current": current,
		"/access/permissions": always(`{"/":{"VM.Audit":1,"Sys.Audit":1}}`),
		"/cluster/status":     always(rows(`{"type":"cluster","id":"cluster","name":"home","quorate":1,"nodes":2,"version":2}`)),
	}
	s := storetest.Open(t, storetest.SQLite)
	serveFixture(t, s, answers)
	r := run(t, s, quick)
	for _, vmid := range []int{101, 102} {
		r.eventually("it is noted", func() bool { return r.isNoted(vmid, berth.LiveRunning) })
	}
	later.Store(true)
	for vmid, want := range map[int]string{101: "unknown container.move: Moved from pve1 to pve2, no task seen", 102: "unknown container.vanish: Not listed any more", 103: "unknown container.appear: Appeared"} {
		r.eventually("that is in the history", func() bool { return len(r.entries(vmid)) > 0 })
		r.wantEntries(vmid, want)
	}
}

func TestContainerThatAppearsForAMomentIsNotAskedAboutForEver(t *testing.T) {
	t.Parallel()
	var there atomic.Bool
	answers := map[string]func(int) string{
		"/cluster/resources": func(int) string {
			if there.Load() {
				return rows(nodeRow("pve1", 10), guestRow(101, "pve1", ""), guestRow(103, "pve1", ""))
			}
			return rows(nodeRow("pve1", 10), guestRow(101, "pve1", ""))
		},
		"/cluster/tasks": always("[]"), "/nodes/pve1/tasks": always("[]"), // nothing tells of 103 itself: it cannot be explained
	}
	s := storetest.Open(t, storetest.SQLite)
	f := serveFixture(t, s, answers)
	r := run(t, s, quick)
	r.eventually("the other one is noted", func() bool { return r.isNoted(101, berth.LiveRunning) })
	there.Store(true)
	r.eventually("it was asked about", func() bool { return f.callsTo("/lxc/103/status/current") > 0 })
	there.Store(false)
	r.eventually("nobody asks any more", func() bool {
		p, differing := r.pollerOf(func(*poller) bool { return true }), make(chan int, 1)
		p.tell(t.Context(), func() { differing <- len(p.noted.differing) })
		return <-differing == 0
	})
}
