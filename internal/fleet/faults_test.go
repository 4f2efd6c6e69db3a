package fleet

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"berth"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

func TestNodeThatHangsDelaysNeitherTheListNorReadsOfOtherNodes(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{})
	sim.Fail(pvesim.Fault{Path: "/nodes/pve2/lxc/", Hang: true})
	r := run(t, s, quick)
	begin := time.Now()
	r.wait("the others have told their addresses", func(s *Snapshot) bool {
		if !answering(40)(s) {
			return false
		}
		for _, c := range s.Clusters[0].Containers {
			if c.Node != "pve2" && c.OSType == "" {
				return false
			}
		}
		return true
	})
	if took := time.Since(begin); took >= callTimeout {
		t.Errorf("it took %v: somebody waited for the node that hangs", took)
	}
	if reads := sim.CallsTo("/nodes/pve2/lxc/"); reads > readsAtNode {
		t.Errorf("the node that hangs had %d reads at once, want at most %d", reads, readsAtNode)
	}
}

func TestNodeThatCannotBeReachedRests(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{})
	sim.Fail(pvesim.Fault{Path: "/nodes/pve2/lxc/", Status: 595, Reason: "No route to host"})
	clock := &jumpingClock{}
	r := runWith(t, s, quick, clock.now)
	others := func(s *Snapshot) bool {
		for _, c := range s.Clusters[0].Containers {
			if c.Node != "pve2" && c.OSType == "" {
				return false
			}
		}
		return answering(40)(s)
	}
	r.wait("the others have told", others)
	if reads := sim.CallsTo("/nodes/pve2/lxc/"); reads > readsAtNode {
		t.Errorf("the node was asked %d times within seconds, want at most %d", reads, readsAtNode)
	}
	sim.ClearFaults()
	clock.jump(firstRest)
	r.Refresh()
	r.wait("it is asked again after its rest", func(s *Snapshot) bool { return answering(40)(s) && allTold(s) })
}

func TestNodeWithoutNewStatisticsIsStaleAlone(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	serveFixture(t, s, map[string]func(int) string{
		"/cluster/tasks": always("[]"),
		"/cluster/resources": func(n int) string {
			return rows(nodeRow("pve1", 1000+n), nodeRow("pve2", 5000), guestRow(101, "pve1", ""), guestRow(102, "pve2", ""))
		},
	})
	clock := &jumpingClock{}
	r := runWith(t, s, quick, clock.now)
	r.wait("both are there", answering(2))
	clock.jump(silentAfter + time.Second)
	r.Refresh()
	r.wait("one is stale", func(s *Snapshot) bool { return s.Counts.Unknown == 1 && s.Counts.Running == 1 })
	if got := r.container(102); got.Unknown != berth.UnknownNode || got.MemoryBytes == 0 {
		t.Errorf("got %+v, want it stale because of its node, with what was last known", got)
	}
}

func TestOddRowDegradesAlone(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	odd := `{"type":"lxc","id":"lxc/102","vmid":"102","node":"pve1","status":"running","name":"odd","maxmem":200,"cpu":{},"uptime":"soon"}`
	serveFixture(t, s, map[string]func(int) string{
		"/cluster/tasks":     always("[]"),
		"/cluster/resources": always(rows(nodeRow("pve1", 1000), guestRow(101, "pve1", ""), odd, `"not a row"`, `{"type":"lxc"}`, guestRow(103, "pve1", ""))),
	})
	r := run(t, s, quick)
	r.wait("all are there", answering(3))
	for _, vmid := range []int{101, 103} {
		if c := r.container(vmid); c.Status != berth.StatusRunning || len(c.OddFields) > 0 || c.CPU == 0 {
			t.Errorf("container %d suffers from its neighbour: %+v", vmid, c)
		}
	}
	if c := r.container(102); c.Status != berth.StatusRunning || len(c.OddFields) != 2 || c.MemoryLimitBytes != 200 {
		t.Errorf("got %+v, want two odd fields and the rest", c)
	}
}

func TestTaskStormIsLeftToTheList(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	list, tasks := []string{nodeRow("pve1", 1000)}, []string{}
	for vmid := 101; vmid <= 200; vmid++ {
		list = append(list, guestRow(vmid, "pve1", ""))
		tasks = append(tasks, fmt.Sprintf(`{"upid":"UPID:pve1:%08X:00000001:65000000:vzstop:%d:root@pam:","node":"pve1","type":"vzstop","id":"%[2]d","user":"root@pam","starttime":1,"endtime":2,"status":"OK"}`, vmid, vmid))
	}
	server := serveFixture(t, s, map[string]func(int) string{
		"/cluster/resources": always(rows(list...)),
		"/cluster/tasks": func(n int) string {
			if n < 3 {
				return "[]"
			}
			return rows(tasks...)
		},
	})
	r := run(t, s, quick)
	r.wait("the storm was seen and lists came after it", func(s *Snapshot) bool { return server.callsTo("/cluster/tasks") > 5 })
	if reads := server.callsTo("/status/current"); reads > 0 {
		t.Errorf("%d containers were read one by one", reads)
	}
}

func TestContainerIsReadWhenItsStopEndsAndNotBefore(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	const task = `{"upid":"UPID:pve1:00000001:00000001:65000000:vzstop:101:root@pam:","node":"pve1","type":"vzstop","id":"101","user":"root@pam","starttime":1%s}`
	var reads, readsBefore atomic.Int64
	readsBefore.Store(-1)
	serveFixture(t, s, map[string]func(int) string{
		"/cluster/resources": always(rows(nodeRow("pve1", 1000), guestRow(101, "pve1", ""))),
		"/cluster/tasks": func(n int) string {
			switch {
			case n < 3:
				return "[]"
			case n < 8:
				return rows(fmt.Sprintf(task, ""))
			}
			if n == 8 {
				readsBefore.Store(reads.Load())
			}
			return rows(fmt.Sprintf(task, `,"endtime":2,"status":"OK"`))
		},
		"/nodes/pve1/lxc/101/status/current": func(int) string {
			reads.Add(1)
			return `{"vmid":101,"status":"stopped"}`
		},
	})
	r := run(t, s, quick)
	r.wait("the task has ended and the container is stopped", func(s *Snapshot) bool {
		c, ok := s.Find("home", 101)
		return ok && c.Live == berth.LiveStopped && readsBefore.Load() >= 0
	})
	if got := readsBefore.Load(); got != 0 {
		t.Errorf("the container was read %d times while the task ran", got)
	}
}

func TestFailingClusterIsAskedAgainAtOnceByRefresh(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{})
	pace := quick
	pace.Idle = time.Hour
	r := run(t, s, pace)
	defer r.Watch().Close()
	r.wait("all are there", answering(40))
	sim.Stop()
	failing := r.wait("the cluster fails", func(s *Snapshot) bool { return s.Clusters[0].Health.State == Failing })
	if health := failing.Clusters[0].Health; health.Problem == "" || health.Since.IsZero() || health.RetryAt.IsZero() {
		t.Errorf("the banner lacks something: %+v", health)
	}
	if err := sim.Start(""); err != nil {
		t.Fatal(err)
	}
	r.Refresh()
	r.wait("it is back", answering(40))
}

func TestBackOffGrowsToItsLimitAndVaries(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for failures := range 40 {
		full := min(time.Second<<min(failures, 16), 12*time.Second)
		got := backOff(failures, time.Second, 12*time.Second)
		if got < full/2 || got > full {
			t.Errorf("after %d failures the wait is %v, want between %v and %v", failures, got, full/2, full)
		}
		seen[got] = true
	}
	if len(seen) < 20 {
		t.Errorf("only %d different waits in 40", len(seen))
	}
}
