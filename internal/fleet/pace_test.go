package fleet

import (
	"testing"
	"time"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// tenfold is the pace of production, ten times as fast, for a simulated cluster that runs ten times as fast.
func tenfold() Pace {
	p := DefaultPace()
	for _, d := range []*time.Duration{&p.WatchedResources, &p.WatchedTasks, &p.Idle, &p.Reads, &p.Addresses, &p.FirstFill, &p.Clusters} {
		*d /= 10
	}
	return p
}

// The calls of 45 s at the pace of production, with all 40 containers on the screen and some tasks, counted from when
// all reads that may be saved up are saved up. How often an address is asked for again is not made faster, so the clock is
// put forward by half an hour: then everything is due, and only the budget holds it back.
func TestWatchedClusterCausesFewCalls(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{Speed: 10})
	clock := &jumpingClock{}
	r := runWith(t, s, tenfold(), clock.now)
	watcher := r.Watch()
	defer watcher.Close()
	snapshot := r.wait("all have told", told(40))
	watcher.Show(keysOf(snapshot))
	clock.jump(configFor + time.Minute)
	r.Refresh()
	before := sim.CallsTo("/cluster/resources")
	r.wait("it was refreshed", func(*Snapshot) bool { return sim.CallsTo("/cluster/resources") > before })
	sim.ResetCalls()
	begin := time.Now()
	client := simClient(t, sim)
	for _, c := range snapshot.Clusters[0].Containers[:3] {
		if c.Status == berth.StatusRunning && c.HAState == "" {
			if _, err := client.Stop(t.Context(), c.Node, c.VMID, stopNow); err != nil {
				t.Fatal(err)
			}
		}
	}
	own := sim.CallsTo("POST /nodes/{node}/lxc/{vmid}/status/stop")
	r.wait("45 looks at the tasks were made", func(*Snapshot) bool { return sim.CallsTo("/cluster/tasks") >= 45 })
	seconds := 10 * time.Since(begin).Seconds()
	// What was saved up is spent once, not every minute, and a window can begin and end with a look and a list.
	calls := float64(sim.Calls() - own - (mostSaved - savedForNews) - 2)
	if perMinute := calls / seconds * 60; perMinute > 100 {
		t.Errorf("%.0f calls a minute (%.0f in %.1f s), want at most 100", perMinute, calls, seconds)
	}
	if reads := sim.CallsTo("/nodes/"); reads < mostSaved-savedForNews {
		t.Errorf("only %d reads of containers: the budget starves them", reads)
	}
	t.Logf("%.0f calls in %.1f s at the pace of production, %d of them lists", calls, seconds, sim.CallsTo("/cluster/resources"))
}

func keysOf(s *Snapshot) []string {
	var keys []string
	for _, c := range s.Clusters[0].Containers {
		keys = append(keys, c.Key())
	}
	return keys
}

func TestUnwatchedClusterIsAskedAtTheIdlePace(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{Speed: 10})
	r := run(t, s, tenfold())
	r.wait("all have told", told(40))
	r.wait("the backups are known", func(s *Snapshot) bool { return s.Clusters[0].LastBackup(101).Unseen == "" })
	sim.ResetCalls()
	begin := time.Now()
	r.wait("two lists were made", func(*Snapshot) bool { return sim.CallsTo("/cluster/resources") >= 2 })
	if took, least := time.Since(begin), tenfold().Idle; took < least {
		t.Errorf("two lists took %v, want at least %v", took, least)
	}
	if calls := sim.Calls(); calls > 5 {
		t.Errorf("%d calls in the time of two lists", calls)
	}
}

func TestBudgetSavesUpAndLeavesSomeForWhatIsUrgent(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var b budget
	take := func(keep int) (n int) {
		for b.take(now, time.Second, keep) {
			n++
		}
		return n
	}
	for _, step := range []struct {
		after time.Duration
		keep  int
		want  int
	}{
		{0, savedForNews, mostSaved - savedForNews}, {0, savedForUrgent, savedForNews - savedForUrgent}, {0, savedForAnybody, savedForUrgent},
		{500 * time.Millisecond, savedForAnybody, 0}, {500 * time.Millisecond, savedForAnybody, 1}, {time.Hour, savedForAnybody, mostSaved},
	} {
		now = now.Add(step.after)
		if got := take(step.keep); got != step.want {
			t.Errorf("%v later, leaving %d: %d reads, want %d", step.after, step.keep, got, step.want)
		}
	}
}

func TestWatcherTellsWhatIsShownUntilItIsClosed(t *testing.T) {
	t.Parallel()
	f := New(nil, nil, nil, clocktest.Now, quick)
	a, b := f.Watch(), f.Watch()
	a.Show([]string{"home/101", "home/102"})
	b.Show([]string{"home/102", "work/103", "home/odd"})
	a.Show([]string{"home/102"})
	if got := f.shown("home"); len(got) != 1 || !got[102] {
		t.Errorf("shown of home is %v, want 102", got)
	}
	a.Close()
	a.Close()
	if !f.watched() || !f.shown("home")[102] {
		t.Error("one watcher left, but nobody counts as watching 102")
	}
	b.Close()
	if f.watched() || len(f.shown("home"))+len(f.shown("work")) > 0 {
		t.Error("nobody is left, but somebody counts as watching")
	}
}
