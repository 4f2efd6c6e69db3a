package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

func TestDetailTellsEverything(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusStopped)
	client := simClient(t, r.sim)
	done := func(upid pve.UPID, err error) {
		t.Helper()
		if err == nil {
			_, err = client.Wait(t.Context(), upid)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for key, value := range map[string]string{"rootfs": "local-lvm:vm-" + vmidText(c) + "-disk-0,size=8G", "description": "# Notes", "memory": "768",
		"net0": "name=eth0,bridge=vmbr0,tag=7,ip=10.9.0.2/24,gw=10.9.0.1,firewall=1", "features": "nesting=1,keyctl=1"} {
		if err := r.sim.SetConfig(c.VMID, key, value); err != nil {
			t.Fatal(err)
		}
	}
	done(client.CreateSnapshot(t.Context(), c.Node, c.VMID, "before", "as it was"))
	done(client.CreateSnapshot(t.Context(), c.Node, c.VMID, "after", ""))
	done(client.Backup(t.Context(), c.Node, pve.BackupRequest{VMIDs: []int{c.VMID}, Storage: "nas", Mode: "stop"}))
	r.wait("the backup's lock is seen to be gone, so that it can be changed", func(*Snapshot) bool {
		err := r.ChangeTags(t.Context(), anna, c.Key(), berth.TagChange{Add: []string{"seen"}})
		if err != nil && berth.CodeOf(err) != berth.Conflict {
			t.Fatal(err)
		}
		return err == nil
	})
	r.wait("it is tracked", func(s *Snapshot) bool { now, ok := s.Find(c.Cluster, c.VMID); return ok && now.ID != "" })
	got, err := r.Detail(t.Context(), anna, c.Key(), Parts()...)
	if err != nil || len(got.Problems) > 0 {
		t.Fatalf("got %v, problems %v", err, got.Problems)
	}
	if got.Config.MemoryBytes != 768<<20 || got.Config.Description != "# Notes" || cmp.Diff([]string{"nesting", "keyctl"}, got.Config.Features) != "" {
		t.Errorf("configuration is %+v", got.Config)
	}
	net := got.Config.Networks[0]
	net.MAC = ""
	want := Network{Key: "net0", Name: "eth0", Bridge: "vmbr0", VLAN: 7, IP: "10.9.0.2/24", Gateway: "10.9.0.1", Firewall: true}
	if diff := cmp.Diff(want, net); diff != "" {
		t.Errorf("network -want +got:\n%s", diff)
	}
	if n := len(got.Snapshots); n < 2 || got.Snapshots[n-1].Name != "after" || got.Snapshots[n-1].Parent != "before" ||
		got.Snapshots[n-1].Depth != got.Snapshots[n-2].Depth+1 || got.Parent != "after" || got.Snapshots[n-2].Description != "as it was" {
		t.Errorf("snapshots are %+v, the present one is after %s", got.Snapshots, got.Parent)
	}
	if len(got.Backups) == 0 || got.Backups[0].Storage != "nas" || got.Backups[0].SizeBytes == 0 || clocktest.Since(got.Backups[0].At) > time.Hour {
		t.Errorf("backups are %+v", got.Backups)
	}
	if len(got.Events) == 0 || got.Events[0].Actor != "anna" || got.TrackedAt.IsZero() || got.UpdatedAt.Before(got.TrackedAt) {
		t.Errorf("known since %s, changed %s, events are %+v", got.TrackedAt, got.UpdatedAt, got.Events)
	}
	if len(got.Tasks) < 3 || got.Figures == nil || got.Figures.Running {
		t.Errorf("tasks are %+v, figures %+v", got.Tasks, got.Figures)
	}
	if _, err := r.Detail(t.Context(), anna, "home/9"); berth.CodeOf(err) != berth.NotFound {
		t.Errorf("got %v, want not found", err)
	}
}

func TestDetailOfAClusterThatDoesNotAnswerSaysWhy(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusRunning)
	r.sim.Stop()
	r.wait("it fails", func(s *Snapshot) bool { return s.Clusters[0].Health.State == Failing })
	got, err := r.Detail(t.Context(), anna, c.Key(), PartConfig, PartFigures)
	if err != nil {
		t.Fatal(err)
	}
	if got.Container.Hostname != c.Hostname || got.Container.Status != berth.StatusUnknown || got.Config != nil || !strings.Contains(got.Problems[PartConfig], "does not answer") {
		t.Errorf("got %+v", got)
	}
	bob := limitedTo(t, "bob", berth.RoleViewer, "node:"+c.Node)
	if got, err = r.Detail(t.Context(), bob, c.Key(), PartConfig); err != nil || !strings.HasSuffix(got.Problems[PartConfig], hiddenProblem) {
		t.Errorf("somebody who does not see the cluster is told %q (%v)", got.Problems[PartConfig], err)
	}
	if _, err := r.History(t.Context(), anna, c.Key(), "hour"); berth.CodeOf(err) != berth.Unavailable {
		t.Errorf("the history is answered with %v, want that it is unavailable", err)
	}
}

func TestHistoryGoesOnWithWhatBerthReads(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := firstWith(r.Snapshot(), berth.StatusRunning)
	before, err := r.History(t.Context(), anna, c.Key(), "hour")
	if err != nil || len(before) < 30 {
		t.Fatalf("got %d steps, %v", len(before), err)
	}
	if _, err := r.Detail(t.Context(), anna, c.Key(), PartFigures); err != nil {
		t.Fatal(err)
	}
	after, err := r.History(t.Context(), anna, c.Key(), "hour")
	if err != nil || len(after) == 0 || clocktest.Since(after[len(after)-1].At) > time.Minute || after[len(after)-1].Memory == nil {
		t.Errorf("the latest of %d steps is %+v, %v", len(after), after[len(after)-1], err)
	}
	for _, span := range Spans() {
		if _, err := r.History(t.Context(), anna, c.Key(), span); err != nil {
			t.Errorf("%s: %v", span, err)
		}
	}
	if _, err := r.History(t.Context(), anna, c.Key(), "decade"); berth.CodeOf(err) != berth.Invalid {
		t.Errorf("got %v, want invalid", err)
	}
}

// Everybody who looks within a moment is told the same, by one call.
func TestFiguresAreShared(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	serveFixture(t, s, map[string]func(int) string{
		"/cluster/resources": always(rows(nodeRow("pve1", 10), guestRow(101, "pve1", ""))),
		"/nodes/pve1/lxc/101/status/current": func(int) string {
			return `{"vmid":101,"status":"running","uptime":100,"mem":100,"maxmem":200,"swap":5,"maxswap":50,"pressurecpusome":1.5}`
		},
	})
	r := resume(t, s, hurried)
	r.wait("it is there", func(s *Snapshot) bool { return s.Counts.Running == 1 })
	var before time.Time
	for range 5 {
		got, err := r.Detail(t.Context(), anna, "home/101", PartFigures)
		if err != nil || got.Figures == nil || got.Figures.SwapBytes != 5 || got.Figures.Pressure.CPU != 1.5 {
			t.Fatalf("got %+v, %v", got.Figures, err)
		}
		if at := got.Figures.At; at != before && at.Sub(before) < figuresShared {
			t.Errorf("it was read again after %s", at.Sub(before))
		}
		before = got.Figures.At
	}
}

func TestTreeOfSnapshots(t *testing.T) {
	t.Parallel()
	at := func(n int64) time.Time { return time.Unix(n, 0) }
	states := []pve.Snapshot{{Name: "c", Parent: "a", Time: at(3)}, {Name: "b", Parent: "a", Time: at(2)}, {Name: "a", Time: at(1)}, {Name: "d", Parent: "b", Time: at(4)},
		{Name: "lost", Parent: "gone", Time: at(5)}, {Name: "x", Parent: "y", Time: at(6)}, {Name: "y", Parent: "x", Time: at(7)}}
	var got []string
	for _, s := range treeOf(states) {
		got = append(got, strings.Repeat("-", s.Depth)+s.Name)
	}
	if diff := cmp.Diff([]string{"a", "-b", "--d", "-c", "lost", "x", "-y"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
