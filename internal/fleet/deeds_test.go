package fleet

import (
	"slices"
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

// brief is how long simulated tasks take here; copies take a multiple of it for each GiB.
const brief = 10 * time.Millisecond

// stoppedOne is a stopped container on pve1 that nothing special is about.
func (r *actionRig) stoppedOne() *berth.Container {
	r.t.Helper()
	return r.one(berth.LiveStopped)
}

func (r *actionRig) one(live berth.LiveStatus) *berth.Container {
	r.t.Helper()
	for _, c := range r.Snapshot().Clusters[0].Containers {
		if c.Live == live && c.HAState == "" && c.Lock == "" && !c.PVETemplate && !c.Protected && c.Status != berth.StatusUnknown {
			return c
		}
	}
	r.t.Fatalf("no container is %s", live)
	return nil
}

// askSettled asks for an action when nothing is known to be under way.
func (r *actionRig) askSettled(c *berth.Container, request berth.ActionRequest) berth.Job {
	r.t.Helper()
	r.wait("nothing is pending", func(s *Snapshot) bool {
		now, found := s.Find(c.Cluster, c.VMID)
		return found && now.Pending == nil && now.Lock == ""
	})
	return r.ask(c, request)
}

// succeed asks for an action and waits for its success.
func (r *actionRig) succeed(c *berth.Container, request berth.ActionRequest) berth.Job {
	r.t.Helper()
	return r.wantEnd(r.askSettled(c, request), berth.JobSucceeded, "")
}

func (r *actionRig) snapshotNames(c *berth.Container) []string {
	r.t.Helper()
	all, _, err := simClient(r.t, r.sim).Snapshots(r.t.Context(), c.Node, c.VMID)
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

func (r *actionRig) backups(c *berth.Container) []pve.Volume {
	r.t.Helper()
	all, err := simClient(r.t, r.sim).StorageContent(r.t.Context(), c.Node, "local", pve.ContentQuery{Content: "backup", VMID: c.VMID})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func snapshotCalled(action berth.Action, name string) berth.ActionRequest {
	return berth.ActionRequest{Action: action, Snapshot: berth.SnapshotOrder{Name: name, Description: "by a test"}}
}

func TestSnapshotsAreTakenRolledBackToAndDeleted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: brief}, hurried)
		c := r.one(berth.LiveRunning)
		before := r.snapshotNames(c)
		r.succeed(c, snapshotCalled(berth.ActionSnapshot, "clean"))
		r.sim.Fail(pvesim.Fault{Task: "vzsnapshot", Times: 1, Reason: "thin pool is full"})
		r.wantEnd(r.askSettled(c, snapshotCalled(berth.ActionSnapshot, "broken")), berth.JobFailed, "thin pool is full")
		back := snapshotCalled(berth.ActionRollback, "clean")
		back.Snapshot.First, back.Start = "before", true
		r.succeed(c, back)
		r.wait("it runs again", func(s *Snapshot) bool { return r.container(c.VMID).Live == berth.LiveRunning })
		if got := r.snapshotNames(c); !slices.Contains(got, "before") || !slices.Contains(got, "clean") {
			t.Errorf("snapshots are %q", got)
		}
		r.succeed(c, snapshotCalled(berth.ActionSnapshotDelete, "before"))
		r.succeed(c, snapshotCalled(berth.ActionSnapshotDelete, "clean"))
		if got := r.snapshotNames(c); !slices.Equal(slices.DeleteFunc(got, func(n string) bool { return n == "broken" }), before) {
			t.Errorf("afterwards the snapshots are %q, before %q", got, before)
		}
	})
}

func TestBackupsAreMadeRestoredAndDeleted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: brief}, hurried)
		c := r.one(berth.LiveRunning)
		had := len(r.backups(c))
		backup := berth.ActionRequest{Action: berth.ActionBackup, Backup: berth.BackupOrder{Storage: "local", Mode: "snapshot", Compress: "zstd", Notes: "first\nsecond"}}
		r.succeed(c, backup)
		all := r.backups(c)
		if len(all) != had+1 {
			t.Fatalf("there are %d backups, want %d", len(all), had+1)
		}
		newest := slices.MaxFunc(all, func(a, b pve.Volume) int { return a.Time.Compare(b.Time) })
		restore := berth.ActionRequest{Action: berth.ActionRestore, StopFirst: true, Start: true, Backup: berth.BackupOrder{Volume: newest.ID}}
		id := r.container(c.VMID).ID
		r.succeed(c, restore)
		r.wait("it runs again", func(s *Snapshot) bool { return r.container(c.VMID).Live == berth.LiveRunning })
		if got := r.container(c.VMID).ID; got != id {
			t.Errorf("the restored container is %q, want the same as before: %q", got, id)
		}
		other := restore
		other.Backup.Volume = "local:backup/vzdump-lxc-99999-2026_01_01-00_00_00.tar.zst"
		r.wantEnd(r.askSettled(c, other), berth.JobFailed, "has no backup")
		r.succeed(c, berth.ActionRequest{Action: berth.ActionBackupDelete, Backup: berth.BackupOrder{Volume: newest.ID}})
		if got := len(r.backups(c)); got != had {
			t.Errorf("there are %d backups, want %d", got, had)
		}
		r.sim.Fail(pvesim.Fault{Task: "vzdump", Times: 1, Reason: "job errors"})
		r.wantEnd(r.askSettled(c, backup), berth.JobFailed, "job errors")
	})
}

func TestABackupBecomesANewContainer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: brief}, hurried)
		c := r.stoppedOne()
		r.succeed(c, berth.ActionRequest{Action: berth.ActionBackup, Backup: berth.BackupOrder{Storage: "local", Mode: "stop", Compress: "zstd"}})
		newest := slices.MaxFunc(r.backups(c), func(a, b pve.Volume) int { return a.Time.Compare(b.Time) })
		job := r.create(berth.CreateSpec{Cluster: "home", Node: c.Node, Backup: newest.ID, DiskStorage: "local-lvm"})
		r.wantEnd(job, berth.JobSucceeded, "is there and stopped.")
		at, _ := placeOf(job.Subject)
		r.wait("it is ready under its own name", func(s *Snapshot) bool {
			made, found := s.Find("home", at.vmid)
			return found && made.Lifecycle == berth.LifecycleReady && made.Hostname == c.Hostname && made.Status == berth.StatusStopped
		})
	})
}

func TestContainersAreClonedAndMoved(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: brief}, hurried)
		c := r.stoppedOne()
		job := r.succeed(c, berth.ActionRequest{Action: berth.ActionClone, Copy: berth.CopyOrder{Hostname: "twin", Full: true}})
		if !strings.Contains(job.Message, "is cloned: ") {
			t.Errorf("the job says %q", job.Message)
		}
		r.wait("the clone is there", func(s *Snapshot) bool {
			return slices.ContainsFunc(s.Clusters[0].Containers, func(c *berth.Container) bool { return c.Hostname == "twin" })
		})
		to := "pve2"
		if c.Node == to {
			to = "pve1"
		}
		r.succeed(c, berth.ActionRequest{Action: berth.ActionMigrate, Copy: berth.CopyOrder{Node: to}})
		r.wait("it is elsewhere", func(s *Snapshot) bool { return r.container(c.VMID).Node == to })
		r.sim.Fail(pvesim.Fault{Task: "vzmigrate", Times: 1, Reason: "migration aborted"})
		r.wantEnd(r.askSettled(r.container(c.VMID), berth.ActionRequest{Action: berth.ActionMigrate, Copy: berth.CopyOrder{Node: c.Node}}), berth.JobFailed, "migration aborted")
	})
}

func TestDisksGrowAndMoveAndAContainerBecomesATemplate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: brief}, hurried)
		c := r.stoppedOne()
		r.succeed(c, berth.ActionRequest{Action: berth.ActionResize, Disk: berth.DiskOrder{Name: "rootfs", GiB: 64}})
		rootFS := func() pve.Mount {
			config, err := simClient(t, r.sim).ContainerConfig(t.Context(), c.Node, c.VMID, pve.ConfigQuery{})
			if err != nil {
				t.Fatal(err)
			}
			return config.RootFS
		}
		if got := rootFS().SizeBytes(); got != 64*gib {
			t.Errorf("the disk has %d bytes, want 64 GiB", got)
		}
		r.eventually("the new size is known", func() bool {
			_, err := r.Do(t.Context(), anna, c.Key(), berth.ActionRequest{Action: berth.ActionResize, Disk: berth.DiskOrder{Name: "rootfs", GiB: 64}})
			return strings.Contains(fieldsIn(err)["gib"], "64 GiB already")
		})
		to := "local-zfs"
		if choices, err := r.CreateChoices(t.Context(), anna, "home", c.Node); err == nil {
			for _, s := range choices.Storages {
				if s.Name != rootFS().Storage() {
					to = s.Name
				}
			}
		}
		r.succeed(c, berth.ActionRequest{Action: berth.ActionMoveVolume, Disk: berth.DiskOrder{Name: "rootfs", Storage: to}})
		if got := rootFS().Storage(); got != to {
			t.Errorf("the disk is on %s, want %s", got, to)
		}
		r.succeed(c, berth.ActionRequest{Action: berth.ActionTemplate})
		r.wait("it is a template", func(s *Snapshot) bool { return r.container(c.VMID).PVETemplate })
	})
}

// What fails says so in the words of Proxmox, leaves everything as it was, holds nothing, and can be tried again.
func TestRollbacksAndMovesOfDisksThatFail(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: brief}, hurried)
		world := &deedWorld{sim: r.sim, client: simClient(t, r.sim), c: r.stoppedOne()}
		r.succeed(world.c, snapshotCalled(berth.ActionSnapshot, "clean"))
		world.setMemory(t, memoryNow)
		back := snapshotCalled(berth.ActionRollback, "clean")
		back.Snapshot.First, back.Start = "first", true
		move := berth.ActionRequest{Action: berth.ActionMoveVolume, Disk: berth.DiskOrder{Name: "rootfs", Storage: world.otherStorage(t)}}
		keeping := move // a disk with snapshots cannot be taken away
		keeping.Disk.KeepSource = true
		was, nothingFails := world.config(t), pvesim.Fault{}
		for _, test := range []struct {
			what    string
			fault   pvesim.Fault
			request berth.ActionRequest
			message string
		}{
			{"the first snapshot fails", pvesim.Fault{Task: "vzsnapshot", Reason: "thin pool is full"}, back, "thin pool is full"},
			{"the rollback fails", pvesim.Fault{Task: "vzrollback", Reason: "cannot rollback, it is not the most recent"}, snapshotCalled(berth.ActionRollback, "clean"), "not the most recent"},
			{"the rollback is refused", pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc/*/snapshot/*/rollback", Status: 500, Reason: "out of luck"}, snapshotCalled(berth.ActionRollback, "clean"), "out of luck"},
			{"there is no such snapshot", nothingFails, snapshotCalled(berth.ActionRollback, "nowhere"), "nowhere"},
			{"the copy of the disk fails", pvesim.Fault{Task: "move_volume", Reason: "No space left on device"}, keeping, "No space left"},
			{"the move of the disk is refused", pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc/*/move_volume", Status: 500, Reason: "storage is not online"}, keeping, "not online"},
			{"there is no such disk", nothingFails, berth.ActionRequest{Action: berth.ActionMoveVolume, Disk: berth.DiskOrder{Name: "mp7", Storage: move.Disk.Storage}}, "mp7"},
		} {
			if test.fault != nothingFails {
				r.sim.Fail(test.fault)
			}
			got := r.end(r.askSettled(world.c, test.request))
			r.sim.ClearFaults()
			if got.State != berth.JobFailed || !strings.Contains(got.Message, test.message) {
				t.Errorf("%s: the job is %s with %q, want failed with %q", test.what, got.State, got.Message, test.message)
			}
			now := world.config(t)
			if now.MemoryMiB != was.MemoryMiB || now.RootFS.Volume != was.RootFS.Volume || now.Lock != "" {
				t.Errorf("%s: the configuration is another one: %+v", test.what, now)
			}
		}
		r.wantNothingHeld()
		r.succeed(world.c, snapshotCalled(berth.ActionRollback, "clean"))
		r.succeed(world.c, snapshotCalled(berth.ActionSnapshotDelete, "clean"))
		r.succeed(world.c, move)
	})
}

func TestAnOrderWhoseAnswerIsLostIsNotGivenTwice(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		path    string
		request berth.ActionRequest
	}{
		{"/snapshot", snapshotCalled(berth.ActionSnapshot, "once")},
		{"/clone", berth.ActionRequest{Action: berth.ActionClone, Copy: berth.CopyOrder{Full: true}}},
		{"/template", berth.ActionRequest{Action: berth.ActionTemplate}},
		{"/vzdump", berth.ActionRequest{Action: berth.ActionBackup, Backup: berth.BackupOrder{Storage: "local", Mode: "stop", Compress: "0"}}},
	} {
		t.Run(string(test.request.Action), func(t *testing.T) {
			t.Parallel()
			surviveLostOrder(t, test.path, test.request)
		})
	}
}

// surviveLostOrder kills a Berth between the order and its answer, and counts what arrives in all.
func surviveLostOrder(t *testing.T, path string, request berth.ActionRequest) {
	sim, err := pvesim.New(pvesim.Options{Now: clocktest.Now, Cluster: "home", TaskTime: brief})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	o := storetest.Options(t, storetest.SQLite)
	s := storetest.OpenWith(t, o)
	c := plainContainer(t, sim)
	k := killProxy(t, s, sim, moment{method: "POST", part: path + "?"}, vmidText(c))
	killOtherBerth(t, o, request, c.Key(), k)
	r := resume(t, s, hurried)
	r.sim = sim
	active, err := s.JobsOfSubject(t.Context(), c.Key(), 10)
	if err != nil || len(active) != 1 {
		t.Fatalf("after the crash there are jobs %+v (%v), want one", active, err)
	}
	r.wantEnd(active[0], berth.JobSucceeded, "")
	n := 0
	for _, q := range sim.Requests() {
		if q.Method == "POST" && strings.HasSuffix(q.Path, path) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d orders for one action", n)
	}
}

// plainContainer gives a stopped container that anything can be done to.
func plainContainer(t *testing.T, sim *pvesim.Sim) *berth.Container {
	t.Helper()
	return plainOne(t, sim, "stopped")
}

func plainOne(t *testing.T, sim *pvesim.Sim, status string) *berth.Container {
	t.Helper()
	resources, err := simClient(t, sim).Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range resources.Containers {
		if row.Status != status || row.HAState != "" || row.Lock != "" || row.Template {
			continue
		}
		if snapshots, _, err := simClient(t, sim).Snapshots(t.Context(), row.Node, row.VMID); err == nil && len(snapshots) == 0 {
			return &berth.Container{Cluster: "home", VMID: row.VMID, Node: row.Node, Hostname: row.Name}
		}
	}
	t.Fatal("no container is plain")
	return nil
}

func TestTwoClonesAtOnceEachGetAVMID(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{TaskTime: brief}, hurried)
	var all []berth.Job
	for _, c := range r.Snapshot().Clusters[0].Containers {
		if c.Live == berth.LiveStopped && c.HAState == "" && c.Lock == "" && !c.PVETemplate && len(all) < 3 {
			all = append(all, r.ask(c, berth.ActionRequest{Action: berth.ActionClone, Copy: berth.CopyOrder{Hostname: "twin", Full: true}}))
		}
	}
	for _, job := range all {
		r.wantEnd(job, berth.JobSucceeded, "is cloned: ")
	}
}

func TestACloneWithoutAVMIDFailsAtOnceInWords(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	r.sim.Fail(pvesim.Fault{Path: "/cluster/nextid", Status: 500, Reason: "cfs-lock error"})
	job := r.wantEnd(r.ask(r.stoppedOne(), berth.ActionRequest{Action: berth.ActionClone, Copy: berth.CopyOrder{Hostname: "twin", Full: true}}),
		berth.JobFailed, "Cluster home did not say which VMID is free.")
	if job.Attempts != 0 {
		t.Errorf("it was tried %d times again", job.Attempts)
	}
}

func TestANewContainerDoesNotInheritTheConfigurationsOfADeletedOne(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: brief}, hurried)
		c := r.stoppedOne()
		cluster, err := s.ClusterByName(t.Context(), "home")
		if err != nil {
			t.Fatal(err)
		}
		kept := func(wanted func(n int) bool) func() bool {
			return func() bool {
				all, err := s.Configs(t.Context(), cluster.ID, c.VMID)
				return err == nil && wanted(len(all))
			}
		}
		r.eventually("a configuration was seen", kept(func(n int) bool { return n > 0 }))
		r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionDelete}), berth.JobSucceeded, "is deleted.")
		if !kept(func(n int) bool { return n == 0 })() {
			t.Error("the configurations of the deleted container are still there for the next one")
		}
	})
}

func TestPartsOfABulkActionTellWhoCancelledIt(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{TaskTime: time.Hour}, hurried)
	c := r.stoppedOne()
	job, err := r.Bulk(t.Context(), anna, []string{c.Key()}, berth.ActionRequest{Action: berth.ActionStart}, 4)
	if err != nil {
		t.Fatal(err)
	}
	var parts []berth.Job
	r.waitJob(job, "its part has a task", func(berth.Job) bool {
		if parts, err = s.ChildJobs(t.Context(), job.ID); err != nil {
			t.Fatal(err)
		}
		return len(parts) == 1 && parts[0].Ref != ""
	})
	if err := r.Cancel(t.Context(), berth.Actor{Name: "carl", Access: berth.Everywhere(berth.RoleOperator)}, job.ID); err != nil {
		t.Fatal(err)
	}
	r.wantEnd(job, berth.JobCancelled, "Cancelled by carl.")
	r.wantEnd(parts[0], berth.JobCancelled, "Cancelled by carl.")
}
