package fleet

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// wantNothingHeld fails the test if a job is under way.
func (r *actionRig) wantNothingHeld() {
	r.t.Helper()
	if active, err := r.store.ActiveJobs(r.t.Context()); err != nil || len(active) > 0 {
		r.t.Errorf("still held: %+v (%v)", active, err)
	}
}

func TestContainerDeletedOutsideWhileItIsStopped(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{TaskTime: time.Second}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusRunning)
	job := r.waitJob(r.ask(c, berth.ActionRequest{Action: berth.ActionStop}), "it has a task", func(j berth.Job) bool { return j.Ref != "" })
	if _, err := outsideClient(t, r.sim).Delete(t.Context(), c.Node, c.VMID, pve.DeleteOptions{Force: true, Purge: true}); err != nil {
		t.Fatal(err)
	}
	got := r.end(job) // whoever looks first: it was stopped, or is gone by now
	if got.State != berth.JobSucceeded && !strings.Contains(got.Message, "does not exist any more.") {
		t.Errorf("the job is %s with %q", got.State, got.Message)
	}
	r.wantNothingHeld()
}

func TestClusterThatLosesQuorumMidway(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{TaskTime: 500 * time.Millisecond}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusRunning)
	job := r.waitJob(r.ask(c, berth.ActionRequest{Action: berth.ActionStop}), "it has a task", func(j berth.Job) bool { return j.Ref != "" })
	r.sim.SetQuorate(false)
	r.wantEnd(job, berth.JobSucceeded, "is stopped.") // what runs goes on
	refused := r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), berth.JobFailed, "no quorum")
	r.wantNothingHeld()
	r.sim.SetQuorate(true)
	again, err := r.Retry(t.Context(), anna, refused.ID)
	if err != nil {
		t.Fatal(err)
	}
	r.wantEnd(again, berth.JobSucceeded, "is running.")
}

func TestTokenThatLosesItsPrivilegeWhileATaskRuns(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{TaskTime: time.Second}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusRunning)
	job := r.waitJob(r.ask(c, berth.ActionRequest{Action: berth.ActionStop}), "it has a task", func(j berth.Job) bool { return j.Ref != "" })
	r.sim.Fail(pvesim.Fault{Path: "/nodes/*/tasks/*/status", Status: 403, Reason: "Permission check failed (/nodes/" + c.Node + ", Sys.Audit)"})
	got := r.wantEnd(job, berth.JobFailed, "Berth's API token may not do this: Permission check failed")
	if got.Ref == "" {
		t.Error("the job does not say which task it left")
	}
	r.wantNothingHeld()
}

func TestActionGoesOnWhenSQLiteIsBusyForLong(t *testing.T) {
	t.Parallel()
	o := storetest.Options(t, storetest.SQLite)
	r := act(t, storetest.OpenWith(t, o), pvesim.Options{TaskTime: 500 * time.Millisecond}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusRunning)
	job := r.waitJob(r.ask(c, berth.ActionRequest{Action: berth.ActionStop}), "it has a task", func(j berth.Job) bool { return j.Ref != "" })
	release := holdSQLite(t, o)
	r.eventually("writes fail and Proxmox is done", func() bool {
		return strings.Contains(r.log.String(), "The database does not answer") && r.container(c.VMID).Live == berth.LiveStopped
	})
	release()
	r.wantEnd(job, berth.JobSucceeded, "is stopped.")
	if got := r.orders(c); got != 1 {
		t.Errorf("%d orders for one action", got)
	}
	r.wantNothingHeld()
}

// holdSQLite takes SQLite's lock for writing, as a backup program may, until release.
func holdSQLite(t *testing.T, o store.Options) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(o.DataDir, "berth.db")+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBulkDeletesAndRetriesWhatFailed(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	const all, failing = 500, 25 // 5 %
	r := act(t, s, pvesim.Options{Containers: 760, Nodes: 8, TaskTime: 20 * time.Millisecond}, hurried)
	q, err := berth.ParseQuery("status:running -is:ha -is:locked")
	if err != nil {
		t.Fatal(err)
	}
	keys := r.Keys(anna, q)[:all]
	r.sim.Fail(pvesim.Fault{Task: "vzdestroy", Reason: "dataset is busy", Times: failing})
	job, err := r.Bulk(t.Context(), anna, keys, berth.ActionRequest{Action: berth.ActionDelete, StopFirst: true, Purge: true}, 8)
	if err != nil {
		t.Fatal(err)
	}
	for !job.Ended() { // as long as it goes on
		before := job.Done
		job = r.waitJob(job, "more is done", func(j berth.Job) bool { return j.Done > before || j.Ended() })
	}
	if want := fmt.Sprintf("%d of %d succeeded, %d failed.", all-failing, all, failing); job.Message != want {
		t.Fatalf("it ended with %q, want %q", job.Message, want)
	}
	again, err := r.Retry(t.Context(), anna, job.ID)
	if err != nil {
		t.Fatal(err)
	}
	if again.Total != failing {
		t.Errorf("%d are tried again, want %d", again.Total, failing)
	}
	r.wantEnd(again, berth.JobSucceeded, fmt.Sprintf("%d of %d succeeded.", failing, failing))
	r.wait("they are off the list", func(s *Snapshot) bool {
		for _, key := range keys {
			at, _ := placeOf(key)
			if _, there := s.Find("home", at.vmid); there {
				return false
			}
		}
		return true
	})
}

func TestRecordOfAContainerThatIsGoneIsClosedWithoutProxmox(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionOnBoot, On: true}), berth.JobSucceeded, "is on.") // so that it is tracked
	outsider := outsideClient(t, r.sim)
	upid, err := outsider.Delete(t.Context(), c.Node, c.VMID, pve.DeleteOptions{Purge: true})
	if err == nil {
		_, err = outsider.Wait(t.Context(), upid)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.wait("it is gone", func(s *Snapshot) bool {
		got, ok := s.Find("home", c.VMID)
		return ok && got.Unknown == berth.UnknownGone
	})
	before := r.orders(c)
	if effects, err := r.GoesWith(t.Context(), anna, c.Key()); err != nil || !effects.Gone {
		t.Errorf("what goes with it is %+v (%v)", effects, err)
	}
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionDelete}), berth.JobSucceeded, "Its record is closed")
	if got := r.orders(c); got != before {
		t.Errorf("%d orders to Proxmox about a container that it does not have", got-before)
	}
	r.wait("it is off the list", func(s *Snapshot) bool { _, there := s.Find("home", c.VMID); return !there })
	events, err := s.Events(t.Context(), store.EventFilter{Container: c.Key(), Actor: "anna", Action: "container.delete"}, "", 10)
	if err != nil || len(events) != 2 || events[0].ContainerID == "" {
		t.Errorf("the history has %+v (%v), want request and outcome", events, err)
	}
}
