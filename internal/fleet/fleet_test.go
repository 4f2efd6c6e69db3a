package fleet

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/live"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// TestMain also is the Berth that is killed, see actions_crash_test.go.
func TestMain(m *testing.M) {
	if os.Getenv(otherBerth) != "" {
		os.Exit(runOtherBerth())
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("berth/internal/store/storetest.(*server).wait"))
}

const patience = time.Minute

var actor = berth.Actor{Name: "test", Source: "cli"}

// quick is a pace at which tests do not wait.
var quick = Pace{WatchedResources: 20 * time.Millisecond, WatchedTasks: 10 * time.Millisecond, Idle: 20 * time.Millisecond,
	Reads: 5 * time.Millisecond, Addresses: 10 * time.Millisecond, FirstFill: 2 * time.Millisecond, Clusters: 20 * time.Millisecond}

// rig is a running fleet.
type rig struct {
	*Fleet
	t    testing.TB
	hub  *live.Hub
	log  *syncBuffer
	stop func()
}

// run starts a fleet on the store; it is stopped at the end of the test or by stop.
func run(t testing.TB, s *store.Store, pace Pace) *rig {
	t.Helper()
	return runWith(t, s, pace, clocktest.Now)
}

// runWith is run with another clock.
func runWith(t testing.TB, s *store.Store, pace Pace, now func() time.Time) *rig {
	t.Helper()
	r := &rig{t: t, hub: &live.Hub{}, log: &syncBuffer{}}
	r.Fleet = New(s, r.hub, slog.New(slog.NewTextHandler(r.log, nil)), now, pace)
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { r.Run(ctx) })
	r.stop = sync.OnceFunc(func() { cancel(); group.Wait() })
	t.Cleanup(r.stop)
	return r
}

// wait waits until the snapshot is as wanted.
func (r *rig) wait(what string, wanted func(*Snapshot) bool) *Snapshot {
	r.t.Helper()
	news := r.hub.Subscribe(live.Fleet)
	defer news.Close()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		if s := r.Snapshot(); wanted(s) {
			return s
		}
		select {
		case <-news.News():
		case <-deadline.C:
			r.t.Fatalf("waited in vain until %s; counts are %+v, log:\n%s", what, r.Snapshot().Counts, r.log)
		}
	}
}

func (r *rig) container(vmid int) *berth.Container {
	r.t.Helper()
	c, ok := r.Snapshot().Find("home", vmid)
	if !ok {
		r.t.Fatalf("container %d is not in the snapshot", vmid)
	}
	return c
}

// jumpingClock is the clock of the tests, but for how far it was put forward. A call under way then seems to be slow, and the next
// one to be due late: Refresh does not wait for that.
type jumpingClock struct{ ahead atomic.Int64 }

func (c *jumpingClock) now() time.Time { return clocktest.Now().Add(time.Duration(c.ahead.Load())) }

func (c *jumpingClock) jump(d time.Duration) { c.ahead.Add(int64(d)) }

// simulate starts a simulated cluster and connects it as home.
func simulate(t testing.TB, s *store.Store, o pvesim.Options) *pvesim.Sim {
	t.Helper()
	o.Cluster, o.Now = "home", clocktest.Now
	sim, err := pvesim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	connect(t, s, sim)
	return sim
}

func connect(t testing.TB, s *store.Store, sim *pvesim.Sim) {
	t.Helper()
	cluster := berth.Cluster{Name: "home", Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint()}
	if _, err := Connect(t.Context(), s, actor, cluster, sim.Token()); err != nil {
		t.Fatal(err)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func answering(n int) func(*Snapshot) bool {
	return func(s *Snapshot) bool {
		return len(s.Clusters) == 1 && s.Clusters[0].Health.State == Answering && s.Counts.Total == n && s.Counts.Unknown == 0
	}
}

// allTold tells whether every container has told its configuration, and every running one its addresses.
func allTold(s *Snapshot) bool {
	for _, c := range s.Clusters[0].Containers {
		if c.OSType == "" || c.Live == berth.LiveRunning && len(c.Addresses) == 0 {
			return false
		}
	}
	return true
}

func firstWith(s *Snapshot, status berth.Status) *berth.Container {
	for _, c := range s.Clusters[0].Containers {
		if c.Status == status && c.HAState == "" && c.Lock == "" {
			return c
		}
	}
	return nil
}

func TestSnapshotHasEveryContainerOfTheCluster(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		simulate(t, s, pvesim.Options{Nodes: 2, Containers: 25})
		r := run(t, s, quick)
		snapshot := r.wait("all are there", answering(25))
		if got := len(snapshot.Clusters[0].Nodes); got != 2 {
			t.Errorf("%d nodes, want 2", got)
		}
		if sum := snapshot.Counts.Running + snapshot.Counts.Stopped; sum != 25 {
			t.Errorf("running and stopped are %d, want 25", sum)
		}
	})
}

func TestClusterThatDiesKeepsItsContainersAndIsLoggedOnce(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{})
	r := run(t, s, quick)
	before := firstWith(r.wait("all are there", answering(40)), berth.StatusRunning)
	sim.Stop()
	r.wait("the cluster fails", func(s *Snapshot) bool { return s.Counts.Unknown == 40 })
	got := r.container(before.VMID)
	if got.Unknown != berth.UnknownCluster || got.Since.IsZero() {
		t.Errorf("reason %q since %v, want %q and a time", got.Unknown, got.Since, berth.UnknownCluster)
	}
	if got.Hostname != before.Hostname || got.MemoryBytes == 0 {
		t.Errorf("the last known data is lost: %+v", got)
	}
	for range 5 { // further failed polls are not news
		r.Refresh()
	}
	if err := sim.Start(""); err != nil {
		t.Fatal(err)
	}
	r.wait("the cluster is back", answering(40))
	if n := strings.Count(r.log.String(), "cluster does not answer"); n != 1 {
		t.Errorf("the failure was logged %d times, want once:\n%s", n, r.log)
	}
	if n := strings.Count(r.log.String(), "cluster answers again"); n != 1 {
		t.Errorf("the recovery was logged %d times, want once", n)
	}
}

func TestContainersOfAnOfflineNodeAreUnknown(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{})
	r := run(t, s, quick)
	c := firstWith(r.wait("all are there", answering(40)), berth.StatusRunning)
	sim.SetNodeOnline(c.Node, false)
	snapshot := r.wait("the node is gone", func(s *Snapshot) bool { return s.Counts.Unknown > 0 })
	for _, other := range snapshot.Clusters[0].Containers {
		if offline := other.Node == c.Node; offline != (other.Status == berth.StatusUnknown) {
			t.Errorf("container %d on %s is %s", other.VMID, other.Node, other.Status)
		}
	}
	if got := r.container(c.VMID); got.Unknown != berth.UnknownNode || got.Since.IsZero() {
		t.Errorf("reason %q since %v, want %q and a time", got.Unknown, got.Since, berth.UnknownNode)
	}
	sim.SetNodeOnline(c.Node, true)
	r.wait("the node is back", answering(40))
}

func TestRestartShowsTheLastKnownStateBeforeTheClusterAnswers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		sim := simulate(t, s, pvesim.Options{})
		r := run(t, s, quick)
		r.wait("all are there", answering(40))
		r.stop()
		sim.Stop()
		again := New(s, &live.Hub{}, slog.New(slog.DiscardHandler), clocktest.Now, quick)
		if err := again.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		snapshot := again.Snapshot()
		if snapshot.Counts.Total != 40 || snapshot.Counts.Unknown != 40 {
			t.Errorf("counts are %+v, want 40 unknown", snapshot.Counts)
		}
		if health := snapshot.Clusters[0].Health; health.State != Connecting || health.AnsweredAt.IsZero() {
			t.Errorf("health is %+v, want connecting with the time of the last answer", health)
		}
		if c := snapshot.Clusters[0].Containers[0]; c.Hostname == "" || c.Unknown != berth.UnknownNeverPolled {
			t.Errorf("a container is %+v, want its name and reason never-polled", c)
		}
	})
}

func TestStopByAnotherClientIsSeenBeforeTheStatisticsCatchUp(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{StatisticsCycle: time.Hour, TaskTime: 50 * time.Millisecond})
	pace := quick
	pace.Idle = 50 * time.Millisecond
	r := run(t, s, pace)
	c := firstWith(r.wait("all are there", answering(40)), berth.StatusRunning)
	client := simClient(t, sim)
	if _, err := client.Stop(t.Context(), c.Node, c.VMID, stopNow); err != nil {
		t.Fatal(err)
	}
	r.wait("the container is stopped", func(s *Snapshot) bool {
		got, ok := s.Find("home", c.VMID)
		return ok && got.Status == berth.StatusStopped
	})
	if calls := sim.CallsTo("/nodes/{node}/lxc"); calls != 0 {
		t.Errorf("the expensive list of a node was asked %d times", calls)
	}
}

func TestTrackedContainerThatProxmoxDoesNotHaveIsShownAsGone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		simulate(t, s, pvesim.Options{})
		cluster, err := s.ClusterByName(t.Context(), "home")
		if err != nil {
			t.Fatal(err)
		}
		for vmid, lifecycle := range map[int]berth.Lifecycle{90001: berth.LifecycleReady, 90002: berth.LifecycleCreating, 90003: berth.LifecycleError} {
			if _, err := s.Track(t.Context(), store.Tracked{ClusterID: cluster.ID, VMID: vmid, Node: "pve1", Hostname: "kept", Lifecycle: lifecycle}); err != nil {
				t.Fatal(err)
			}
		}
		r := run(t, s, quick)
		r.wait("it is gone", func(s *Snapshot) bool {
			c, ok := s.Find("home", 90001)
			return ok && c.Unknown == berth.UnknownGone
		})
		if got := r.container(90001); got.Status != berth.StatusUnknown || got.Unknown != berth.UnknownGone || got.Hostname != "kept" {
			t.Errorf("got %+v, want unknown because it is gone", got)
		}
		if got := r.container(90002).Status; got != berth.StatusCreating {
			t.Errorf("the one in creation is %s", got)
		}
		if got := r.container(90003).Status; got != berth.StatusError {
			t.Errorf("the failed one is %s", got)
		}
	})
}

func TestUnchangedContainersStayTheSamePointer(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	server := serveFixture(t, s, map[string]func(int) string{
		"/cluster/tasks": always("[]"),
		"/cluster/resources": func(n int) string {
			return rows(nodeRow("pve1", 1000), guestRow(101, "pve1", ""), guestRow(102, "pve1", fmt.Sprintf(`,"diskread":%d`, n)))
		},
	})
	r := run(t, s, quick)
	first := r.wait("both are there", answering(2))
	second := r.wait("the cluster was asked again", func(s *Snapshot) bool {
		return server.callsTo("/cluster/resources") > 5 && s.Clusters[0].Health.AnsweredAt.After(first.Clusters[0].Health.AnsweredAt)
	})
	if !first.ShowsSame(second) {
		t.Error("a poll without changes made another snapshot to show")
	}
	if first.Clusters[0].Containers[0] != second.Clusters[0].Containers[0] {
		t.Error("an unchanged container is another pointer")
	}
}

func TestClusterRemovedWhileRunningDisappears(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		simulate(t, s, pvesim.Options{})
		r := run(t, s, quick)
		r.wait("all are there", answering(40))
		if err := s.RemoveCluster(t.Context(), actor, "home"); err != nil {
			t.Fatal(err)
		}
		r.wait("it is gone", func(s *Snapshot) bool { return len(s.Clusters) == 0 && s.Counts.Total == 0 })
	})
}
