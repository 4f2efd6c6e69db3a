package fleet

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"berth"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestContainersOfTheHAManagerAreWaitedFor(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, Patience{Task: patience, Outage: time.Second, Agree: patience, Appear: time.Second})
	var c *berth.Container
	for _, each := range r.Snapshot().Clusters[0].Containers {
		if each.HAState != "" && each.Status == berth.StatusRunning {
			c = each
		}
	}
	if c == nil {
		t.Fatal("the simulated cluster has no running container under the HA manager")
	}
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStop}), berth.JobSucceeded, "is stopped.")
	if got := r.container(c.VMID).Live; got != berth.LiveStopped {
		t.Errorf("it is %s, want stopped", got)
	}
	if got := r.orders(c); got != 1 {
		t.Errorf("%d orders for one action", got)
	}
}

func TestDeleteBacksUpFirstAndOnlyDeletesAfterThat(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, Patience{Task: patience, Outage: time.Second, Agree: time.Second, Appear: time.Second})
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	request := berth.ActionRequest{Action: berth.ActionDelete, BackupStorage: "local"}
	r.sim.Fail(pvesim.Fault{Task: "vzdump", Reason: "job errors", Times: 1})
	r.wantEnd(r.ask(c, request), berth.JobFailed, "job errors")
	if got := r.orders(c); got != 0 {
		t.Fatalf("%d orders to the container although there is no backup", got)
	}
	job := r.wantEnd(r.ask(c, request), berth.JobSucceeded, "is deleted.")
	steps, err := s.JobSteps(t.Context(), job.ID)
	if err != nil || len(steps) != 6 || steps[1].Name != "Ask Proxmox to backup" {
		t.Errorf("the steps are %+v (%v)", steps, err)
	}
}

func TestActionGoesOnWhenPostgreSQLDropsItsConnections(t *testing.T) {
	t.Parallel()
	o := storetest.Options(t, storetest.Postgres)
	r := act(t, storetest.OpenWith(t, o), pvesim.Options{TaskTime: time.Second}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusRunning)
	job := r.waitJob(r.ask(c, berth.ActionRequest{Action: berth.ActionStop}), "it has a task", func(j berth.Job) bool { return j.Ref != "" })
	dropConnections(t, o)
	r.wantEnd(job, berth.JobSucceeded, "is stopped.")
	if got := r.orders(c); got != 1 {
		t.Errorf("%d orders for one action", got)
	}
}

// dropConnections ends all connections to the database, as a restart of PostgreSQL does.
func dropConnections(t *testing.T, o store.Options) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), o.Database)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func TestBulkGoesOnInAnotherProcess(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: 300 * time.Millisecond}, hurried)
		q, err := berth.ParseQuery("status:running -is:ha -is:locked")
		if err != nil {
			t.Fatal(err)
		}
		keys := r.Keys(anna, q)[:12:12]
		job, err := r.Bulk(t.Context(), anna, append(keys, keys[0], keys[3]), berth.ActionRequest{Action: berth.ActionStop}, 2)
		if err != nil {
			t.Fatal(err)
		}
		r.waitJob(job, "some are done", func(j berth.Job) bool { return j.Done > 0 })
		r.stop()
		next := resume(t, s, hurried)
		next.sim = r.sim
		next.wantEnd(job, berth.JobSucceeded, "12 of 12 succeeded.")
		for _, key := range keys {
			_, c, err := next.find(anna.Access, key)
			if err != nil {
				t.Fatal(err)
			}
			if got := next.orders(c); got != 1 {
				t.Errorf("%d orders for %s", got, key)
			}
		}
	})
}

func TestCancelledBulkBeginsNoMore(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{TaskTime: 20 * time.Second}, hurried)
	q, err := berth.ParseQuery("status:running")
	if err != nil {
		t.Fatal(err)
	}
	job, err := r.Bulk(t.Context(), anna, r.Keys(anna, q), berth.ActionRequest{Action: berth.ActionStop}, 1)
	if err != nil {
		t.Fatal(err)
	}
	r.waitJob(job, "parts are under way", func(berth.Job) bool {
		children, err := s.ChildJobs(t.Context(), job.ID)
		return err == nil && len(children) == 3
	})
	if err := r.Cancel(t.Context(), anna, job.ID); err != nil {
		t.Fatal(err)
	}
	r.wantEnd(job, berth.JobCancelled, "Cancelled by anna.")
	children, err := s.ChildJobs(t.Context(), job.ID)
	if err != nil || len(children) != 3 {
		t.Fatalf("%d parts (%v), want one per node", len(children), err)
	}
	for _, child := range children {
		if !child.Ended() {
			t.Errorf("a part is left under way: %+v", child)
		}
	}
}

func TestStopWorksWithVersionsThatCannotOverruleAShutdown(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{Version: "7.4"}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusRunning)
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStop}), berth.JobSucceeded, "is stopped.")
}

func TestShutdownThatTakesTooLongIsFollowedByAStopIfWanted(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{Speed: 20}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusRunning)
	if err := r.sim.SetStuck(c.VMID, true); err != nil {
		t.Fatal(err)
	}
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionShutdown, Timeout: time.Second}), berth.JobFailed, "Proxmox says: container did not stop")
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionShutdown, Timeout: time.Second, ThenStop: true}), berth.JobSucceeded, "is stopped.")
}

func TestOrderThatMayHaveArrivedIsNotRepeatedWhileTheNodeIsAway(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	r.sim.Fail(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc/*/status/start", Status: 596, Reason: "Connection timed out", Times: 1})
	r.sim.Fail(pvesim.Fault{Method: "GET", Path: "/nodes/" + c.Node + "/tasks", Times: 1}) // the look before the order
	r.sim.Fail(pvesim.Fault{Method: "GET", Path: "/nodes/" + c.Node + "/tasks", Status: 595, Reason: "No route to host"})
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), berth.JobFailed, "it is not known whether Proxmox did it")
	if got := r.orders(c); got != 1 {
		t.Errorf("%d orders, want 1", got)
	}
}

func TestRetryOfWhatIsGoneIsRefused(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	r.sim.Fail(pvesim.Fault{Task: "vzstart", Reason: "no", Times: 1})
	failed := r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), berth.JobFailed, "no")
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionDelete}), berth.JobSucceeded, "is deleted.")
	if _, err := r.Retry(t.Context(), anna, failed.ID); berth.CodeOf(err) != berth.NotFound {
		t.Errorf("retry gives %v, want not found", err)
	}
}
