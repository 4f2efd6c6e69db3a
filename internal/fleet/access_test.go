package fleet

import (
	"strconv"
	"testing"
	"time"

	"berth"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func limitedTo(t *testing.T, name string, role berth.Role, scope string) berth.Actor {
	t.Helper()
	access, err := berth.NewAccess(berth.Grant{Role: role, Scope: scope})
	if err != nil {
		t.Fatal(err)
	}
	return berth.Actor{ID: "id-of-" + name, Name: name, Source: "web", Access: access}
}

func TestAPartOfTheSnapshotHasNothingElse(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	whole := r.Snapshot()
	bob := limitedTo(t, "bob", berth.RoleViewer, "node:pve1")
	part := whole.For(bob.Access)
	if whole.For(anna.Access) != whole || whole.For(bob.Access) != part {
		t.Error("equal rights do not share a part")
	}
	if got := whole.For(berth.Access{}); len(got.Clusters) > 0 || got.Counts.Total > 0 || got.Totals != (berth.Totals{}) {
		t.Errorf("without rights there is %+v", got)
	}
	view := part.Clusters[0]
	if len(view.Nodes) != 1 || view.Nodes[0].Name != "pve1" || view.Nodes[0].CPUs != 0 || len(view.Cluster.Endpoints) > 0 || view.Cluster.TokenID != "" || len(part.History()) > 0 {
		t.Errorf("more than the scope shows: %+v %+v", view.Nodes, view.Cluster)
	}
	var want berth.Counts
	var totals berth.Totals
	for _, c := range whole.Clusters[0].Containers {
		_, found := part.Find("home", c.VMID)
		if found != (c.Node == "pve1") {
			t.Errorf("%s on %s is found: %t", c.Key(), c.Node, found)
		}
		if found {
			want.Add(c.Status)
			totals.Add(totalsOfContainer(c))
		}
	}
	if part.Counts != want || view.Nodes[0].Containers != want || part.Totals != totals {
		t.Errorf("counts %+v and %+v, totals %+v; want %+v and %+v", part.Counts, view.Nodes[0].Containers, part.Totals, want, totals)
	}
	for _, task := range view.Tasks {
		if at, _ := placeOf(task.Subject); func() bool { c, ok := whole.Find("home", at.vmid); return !ok || c.Node != "pve1" }() {
			t.Errorf("a task about %q is seen", task.Subject)
		}
	}
}

func TestActionsReachOnlyTheScope(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: 20 * time.Second}, hurried)
		var mine, others *berth.Container
		for _, c := range r.Snapshot().Clusters[0].Containers {
			switch {
			case c.Status != berth.StatusRunning || c.Lock != "" || c.HAState != "":
			case c.Node == "pve1":
				mine = c
			default:
				others = c
			}
		}
		bob := limitedTo(t, "bob", berth.RoleOperator, "node:pve1")
		stop := berth.ActionRequest{Action: berth.ActionStop}
		if _, err := r.Do(t.Context(), bob, others.Key(), stop); berth.CodeOf(err) != berth.NotFound {
			t.Errorf("an action on a hidden container gives %v, want NotFound", err)
		}
		carl := limitedTo(t, "carl", berth.RoleViewer, "vmid:"+strconv.Itoa(mine.VMID))
		if _, err := r.Do(t.Context(), carl, mine.Key(), stop); berth.CodeOf(err) != berth.Forbidden {
			t.Errorf("an action of a viewer gives %v, want Forbidden", err)
		}
		if plan := r.Plan(bob, []string{others.Key(), mine.Key()}, stop); plan.Acts != 1 || plan.Items[0].Container != nil {
			t.Errorf("the plan is %+v", plan)
		}
		hidden := r.ask(others, stop)
		if _, err := r.Do(t.Context(), bob, mine.Key(), stop); err != nil {
			t.Fatal(err)
		}
		bulk, err := r.Bulk(t.Context(), anna, []string{otherRunning(r, others, mine).Key()}, stop, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range []berth.Job{hidden, bulk} {
			if _, err := r.Job(t.Context(), bob, job.ID); berth.CodeOf(err) != berth.NotFound {
				t.Errorf("job %q of somebody else gives %v, want NotFound", job.Title, err)
			}
			if err := r.Cancel(t.Context(), bob, job.ID); berth.CodeOf(err) != berth.NotFound {
				t.Errorf("cancelling %q of somebody else gives %v, want NotFound", job.Title, err)
			}
			if _, err := r.Retry(t.Context(), bob, job.ID); berth.CodeOf(err) != berth.NotFound {
				t.Errorf("retrying %q of somebody else gives %v, want NotFound", job.Title, err)
			}
		}
		r.wait("it is tracked", func(s *Snapshot) bool { c, ok := s.Find("home", mine.VMID); return ok && c.Tracked() })
		jobs, err := r.Jobs(t.Context(), bob, store.JobFilter{}, 10)
		if err != nil || len(jobs) != 1 || jobs[0].Subject != mine.Key() {
			t.Errorf("bob's list of jobs is %+v, %v", jobs, err)
		}
		r.wait("it is tracked", func(s *Snapshot) bool { c, ok := s.Find("home", mine.VMID); return ok && c.Tracked() })
		if err := r.Cancel(t.Context(), carl, jobs[0].ID); berth.CodeOf(err) != berth.Forbidden {
			t.Errorf("a viewer who cancels gets %v, want Forbidden", err)
		}
		events, _, err := r.Events(t.Context(), bob, store.EventFilter{}, "", 100)
		if err != nil || len(events) == 0 {
			t.Fatalf("events: %d, %v", len(events), err)
		}
		for _, e := range events {
			if r.container(e.VMID).Node != "pve1" {
				t.Errorf("bob reads of %s %s", e.Action, e.Subject)
			}
		}
	})
}

// otherRunning gives a running container besides those.
func otherRunning(r *actionRig, not ...*berth.Container) *berth.Container {
	for _, c := range r.Snapshot().Clusters[0].Containers {
		if c.Status == berth.StatusRunning && c.Lock == "" && c.HAState == "" && c.Pending == nil && c.VMID != not[0].VMID && c.VMID != not[1].VMID {
			return c
		}
	}
	r.t.Fatal("there is no other running container")
	return nil
}

// What a new snapshot of 10,000 containers costs for one more scope that somebody looks at.
func BenchmarkPartOfASnapshot(b *testing.B) {
	view := &ClusterView{Cluster: berth.Cluster{ID: "1", Name: "home"}}
	for i := range 10_000 {
		view.Containers = append(view.Containers, &berth.Container{Cluster: "home", VMID: 100 + i, Node: "pve" + strconv.Itoa(i%20), Tags: []string{"team-" + strconv.Itoa(i%10), "web"}})
	}
	access, err := berth.NewAccess(berth.Grant{Role: berth.RoleOperator, Scope: "cluster:home tag:team-3"}, berth.Grant{Role: berth.RoleViewer, Scope: "vmid:100-200"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		whole := newSnapshot([]*ClusterView{view})
		if got := whole.For(access).Counts.Total; got < 1000 {
			b.Fatalf("%d containers", got)
		}
	}
}

func TestOnlyDisksOfContainersInTheScopeAreMounted(t *testing.T) {
	t.Parallel()
	r := act(t, storetest.Open(t, storetest.SQLite), pvesim.Options{}, hurried)
	mine := r.one(berth.LiveRunning)
	other := otherRunning(r, mine, mine)
	bob := limitedTo(t, "bob", berth.RoleOperator, "vmid:"+strconv.Itoa(mine.VMID))
	both, err := berth.NewAccess(append(bob.Access.Grants(), berth.Grant{Role: berth.RoleOperator, Scope: "vmid:" + strconv.Itoa(other.VMID)})...)
	if err != nil {
		t.Fatal(err)
	}
	looker, err := berth.NewAccess(append(bob.Access.Grants(), berth.Grant{Role: berth.RoleViewer})...)
	if err != nil {
		t.Fatal(err)
	}
	config, err := r.Config(t.Context(), anna, mine.Key())
	if err != nil {
		t.Fatal(err)
	}
	own, others, root := "vm-"+strconv.Itoa(mine.VMID)+"-disk-7", "vm-"+strconv.Itoa(other.VMID)+"-disk-0", volumeIn(config.Values["rootfs"])
	for _, test := range []struct {
		volume string
		access berth.Access
		may    bool
	}{
		{"local-lvm:4", bob.Access, true},
		{root, bob.Access, true},
		{"local-lvm:" + own, bob.Access, true},
		{"local-lvm:" + others, bob.Access, false},
		{"volume=local-lvm:" + others, bob.Access, false},
		{"local:" + strconv.Itoa(other.VMID) + "/" + own + ".raw", bob.Access, false},
		{"local:" + strconv.Itoa(mine.VMID) + "/" + others + ".raw", bob.Access, false},
		{"local-lvm:something", bob.Access, false},
		{"local-lvm:" + others, looker, false},
		{"local-lvm:" + others, both, true},
		{"local-lvm:" + others, anna.Access, true},
	} {
		for _, key := range []string{"mp7", "unused7"} {
			change := setting(key, test.volume+",mp=/mnt/other")
			if err := r.mayMount(berth.Actor{Access: test.access}, mine, change, config.Values); (err == nil) != test.may {
				t.Errorf("%s: %s, by %+v: %v", key, test.volume, test.access.Grants(), err)
			}
		}
	}
	if _, err := r.ChangeConfig(t.Context(), bob, mine.Key(), setting("mp7", "local-lvm:"+others+",mp=/mnt/other"), ""); berth.CodeOf(err) != berth.Forbidden {
		t.Errorf("to mount the disk of another container gives %v, want Forbidden", err)
	}
	r.wantNothingHeld()
}
