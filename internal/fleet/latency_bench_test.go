package fleet

import (
	"slices"
	"sync"
	"testing"
	"time"

	"berth"
	"berth/internal/live"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// BenchmarkTaskIsSeen reports how long it takes from a container's change by a task until it is in the snapshot of a
// watched cluster, at the pace of production and with 20 ms for each call. Run it with -benchtime 40x.
func BenchmarkTaskIsSeen(b *testing.B) {
	s := storetest.Open(b, storetest.SQLite)
	sim := simulate(b, s, pvesim.Options{TaskTime: 300 * time.Millisecond, Latency: 20 * time.Millisecond})
	r := run(b, s, DefaultPace())
	defer r.Watch().Close()
	containers := r.wait("all have told", told(40)).Clusters[0].Containers
	client := simClient(b, sim)
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		c := r.container(containers[i%len(containers)].VMID)
		if c.HAState != "" || c.Lock != "" || c.PVETemplate {
			continue
		}
		took = append(took, r.changeSeen(client, c, r.toggle(client, c)))
	}
	report(b, took, 1)
}

// BenchmarkDeathIsSeen reports the same for containers that die without a task, ten times as fast as production.
func BenchmarkDeathIsSeen(b *testing.B) {
	s := storetest.Open(b, storetest.SQLite)
	sim := simulate(b, s, pvesim.Options{Speed: 10, Containers: 300})
	r := run(b, s, tenfold())
	defer r.Watch().Close()
	snapshot := r.wait("all are there", answering(300))
	var running []*berth.Container
	for _, c := range snapshot.Clusters[0].Containers {
		if c.Status == berth.StatusRunning && c.HAState == "" {
			running = append(running, c)
		}
	}
	var group sync.WaitGroup
	took := make([]time.Duration, len(running))
	for i, c := range running {
		time.Sleep(37 * time.Millisecond) // spreads the deaths over many cycles
		if err := sim.Kill(c.VMID); err != nil {
			b.Fatal(err)
		}
		died := time.Now()
		group.Go(func() {
			r.waitFor(c, berth.StatusStopped)
			took[i] = time.Since(died)
		})
	}
	group.Wait()
	report(b, took, 10)
}

// toggle starts or stops a container and says which status it will have.
func (r *rig) toggle(client *pve.Client, c *berth.Container) berth.Status {
	r.t.Helper()
	var err error
	want := berth.StatusStopped
	if c.Status == berth.StatusRunning {
		_, err = client.Stop(r.t.Context(), c.Node, c.VMID, stopNow)
	} else {
		want = berth.StatusRunning
		_, err = client.Start(r.t.Context(), c.Node, c.VMID)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return want
}

func (r *rig) changeSeen(client *pve.Client, c *berth.Container, want berth.Status) time.Duration {
	var changed time.Time
	var group sync.WaitGroup
	group.Go(func() {
		for {
			status, err := client.ContainerStatus(r.t.Context(), c.Node, c.VMID)
			if err != nil || status.Status == string(want) {
				changed = time.Now()
				return
			}
		}
	})
	r.waitFor(c, want)
	seen := time.Now()
	group.Wait()
	return seen.Sub(changed)
}

func (r *rig) waitFor(c *berth.Container, want berth.Status) {
	news := r.hub.Subscribe(live.Fleet)
	defer news.Close()
	for {
		if got, ok := r.Snapshot().Find("home", c.VMID); ok && got.Status == want {
			return
		}
		<-news.News()
	}
}

func report(b *testing.B, took []time.Duration, scale float64) {
	slices.Sort(took)
	b.ReportMetric(scale*took[len(took)/2].Seconds(), "s-median")
	b.ReportMetric(scale*took[len(took)*95/100].Seconds(), "s-p95")
	b.ReportMetric(scale*took[len(took)-1].Seconds(), "s-worst")
	b.ReportMetric(0, "ns/op")
}
