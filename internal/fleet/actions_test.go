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
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

var anna = berth.Actor{ID: "0198-anna", Name: "anna", Source: "web", Access: berth.Everywhere(berth.RoleOperator)}

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
	j, err := jobs.New(t.Context(), s, r.hub, slog.New(slog.NewTextHandler(r.log, nil)), jobs.Options{Beat: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	r.Actions = NewActions(r.Fleet, j, p)
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { r.Run(ctx) })
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
		now, err := r.store.Job(r.t.Context(), job.ID)
		if err != nil && berth.CodeOf(err) != berth.Unavailable {
			r.t.Fatal(err)
		}
		if err == nil && wanted(now) {
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
	events, err := r.store.Events(r.t.Context(), store.EventFilter{ContainerID: r.container(c.VMID).ID}, "", 100)
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

func TestOfTwoPressesAtTheSameInstantOneWins(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: 500 * time.Millisecond}, hurried)
		c := firstWith(r.Snapshot(), berth.StatusRunning)
		results := make(chan error, 2)
		won := make(chan berth.Job, 2)
		for range 2 {
			go func() {
				job, err := r.Do(t.Context(), anna, c.Key(), berth.ActionRequest{Action: berth.ActionStop})
				if err == nil {
					won <- job
				}
				results <- err
			}()
		}
		var refused error
		for range 2 {
			if err := <-results; err != nil {
				refused = err
			}
		}
		if len(won) != 1 || berth.CodeOf(refused) != berth.Conflict {
			t.Fatalf("%d presses won and the refusal is %v, want one and a conflict", len(won), refused)
		}
		job := <-won
		for _, part := range []string{job.Title, "started by anna"} {
			if !strings.Contains(refused.Error(), part) {
				t.Errorf("the refusal %q does not say %q", refused, part)
			}
		}
		pending := r.wait("it is pending", func(*Snapshot) bool { return r.container(c.VMID).Pending != nil })
		got, _ := pending.Find("home", c.VMID)
		want := &berth.Pending{Action: "stop", By: "anna", JobID: job.ID, Since: job.CreatedAt}
		if diff := cmp.Diff(want, got.Pending); got.Pending != nil && diff != "" {
			t.Errorf("pending -want +got:\n%s", diff)
		}
		r.wantEnd(job, berth.JobSucceeded, "is stopped.")
		if got := r.orders(c); got != 1 {
			t.Errorf("%d orders for one action", got)
		}
	})
}

func TestFailureOfATaskEndsTheJobWithTheWordsOfProxmox(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	r.sim.Fail(pvesim.Fault{Task: "vzstart", Reason: "startup for container '7' failed"})
	job := r.ask(c, berth.ActionRequest{Action: berth.ActionStart})
	r.wantEnd(job, berth.JobFailed, "startup for container '7' failed")
	r.sim.ClearFaults()
	again, err := r.Retry(t.Context(), anna, job.ID)
	if err != nil {
		t.Fatal(err)
	}
	r.wantEnd(again, berth.JobSucceeded, "is running.")
	want := []string{"anna container.start requested", "anna container.start failed", "anna container.start requested", "anna container.start succeeded"}
	if diff := cmp.Diff(want, r.history(c)); diff != "" {
		t.Errorf("history -want +got:\n%s", diff)
	}
}

func TestRefusalsOfProxmoxEndTheJob(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	for _, refusal := range []struct {
		status          int
		reason, message string
	}{
		{500, "can't fork worker", "Proxmox says: can't fork worker"},
		{403, "Permission check failed (/vms/101, VM.PowerMgmt)", "Berth's API token may not do this"},
		{500, "cluster not ready - no quorum?", "no quorum"},
	} {
		r.sim.Fail(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc/*/status/start", Status: refusal.status, Reason: refusal.reason, Times: 1})
		r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), berth.JobFailed, refusal.message)
	}
}

func TestLostAnswerIsNoSecondOrder(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	r.sim.Fail(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc/*/status/start", Drop: true, Times: 1})
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), berth.JobSucceeded, "is running.")
}

func TestTaskThatHangsFailsItsJobAfterTheLimit(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	impatient := hurried
	impatient.Task = 500 * time.Millisecond
	r := act(t, s, pvesim.Options{TaskTime: 3 * time.Second}, impatient)
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), berth.JobFailed, "did not end within")
	r.wait("nothing is pending", func(*Snapshot) bool { return r.container(c.VMID).Pending == nil })
}

func TestCancelAbortsTheTask(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{TaskTime: 30 * time.Second}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	job := r.waitJob(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), "it has a task", func(j berth.Job) bool { return j.Ref != "" })
	if err := r.Cancel(t.Context(), berth.Actor{Name: "bob", Access: berth.Everywhere(berth.RoleViewer)}, job.ID); berth.CodeOf(err) != berth.Forbidden {
		t.Errorf("a viewer's cancel gives %v, want forbidden", err)
	}
	if err := r.Cancel(t.Context(), berth.Actor{Name: "bob", Access: berth.Everywhere(berth.RoleOperator)}, job.ID); err != nil {
		t.Fatal(err)
	}
	r.wantEnd(job, berth.JobCancelled, "Cancelled by bob. Proxmox's task was aborted.")
	if got := r.sim.CallsTo("DELETE /nodes/{node}/tasks/{upid}"); got != 1 {
		t.Errorf("%d aborts, want 1", got)
	}
}

func TestCancelWhileTheOrderIsOnItsWayAbortsTheTask(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{TaskTime: time.Hour}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	r.sim.Fail(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc/*/status/start", Delay: time.Second, Times: 1})
	job := r.waitJob(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), "it is asked", func(j berth.Job) bool {
		return strings.Contains(j.Checkpoint, `"asked":true`)
	})
	if err := r.Cancel(t.Context(), anna, job.ID); err != nil {
		t.Fatal(err)
	}
	r.wantEnd(job, berth.JobCancelled, "Cancelled by anna.")
	if orders, aborts := r.orders(c), r.sim.CallsTo("DELETE /nodes/{node}/tasks/{upid}"); aborts != orders {
		t.Errorf("%d orders and %d aborts: a task goes on that nobody waits for", orders, aborts)
	}
}

func TestJobThatIsCancelledBetweenTwoWorkersAbortsItsTask(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: time.Hour}, hurried)
		c := firstWith(r.Snapshot(), berth.StatusStopped)
		job := r.waitJob(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), "it has a task", func(j berth.Job) bool { return j.Ref != "" })
		r.stop()
		if err := r.Cancel(t.Context(), anna, job.ID); err != nil {
			t.Fatal(err)
		}
		next := resume(t, s, hurried)
		next.sim = r.sim
		next.wantEnd(job, berth.JobCancelled, "Cancelled by anna. Proxmox's task was aborted.")
	})
}

func TestNodeThatIsAwayForAMomentOnlyDelaysItsTask(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{TaskTime: 300 * time.Millisecond}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusRunning)
	r.sim.Fail(pvesim.Fault{Method: "GET", Path: "/nodes/*/tasks/*/status", Status: 595, Reason: "No route to host", Times: 3})
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStop}), berth.JobSucceeded, "is stopped.")
}

func TestNodeThatDiesFailsItsJobInWords(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{TaskTime: 20 * time.Second}, Patience{Task: 30 * time.Second, Outage: time.Second, Agree: time.Second, Appear: time.Second})
	c := firstWith(r.Snapshot(), berth.StatusRunning)
	job := r.waitJob(r.ask(c, berth.ActionRequest{Action: berth.ActionStop}), "it has a task", func(j berth.Job) bool { return j.Ref != "" })
	r.sim.SetNodeOnline(c.Node, false)
	r.wantEnd(job, berth.JobFailed, "Node "+c.Node+" does not answer.")
}

func TestContainerDeletedOutsideWhileItStops(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{TaskTime: 300 * time.Millisecond}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	r.sim.Fail(pvesim.Fault{Method: "GET", Path: "/nodes/*/lxc/*/status/current", Status: 500,
		Reason: "Configuration file 'nodes/" + c.Node + "/lxc/" + vmidText(c) + ".conf' does not exist"})
	r.sim.Fail(pvesim.Fault{Method: "GET", Path: "/cluster/resources", Status: 0, Times: 1})
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), berth.JobFailed, "does not exist any more.")
}

func TestDeleteTakesTheContainerOffTheScreenAndKeepsItsHistory(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{}, hurried)
		c := firstWith(r.Snapshot(), berth.StatusRunning)
		if _, err := r.Do(t.Context(), anna, c.Key(), berth.ActionRequest{Action: berth.ActionDelete}); berth.CodeOf(err) != berth.Conflict {
			t.Errorf("deleting a running container gives %v, want a conflict", err)
		}
		job := r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionDelete, StopFirst: true, Purge: true}), berth.JobSucceeded, "is deleted.")
		r.wait("it is off the list", func(s *Snapshot) bool { _, there := s.Find("home", c.VMID); return !there })
		events, err := s.Events(t.Context(), store.EventFilter{Action: "container.delete"}, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != 2 || events[0].Details["job"] != job.ID || events[0].Details["after"] != "deleted" {
			t.Errorf("the history has %+v, want request and outcome", events)
		}
	})
}

func TestSwitchesOfTheConfiguration(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionProtection, On: true}), berth.JobSucceeded, "is on.")
	r.wait("it is protected", func(*Snapshot) bool { return r.container(c.VMID).Protected })
	_, err := r.Do(t.Context(), anna, c.Key(), berth.ActionRequest{Action: berth.ActionDelete})
	if berth.CodeOf(err) != berth.Conflict || !strings.Contains(err.Error(), "protected") {
		t.Errorf("deleting a protected container gives %v, want a conflict that says so", err)
	}
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionOnBoot, On: true}), berth.JobSucceeded, "is on.")
	r.wait("it starts with its node", func(*Snapshot) bool { return r.container(c.VMID).OnBoot })
}

func TestBulkActsWithALimitPerNodeAndTellsEachOutcome(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{Containers: 60}, hurried)
		q, err := berth.ParseQuery("status:stopped,running")
		if err != nil {
			t.Fatal(err)
		}
		keys := r.Keys(anna, q)
		plan := r.Plan(anna, keys, berth.ActionRequest{Action: berth.ActionStart})
		if plan.Acts == 0 || len(plan.Not) == 0 || plan.Not[0].Short != "already running" || plan.Acts+plan.Not[0].Count > len(keys) {
			t.Fatalf("the plan for %d containers is %d acts and %+v", len(keys), plan.Acts, plan.Not)
		}
		r.sim.Fail(pvesim.Fault{Task: "vzstart", Reason: "no space left on device", Times: 1})
		job, err := r.Bulk(t.Context(), anna, keys, berth.ActionRequest{Action: berth.ActionStart}, 2)
		if err != nil {
			t.Fatal(err)
		}
		got := r.wantEnd(job, berth.JobFailed, "1 failed")
		if got.Done != plan.Acts || got.Total != plan.Acts {
			t.Errorf("progress ends at %d of %d, want %d", got.Done, got.Total, plan.Acts)
		}
		outcomes, err := r.BulkOutcomes(t.Context(), anna, got)
		if err != nil {
			t.Fatal(err)
		}
		failed, refused := 0, 0
		for _, o := range outcomes {
			if o.Refused != "" {
				refused++
			} else if o.Job == nil || !o.Job.Ended() {
				t.Errorf("%s has no outcome: %+v", o.Key, o)
			} else if o.Job.State == berth.JobFailed {
				failed++
			}
		}
		if failed != 1 || refused != len(keys)-plan.Acts {
			t.Errorf("%d parts failed and %d were refused, want 1 and %d", failed, refused, len(keys)-plan.Acts)
		}
		again, err := r.Retry(t.Context(), anna, job.ID)
		if err != nil {
			t.Fatal(err)
		}
		r.wantEnd(again, berth.JobSucceeded, "1 of 1 succeeded.")
	})
}

func TestWhatOthersDoIsInTheHistoryOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{}, hurried)
		other := resume(t, s, hurried) // a second replica
		c := firstWith(r.Snapshot(), berth.StatusRunning)
		outsider := outsideClient(t, r.sim)
		upid, err := outsider.Stop(t.Context(), c.Node, c.VMID, stopNow)
		if err != nil {
			t.Fatal(err)
		}
		for _, replica := range []*actionRig{r, other} {
			replica.wait("the task is listed as over", func(s *Snapshot) bool {
				for _, task := range s.Clusters[0].Tasks {
					if task.UPID == string(upid) {
						return !task.EndedAt.IsZero() && !task.Own
					}
				}
				return false
			})
		}
		other.stop() // waits for what they write
		r.stop()
		events, err := s.Events(t.Context(), store.EventFilter{Action: "container.stop"}, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != 1 || events[0].Actor != "root@pam" || events[0].Source != "proxmox" || events[0].Details["upid"] != string(upid) {
			t.Errorf("the history has %+v, want one stop by root@pam", events)
		}
	})
}

// outsideClient is somebody else than Berth.
func outsideClient(t *testing.T, sim *pvesim.Sim) *pve.Client {
	t.Helper()
	client, err := pve.New(pve.Config{Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint(), Login: &pve.Login{User: "root@pam", Password: "berth-demo"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}
