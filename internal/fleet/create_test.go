package fleet

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

const secret = "correct horse battery"

// newSpec is a container that can be made on the simulated cluster.
func newSpec(t *testing.T, sim *pvesim.Sim, vmid int) berth.CreateSpec {
	t.Helper()
	images, err := simClient(t, sim).StorageContent(t.Context(), "pve1", "local", pveImages)
	if err != nil || len(images) == 0 {
		t.Fatalf("OS images: %v (%v)", images, err)
	}
	spec := berth.NewCreateSpec()
	spec.Cluster, spec.Node, spec.VMID, spec.Hostname, spec.Image = "home", "pve1", vmid, "fresh", images[0].ID
	spec.DiskStorage, spec.Password, spec.Tags = "local-lvm", secret, []string{"new"}
	return spec
}

func (r *actionRig) create(spec berth.CreateSpec) berth.Job {
	r.t.Helper()
	job, err := r.Create(r.t.Context(), anna, spec)
	if err != nil {
		r.t.Fatal(err)
	}
	return job
}

// creations counts the requests for a new container.
func (r *actionRig) creations() int {
	n := 0
	for _, q := range r.sim.Requests() {
		if q.Method == "POST" && strings.HasSuffix(q.Path, "/lxc") {
			n++
		}
	}
	return n
}

func TestCreateMakesARunningContainerAndKeepsNoSecret(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{}, hurried)
		job := r.create(newSpec(t, r.sim, 0))
		at, _ := placeOf(job.Subject)
		r.wait("it is there while it is made", func(s *Snapshot) bool {
			c, found := s.Find("home", at.vmid)
			return found && c.Hostname == "fresh" && c.Tracked()
		})
		got := r.wantEnd(job, berth.JobSucceeded, "fresh is there and running.")
		if strings.Contains(got.Args+got.Checkpoint+got.Title+r.log.String(), secret) {
			t.Errorf("the password is in the job: %+v", got)
		}
		r.wait("it is ready", func(s *Snapshot) bool {
			c, found := s.Find("home", at.vmid)
			return found && c.Lifecycle == berth.LifecycleReady && c.Status == berth.StatusRunning && c.Pending == nil
		})
		c := r.container(at.vmid)
		if secrets, err := s.Secrets(t.Context(), c.ID); err != nil || secrets != (store.Secrets{}) {
			t.Errorf("there still are secrets, or %v", err)
		}
		want := []string{"anna container.create requested", "anna container.create succeeded"}
		if diff := cmp.Diff(want, r.history(c)); diff != "" {
			t.Errorf("history -want +got:\n%s", diff)
		}
		if n := r.creations(); n != 1 {
			t.Errorf("%d requests for one container", n)
		}
	})
}

func TestWhatProxmoxRefusesComesBackPerField(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{}, hurried)
		for field, spoil := range map[string]func(*berth.CreateSpec){
			"storage": func(c *berth.CreateSpec) { c.DiskStorage = "nowhere" },
			"image":   func(c *berth.CreateSpec) { c.Image = "local:vztmpl/none_1_amd64.tar.zst" },
			"pool":    func(c *berth.CreateSpec) { c.Pool = "nobodys" },
		} {
			spec := newSpec(t, r.sim, 0)
			spoil(&spec)
			job := r.end(r.create(spec))
			creation, err := r.Creation(t.Context(), anna, job.ID)
			if err != nil {
				t.Fatal(err)
			}
			if job.State != berth.JobFailed || creation.Fields[field] == "" {
				t.Errorf("a wrong %s: the job is %s with %q, fields %v", field, job.State, job.Message, creation.Fields)
			}
			if creation.Spec.Hostname != "fresh" || creation.Made {
				t.Errorf("the form has %+v", creation)
			}
		}
	})
}

func TestCreateRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	viewer := berth.Actor{Name: "vera", Access: berth.Everywhere(berth.RoleViewer)}
	taken := firstWith(r.Snapshot(), berth.StatusRunning)
	few, err := berth.NewAccess(berth.Grant{Role: berth.RoleOperator, Scope: "tag:new"})
	if err != nil {
		t.Fatal(err)
	}
	theirs := func(c *berth.CreateSpec) {
		c.Backup = "local:backup/vzdump-lxc-" + vmidText(taken) + "-2026_01_01-00_00_00.tar.zst"
	}
	for _, test := range []struct {
		name  string
		by    berth.Actor
		spoil func(*berth.CreateSpec)
		code  berth.Code
		field string
	}{
		{"a viewer", viewer, func(*berth.CreateSpec) {}, berth.Forbidden, ""},
		{"a taken VMID", anna, func(c *berth.CreateSpec) { c.VMID = taken.VMID }, berth.Invalid, "vmid"},
		{"an unknown node", anna, func(c *berth.CreateSpec) { c.Node = "pve77" }, berth.Invalid, "node"},
		{"an unknown cluster", anna, func(c *berth.CreateSpec) { c.Cluster = "far" }, berth.Invalid, "cluster"},
		{"a backup of others", berth.Actor{Name: "fred", Access: few}, theirs, berth.Forbidden, ""},
		{"a tag out of scope", berth.Actor{Name: "fred", Access: few}, func(c *berth.CreateSpec) { c.Tags = nil }, berth.Forbidden, ""},
		{"no password", anna, func(c *berth.CreateSpec) { c.Password = "" }, berth.Invalid, "password"},
	} {
		spec := newSpec(t, r.sim, 0)
		test.spoil(&spec)
		_, err := r.Create(t.Context(), test.by, spec)
		if berth.CodeOf(err) != test.code || test.field != "" && fieldsIn(err)[test.field] == "" {
			t.Errorf("%s: %v, want %s about %s", test.name, err, test.code, test.field)
		}
	}
	if n := r.creations(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestACreationThatFailedGoesOnOrIsCleanedUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{}, hurried)
		r.sim.Fail(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc", Times: 1, Status: 500, Reason: "out of luck"})
		job := r.wantEnd(r.create(newSpec(t, r.sim, 990)), berth.JobFailed, "out of luck")
		r.wait("it is in error", func(s *Snapshot) bool {
			c, found := s.Find("home", 990)
			return found && c.Status == berth.StatusError && c.Pending == nil
		})
		r.sim.Fail(pvesim.Fault{Task: "vzstart", Times: 1, Reason: "no such interface"})
		again, err := r.Retry(t.Context(), anna, job.ID)
		if err != nil {
			t.Fatal(err)
		}
		again = r.wantEnd(again, berth.JobFailed, "no such interface")
		if creation, err := r.Creation(t.Context(), anna, again.ID); err != nil || !creation.Made {
			t.Errorf("that it was made is not known: %+v (%v)", creation, err)
		}
		third, err := r.Retry(t.Context(), anna, again.ID)
		if err != nil {
			t.Fatal(err)
		}
		r.wantEnd(third, berth.JobSucceeded, "is there and running.")
		if n := r.creations(); n != 2 {
			t.Errorf("%d requests, want the one that failed and one", n)
		}
	})
}

func TestCleanUpDestroysOnlyWhatTheCreationMade(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{}, hurried)
		r.sim.Fail(pvesim.Fault{Task: "vzstart", Times: 1, Reason: "no such interface"})
		r.wantEnd(r.create(newSpec(t, r.sim, 990)), berth.JobFailed, "no such interface")
		r.wait("it is in error", func(s *Snapshot) bool {
			c, found := s.Find("home", 990)
			return found && c.Hostname == "fresh" && c.Status == berth.StatusError && c.Live == berth.LiveStopped && c.Pending == nil && c.Lock == ""
		})
		r.wantEnd(r.askSettled(r.container(990), berth.ActionRequest{Action: berth.ActionCleanUp}), berth.JobSucceeded, "")
		r.wait("it is off the list", func(s *Snapshot) bool { _, found := s.Find("home", 990); return !found })

		r.sim.Fail(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc", Times: 1, Status: 500, Reason: "out of luck"})
		r.wantEnd(r.create(newSpec(t, r.sim, 991)), berth.JobFailed, "out of luck")
		outsideCreate(t, r.sim, newSpec(t, r.sim, 991))
		r.wait("another one has the VMID", func(s *Snapshot) bool {
			c, found := s.Find("home", 991)
			return found && c.Hostname == "fresh" && c.Status == berth.StatusError && c.Live == berth.LiveStopped && c.Pending == nil && c.Lock == ""
		})
		r.wantEnd(r.askSettled(r.container(991), berth.ActionRequest{Action: berth.ActionCleanUp}), berth.JobSucceeded, "left alone")
		r.wait("the other one lives", func(s *Snapshot) bool {
			c, found := s.Find("home", 991)
			return found && c.Status == berth.StatusStopped && !c.Tracked()
		})
	})
}

func TestCreateChoicesAreWhatTheNodeHas(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	got, err := r.CreateChoices(t.Context(), anna, "home", "pve1")
	if err != nil {
		t.Fatal(err)
	}
	if got.VMID == 0 || len(got.Images) == 0 || len(got.Storages) == 0 || len(got.Bridges) == 0 || len(got.Unknown) != 0 || got.PoolNeeded {
		t.Errorf("choices are %+v", got)
	}
	r.sim.Fail(pvesim.Fault{Path: "/nodes/*/aplinfo", Status: 500, Reason: "no catalogue"})
	if got, err = r.CreateChoices(t.Context(), anna, "home", "pve1"); err != nil || len(got.Unknown) != 1 || len(got.Storages) == 0 {
		t.Errorf("without a catalogue: %+v (%v)", got, err)
	}
}

// outsideCreate makes a container without Berth and waits for it.
func outsideCreate(t *testing.T, sim *pvesim.Sim, spec berth.CreateSpec) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := outsideClient(t, sim)
	upid, err := client.Create(ctx, spec.Node, outsideRequest(&spec))
	if err != nil {
		t.Fatal(err)
	}
	if status, err := client.Wait(ctx, upid); err != nil || status.Err() != nil {
		t.Fatal(status, err)
	}
}

func TestOfTwoCreationsAtOnceEachGetsAVMID(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: 300 * time.Millisecond}, hurried)
		spec := newSpec(t, r.sim, 0)
		made := make(chan berth.Job, 2)
		for range 2 {
			go func() {
				job, err := r.Create(t.Context(), anna, spec)
				if err != nil {
					t.Errorf("create: %v", err)
				}
				made <- job
			}()
		}
		first, second := <-made, <-made
		if first.ID == "" || second.ID == "" || first.Subject == second.Subject {
			t.Fatalf("the jobs are about %q and %q", first.Subject, second.Subject)
		}
		r.wantEnd(first, berth.JobSucceeded, "")
		r.wantEnd(second, berth.JobSucceeded, "")
	})
}

func TestOneKeyMakesOneContainer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{}, hurried)
		spec := newSpec(t, r.sim, 0)
		spec.Key = "6f7c0a52-95c8-4e0b-a1a0-0d7a4b8a9e11"
		made := make(chan berth.Job, 3)
		for range cap(made) {
			go func() {
				job, err := r.Create(t.Context(), anna, spec)
				if err != nil {
					t.Errorf("create: %v", err)
				}
				made <- job
			}()
		}
		first := <-made
		for range cap(made) - 1 {
			if job := <-made; job.ID != first.ID {
				t.Errorf("the jobs are %q and %q", first.ID, job.ID)
			}
		}
		r.wantEnd(first, berth.JobSucceeded, "")
		if job := r.create(spec); job.ID != first.ID || r.creations() != 1 {
			t.Errorf("afterwards it is job %q instead of %q; %d requests", job.ID, first.ID, r.creations())
		}
		other := spec
		other.Hostname = "other"
		for _, again := range []struct {
			by   berth.Actor
			spec berth.CreateSpec
		}{{anna, other}, {berth.Actor{ID: "x", Name: "x", Access: berth.Everywhere(berth.RoleAdmin)}, spec}} {
			if _, err := r.Create(t.Context(), again.by, again.spec); berth.CodeOf(err) != berth.Conflict {
				t.Errorf("the same key by %s for %s: %v, want a conflict", again.by.Name, again.spec.Hostname, err)
			}
		}
	})
}

// A container that was never made has no tag, by which somebody would be its operator.
func TestACreationThatFailedIsStillOfWhoAskedForIt(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	few, err := berth.NewAccess(berth.Grant{Role: berth.RoleOperator, Scope: "tag:new"})
	if err != nil {
		t.Fatal(err)
	}
	fred, other := berth.Actor{ID: "fred", Name: "fred", Access: few}, berth.Actor{ID: "x", Name: "x", Access: few}
	r.sim.Fail(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc", Times: 1, Status: 500, Reason: "out of luck"})
	job, err := r.Create(t.Context(), fred, newSpec(t, r.sim, 0))
	if err != nil {
		t.Fatal(err)
	}
	failed := r.wantEnd(job, berth.JobFailed, "out of luck")
	if !r.MayCancel(fred, &failed) || r.MayCancel(other, &failed) {
		t.Errorf("fred may try again: %v, another one: %v", r.MayCancel(fred, &failed), r.MayCancel(other, &failed))
	}
	again, err := r.Retry(t.Context(), fred, failed.ID)
	if err != nil {
		t.Fatal(err)
	}
	r.wantEnd(again, berth.JobSucceeded, "")
}

func TestPlacesForNewContainersAreThoseOfTheScope(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	hidden := firstWith(r.Snapshot(), berth.StatusRunning)
	for _, c := range r.Snapshot().Clusters[0].Containers {
		if c.Node == "pve2" {
			hidden = c
		}
	}
	for _, test := range []struct {
		scope string
		want  []string
	}{{"", []string{"pve1", "pve2", "pve3"}}, {"node:pve1 tag:new", []string{"pve1"}}, {"-node:pve1", []string{"pve2", "pve3"}}, {"cluster:far", nil}} {
		access, err := berth.NewAccess(berth.Grant{Role: berth.RoleOperator, Scope: test.scope})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, place := range r.CreatePlaces(berth.Actor{Name: "fred", Access: access}) {
			for _, n := range place.Nodes {
				got = append(got, n.Name)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("nodes for %q -want +got:\n%s", test.scope, diff)
		}
	}
	few, err := berth.NewAccess(berth.Grant{Role: berth.RoleOperator, Scope: "node:pve1"})
	if err != nil {
		t.Fatal(err)
	}
	fred := berth.Actor{Name: "fred", Access: few}
	if _, err := r.CreateChoices(t.Context(), fred, "home", "pve2"); fieldsIn(err)["node"] == "" {
		t.Errorf("choices of a hidden node: %v", err)
	}
	spec := newSpec(t, r.sim, hidden.VMID)
	if _, err := r.Create(t.Context(), fred, spec); fieldsIn(err)["vmid"] == "" || strings.Contains(err.Error(), hidden.Hostname) {
		t.Errorf("the VMID of a hidden container: %v", err)
	}
}

func TestAnOSImageIsFetchedOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: 300 * time.Millisecond}, hurried)
		choices, err := r.CreateChoices(t.Context(), anna, "home", "pve1")
		if err != nil || len(choices.Appliances) == 0 || len(choices.ImageStore) == 0 {
			t.Fatalf("nothing to fetch: %+v (%v)", choices, err)
		}
		image, to := choices.Appliances[0].Name, choices.ImageStore[0]
		r.sim.Fail(pvesim.Fault{Path: "/nodes/*/tasks/*/status", Times: 2, Drop: true})
		job, err := r.Download(t.Context(), anna, "home", "pve1", to, image)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Download(t.Context(), anna, "home", "pve1", to, image); berth.CodeOf(err) != berth.Conflict {
			t.Errorf("fetched twice at once: %v, want a conflict", err)
		}
		r.wantEnd(job, berth.JobSucceeded, image+" is on "+to)
		other := choices.Appliances[1].Name
		r.sim.Fail(pvesim.Fault{Task: "download", Times: 1, Reason: "connection refused"})
		if job, err = r.Download(t.Context(), anna, "home", "pve1", to, other); err != nil {
			t.Fatal(err)
		}
		r.wantEnd(job, berth.JobFailed, "connection refused")
		if job, err = r.Retry(t.Context(), anna, job.ID); err != nil {
			t.Fatal(err)
		}
		r.wantEnd(job, berth.JobSucceeded, other+" is on "+to)
		after, err := r.CreateChoices(t.Context(), anna, "home", "pve1")
		if err != nil || len(after.Images) != len(choices.Images)+2 || len(after.Appliances) != len(choices.Appliances)-2 {
			t.Errorf("afterwards there are %d images, before %d (%v)", len(after.Images), len(choices.Images), err)
		}
	})
}
