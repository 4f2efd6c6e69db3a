package fleet

import (
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// impatient gives a node up that is away for a moment.
var impatient = Patience{Task: 5 * time.Second, Outage: 200 * time.Millisecond, Agree: 5 * time.Second, Appear: time.Second}

// noStatus is a node of which nothing can be learned about tasks.
var noStatus = pvesim.Fault{Path: "/nodes/*/tasks/*/status", Status: 595, Reason: "No route to host"}

func TestACreationWhoseTaskOutlivesItsJobIsStillBerths(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{TaskTime: 300 * time.Millisecond}, impatient)
	outlive := func(vmid int) berth.Job {
		t.Helper()
		r.sim.Fail(noStatus)
		job := r.wantEnd(r.create(newSpec(t, r.sim, vmid)), berth.JobFailed, "Proxmox's task may go on at node pve1.")
		r.sim.ClearFaults()
		r.wait("it is made after all", func(s *Snapshot) bool {
			c, found := s.Find("home", vmid)
			return found && c.Status == berth.StatusError && c.Live == berth.LiveStopped && c.Hostname == "fresh" && c.Pending == nil && c.Lock == ""
		})
		return job
	}
	again, err := r.Retry(t.Context(), anna, outlive(990).ID)
	if err != nil {
		t.Fatal(err)
	}
	r.wantEnd(again, berth.JobSucceeded, "is there and running.")
	if n := r.creations(); n != 1 {
		t.Errorf("%d requests for one container", n)
	}
	outlive(991)
	r.wantEnd(r.askSettled(r.container(991), berth.ActionRequest{Action: berth.ActionCleanUp}), berth.JobSucceeded, "is deleted.")
	if _, err := simClient(t, r.sim).ContainerStatus(t.Context(), "pve1", 991); pve.Classify(err).Kind != pve.KindNoContainer {
		t.Errorf("the container is left behind: %v", err)
	}
}

func TestWhatATaskDidAfterItsJobIsInTheHistory(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{TaskTime: time.Second}, impatient)
	c := r.stoppedOne()
	r.sim.Fail(noStatus)
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionDelete}), berth.JobFailed, "Proxmox's task may go on at node "+c.Node+".")
	r.sim.ClearFaults()
	r.eventually("its end is in the history", func() bool { return len(r.entries(c.VMID)) == 3 })
	r.wantEntries(c.VMID, "anna container.delete: ", "anna container.delete: Node "+c.Node+" does not answer.", "anna container.delete: Proxmox's task ended after the job: OK")
}

// runningTask gives the task about a container that runs; empty: none.
func runningTask(t *testing.T, sim *pvesim.Sim, c *berth.Container) pve.UPID {
	t.Helper()
	rows, err := simClient(t, sim).NodeTasks(t.Context(), c.Node, pve.TaskQuery{Source: "all", VMID: c.VMID})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if strings.HasPrefix(row.Type, "vz") && row.Running() {
			return row.UPID
		}
	}
	return ""
}

// behindProxy starts a simulated cluster behind a proxy that cuts the answer to an order.
func behindProxy(t *testing.T, s *store.Store) (*pvesim.Sim, *berth.Container, *killer) {
	t.Helper()
	sim, err := pvesim.New(pvesim.Options{Now: clocktest.Now, Cluster: "home", TaskTime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	c := plainContainer(t, sim)
	return sim, c, killProxy(t, s, sim, ordered, vmidText(c))
}

func TestCancelWhileALostOrderIsLookedForAbortsItsTask(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim, c, k := behindProxy(t, s)
	k.kill = func() {
		sim.Fail(pvesim.Fault{Method: "GET", Path: "/nodes/*/tasks", Status: 595, Reason: "No route to host"})
	}
	r := resume(t, s, hurried)
	r.sim = sim
	r.wait("it is there", func(s *Snapshot) bool { found, ok := s.Find("home", c.VMID); return ok && found.Unknown == "" })
	job := r.ask(r.container(c.VMID), berth.ActionRequest{Action: berth.ActionStart})
	<-k.killed
	<-k.looked
	if err := r.Cancel(t.Context(), anna, job.ID); err != nil {
		t.Fatal(err)
	}
	sim.ClearFaults()
	r.wantEnd(job, berth.JobCancelled, "Cancelled by anna. Proxmox's task was aborted.")
	if upid := runningTask(t, sim, c); upid != "" {
		t.Errorf("%s goes on and nobody waits for it", upid)
	}
}

func TestCancelAfterACrashAbortsTheTaskOfALostOrder(t *testing.T) {
	t.Parallel()
	for _, action := range []berth.Action{berth.ActionStart, berth.ActionBackup} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			o := storetest.Options(t, storetest.SQLite)
			s := storetest.OpenWith(t, o)
			sim, c, k := behindProxy(t, s)
			if action == berth.ActionBackup {
				k.moment.part = "/vzdump?"
			}
			killOtherBerth(t, o, berth.ActionRequest{Action: action, Backup: berth.BackupOrder{Storage: "local", Mode: "stop", Compress: "0"}}, c.Key(), k)
			all, err := s.JobsOfSubject(t.Context(), c.Key(), 10)
			if err != nil || len(all) != 1 {
				t.Fatalf("after the crash there are jobs %+v (%v), want one", all, err)
			}
			err = s.InTx(t.Context(), "cancel", func(tx *store.Tx) error {
				_, _, err := tx.RequestCancel(t.Context(), all[0].ID, "anna")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			r := resume(t, s, hurried)
			r.wantEnd(all[0], berth.JobCancelled, "Cancelled by anna. Proxmox's task was aborted.")
			if upid := runningTask(t, sim, c); upid != "" {
				t.Errorf("%s goes on and nobody waits for it", upid)
			}
		})
	}
}

func TestTheLastOrderWhoseAnswerIsLostIsLookedForToo(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim, c, k := behindProxy(t, s)
	k.kill, k.passing = func() {}, mostPosts-1
	sim.Fail(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc/*/status/start", Status: 595, Reason: "No route to host", Times: mostPosts - 1})
	r := resume(t, s, hurried)
	r.wait("it is there", func(s *Snapshot) bool { found, ok := s.Find("home", c.VMID); return ok && found.Unknown == "" })
	job := r.ask(r.container(c.VMID), berth.ActionRequest{Action: berth.ActionStart})
	<-k.killed
	r.waitJob(job, "it has a task", func(j berth.Job) bool { return j.Ref != "" })
	if err := r.Cancel(t.Context(), anna, job.ID); err != nil {
		t.Fatal(err)
	}
	r.wantEnd(job, berth.JobCancelled, "Proxmox's task was aborted.")
}
