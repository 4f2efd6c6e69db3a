package fleet

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth"
	"berth/internal/jobs"
	"berth/internal/live"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

var anna = berth.Actor{ID: "0198-anna", Name: "anna", Source: "web", Role: berth.RoleOperator}

// hurried is a patience with which tests see the end of waiting.
var hurried = Patience{Task: 5 * time.Second, Outage: 2 * time.Second, Agree: 5 * time.Second, Appear: time.Second}

// actionRig is a running fleet whose containers can be acted on.
type actionRig struct {
	*rig
	*Actions
	sim *pvesim.Sim
}

// act starts a simulated cluster, a fleet and the jobs, and waits until all containers are there.
func act(t *testing.T, s *store.Store, o pvesim.Options, p Patience) *actionRig {
	t.Helper()
	if o.TaskTime == 0 {
		o.TaskTime = 100 * time.Millisecond
	}
	sim := simulate(t, s, o)
	r := resume(t, s, p)
	r.sim = sim
	r.wait("all are there", func(s *Snapshot) bool {
		return len(s.Clusters) == 1 && s.Clusters[0].Health.State == Answering && s.Counts.Total > 0 && s.Counts.Unknown == 0
	})
	return r
}

// resume starts a fleet and the jobs on a store that has a cluster.
func resume(t *testing.T, s *store.Store, p Patience) *actionRig {
	t.Helper()
	r := &actionRig{rig: run(t, s, quick)}
	j, err := jobs.New(t.Context(), s, r.hub, slog.New(slog.NewTextHandler(r.log, nil)), jobs.Options{Beat: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	r.Actions = NewActions(r.Fleet, j, p)
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { r.Actions.Run(ctx) })
	if err := j.Start(); err != nil {
		t.Fatal(err)
	}
	stopFleet := r.stop
	r.stop = sync.OnceFunc(func() {
		if err := j.Stop(ctx); err != nil {
			t.Errorf("stop the jobs: %v", err)
		}
		cancel()
		group.Wait()
		stopFleet()
	})
	t.Cleanup(r.stop)
	return r
}

// ask asks for an action and fails the test if it is refused.
func (r *actionRig) ask(c *berth.Container, request berth.ActionRequest) berth.Job {
	r.t.Helper()
	job, err := r.Do(r.t.Context(), anna, c.Key(), request)
	if err != nil {
		r.t.Fatal(err)
	}
	return job
}

// end waits until the job is over.
func (r *actionRig) end(job berth.Job) berth.Job {
	r.t.Helper()
	return r.waitJob(job, "it is over", func(j berth.Job) bool { return j.Ended() })
}

func (r *actionRig) waitJob(job berth.Job, what string, wanted func(berth.Job) bool) berth.Job {
	r.t.Helper()
	news := r.hub.Subscribe(live.Jobs)
	defer news.Close()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		now, err := r.Fleet.store.Job(r.t.Context(), job.ID)
		if err != nil {
			r.t.Fatal(err)
		}
		if wanted(now) {
			return now
		}
		select {
		case <-news.News():
		case <-deadline.C:
			r.t.Fatalf("waited in vain until %s: %+v\nlog:\n%s", what, now, r.log)
		}
	}
}

func (r *actionRig) wantEnd(job berth.Job, state berth.JobState, message string) berth.Job {
	r.t.Helper()
	got := r.end(job)
	if got.State != state || !strings.Contains(got.Message, message) {
		r.t.Fatalf("job is %s with %q, want %s with %q; log:\n%s", got.State, got.Message, state, message, r.log)
	}
	return got
}

// history gives action and state of the container's events, oldest first.
func (r *actionRig) history(c *berth.Container) []string {
	r.t.Helper()
	events, err := r.Fleet.store.Events(r.t.Context(), store.EventFilter{ContainerID: r.container(c.VMID).ID}, 100)
	if err != nil {
		r.t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		got = append([]string{e.Actor + " " + e.Action + " " + e.Details["state"]}, got...)
	}
	return got
}

// orders counts the requests that change something about the container.
func (r *actionRig) orders(c *berth.Container) int {
	n := 0
	for _, q := range r.sim.Requests() {
		if q.Method != "GET" && strings.Contains(q.Path+"/", "/lxc/"+vmidText(c)+"/") {
			n++
		}
	}
	return n
}

func vmidText(c *berth.Container) string { return strings.TrimPrefix(c.Key(), c.Cluster+"/") }

func TestStartAndStopChangeTheContainerAndLeaveAHistory(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{}, hurried)
		c := firstWith(r.Snapshot(), berth.StatusStopped)
		job := r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), berth.JobSucceeded, "is running.")
		if !strings.HasPrefix(job.Ref, "UPID:"+c.Node+":") {
			t.Errorf("the job's task is %q, want one of %s", job.Ref, c.Node)
		}
		if got := r.container(c.VMID); got.Status != berth.StatusRunning || !got.Tracked() {
			t.Errorf("the container is %s, tracked %v, when the job is over; want running and tracked", got.Status, got.Tracked())
		}
		r.wait("nothing is pending", func(*Snapshot) bool { return r.container(c.VMID).Pending == nil })
		r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStop}), berth.JobSucceeded, "is stopped.")
		want := []string{"anna container.start requested", "anna container.start succeeded", "anna container.stop requested", "anna container.stop succeeded"}
		if diff := cmp.Diff(want, r.history(c)); diff != "" {
			t.Errorf("history -want +got:\n%s", diff)
		}
		if got := r.orders(c); got != 2 {
			t.Errorf("%d orders for two actions", got)
		}
	})
}
