package fleet

import (
	"slices"
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// replaceToken has Berth use another token from now on; the one before does not exist any more.
func (r *actionRig) replaceToken(out *pve.Client) {
	r.t.Helper()
	full := false
	token, err := out.CreateToken(r.t.Context(), "root@pam", "newer", pve.TokenRequest{PrivilegeSeparation: &full})
	if err != nil {
		r.t.Fatal(err)
	}
	before, err := r.store.ClusterByName(r.t.Context(), "home")
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := ChangeConnection(r.t.Context(), r.store, anna, "home", Change{Token: token.Name() + "=" + token.Secret}); err != nil {
		r.t.Fatal(err)
	}
	_, id, _ := strings.Cut(before.TokenID, "!")
	if err := out.DeleteToken(r.t.Context(), "root@pam", id); err != nil {
		r.t.Fatal(err)
	}
}

// so asks the poller in its own loop.
func (r *actionRig) so(ask func(p *poller) bool) bool {
	r.t.Helper()
	p := r.pollerOf(func(*poller) bool { return true })
	answer := make(chan bool, 1)
	p.tell(r.t.Context(), func() { answer <- ask(p) })
	select {
	case yes := <-answer:
		return yes
	case <-p.done: // it was replaced
		return false
	case <-time.After(patience):
		r.t.Fatal("the poller does not answer")
		return false
	}
}

func TestJobGoesOnWithANewTokenAndItsTaskIsNotTakenForAnothers(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	patient := hurried
	patient.Outage = patience // Proxmox is slow to refuse a token
	r := act(t, s, pvesim.Options{TaskTime: 2 * time.Second}, patient)
	c := r.stoppedOne()
	done := r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStart}), berth.JobSucceeded, "is running.")
	job := r.waitJob(r.askSettled(c, berth.ActionRequest{Action: berth.ActionStop}), "it has a task", func(j berth.Job) bool { return j.Ref != "" })
	old := r.pollerOf(func(*poller) bool { return true })
	r.replaceToken(outsideClient(t, r.sim))
	r.wantEnd(job, berth.JobSucceeded, "is stopped.")
	r.eventually("the cluster has answered to the new token", func() bool {
		return r.so(func(p *poller) bool {
			return p != old && slices.ContainsFunc(p.tasks.latest, func(t berth.Task) bool { return t.UPID == done.Ref && !t.EndedAt.IsZero() })
		})
	})
	r.stop() // waits for what it is about to write
	r.wantEntries(c.VMID, "anna container.start", "anna container.start", "anna container.stop", "anna container.stop")
}

func TestWhatOthersDidWhileTheDatabaseWasAwayIsInTheHistory(t *testing.T) {
	t.Parallel()
	o := storetest.Options(t, storetest.SQLite)
	s := storetest.OpenWith(t, o)
	r := act(t, s, pvesim.Options{}, hurried)
	c := r.stoppedOne()
	cluster, err := s.ClusterByName(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("its configuration is noted", func() bool {
		sums, err := s.NotedConfig(t.Context(), cluster.ID, c.VMID)
		return err == nil && sums != ""
	})
	release := holdSQLite(t, o)
	out := outsideClient(t, r.sim)
	upid, err := out.CreateSnapshot(t.Context(), c.Node, c.VMID, "other", "")
	waitTask(t, out, upid, err)
	if err := r.sim.SetConfig(c.VMID, "memory", "3000"); err != nil {
		t.Fatal(err)
	}
	r.so(func(p *poller) bool { p.wantConfig(c.VMID); return true })
	r.eventually("the task could not be stored", func() bool { return r.so(func(p *poller) bool { return len(p.tasks.untold) > 0 }) })
	r.eventually("the change could not be stored", func() bool { return r.so(func(p *poller) bool { return p.known(c.VMID).failures > 0 }) })
	release()
	for _, what := range []string{"vzsnapshot", "Configuration changed outside Berth: memory"} {
		r.eventually("it is in the history: "+what, func() bool { return strings.Contains(strings.Join(r.entries(c.VMID), "\n"), what) })
	}
}

func TestAJobThatLeavesTheConfigurationAloneHidesNoChangeOfIt(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := r.one(berth.LiveRunning)
	cluster, err := s.ClusterByName(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("its configuration is noted", func() bool {
		sums, err := s.NotedConfig(t.Context(), cluster.ID, c.VMID)
		return err == nil && sums != ""
	})
	if err := r.sim.SetConfig(c.VMID, "memory", "3000"); err != nil {
		t.Fatal(err)
	}
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionStop}), berth.JobSucceeded, "is stopped.")
	r.so(func(p *poller) bool { p.wantConfig(c.VMID); return true })
	r.eventually("the change is in the history", func() bool {
		return strings.Contains(strings.Join(r.entries(c.VMID), "\n"), "Configuration changed outside Berth: memory")
	})
}
