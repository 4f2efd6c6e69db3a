package fleet

import (
	"fmt"
	"net/http"
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

// deed is an action with more than one step, or on more than the state of a container, and how to see that it was done.
type deed struct {
	name    string
	status  string // of the container before
	method  string // of the order
	part    string // of the end of its path
	prepare func(t *testing.T, world *deedWorld) berth.ActionRequest
	done    func(t *testing.T, world *deedWorld)
}

// deedWorld is a simulated cluster with the container that a deed is done to, seen by somebody else than Berth.
type deedWorld struct {
	sim    *pvesim.Sim
	client *pve.Client
	c      *berth.Container
}

// the memory of the container when the snapshot or the backup is made, and what it is changed to after
const memoryThen, memoryNow = 777, 888

func (w *deedWorld) await(t *testing.T, task pve.UPID, err error) {
	t.Helper()
	if err == nil {
		var status pve.TaskStatus
		if status, err = w.client.Wait(t.Context(), task); err == nil {
			err = status.Err()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *deedWorld) setMemory(t *testing.T, mib int) {
	t.Helper()
	if err := w.client.UpdateConfig(t.Context(), w.c.Node, w.c.VMID, pve.ConfigChange{Settings: pve.Settings{MemoryMiB: &mib}}); err != nil {
		t.Fatal(err)
	}
}

func (w *deedWorld) config(t *testing.T) pve.ContainerConfig {
	t.Helper()
	config, err := w.client.ContainerConfig(t.Context(), w.c.Node, w.c.VMID, pve.ConfigQuery{})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func (w *deedWorld) wantMemory(t *testing.T) {
	t.Helper()
	if got := w.config(t).MemoryMiB; got != memoryThen {
		t.Errorf("it has %d MiB, want those of before, %d", got, memoryThen)
	}
	status, err := w.client.ContainerStatus(t.Context(), w.c.Node, w.c.VMID)
	if err != nil || status.Status != "running" {
		t.Errorf("it is %s (%v), want running", status.Status, err)
	}
}

// node is where the container is.
func (w *deedWorld) node(t *testing.T) string {
	t.Helper()
	resources, err := w.client.Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range resources.Containers {
		if row.VMID == w.c.VMID {
			return row.Node
		}
	}
	return ""
}

// otherStorage is one that the disk of the container can be moved to.
func (w *deedWorld) otherStorage(t *testing.T) string {
	t.Helper()
	storages, err := w.client.Storages(t.Context(), w.c.Node, "")
	if err != nil {
		t.Fatal(err)
	}
	now := w.config(t).RootFS.Storage()
	for i := range storages {
		if storages[i].Active && slices.Contains(storages[i].Content, "rootdir") && storages[i].Storage != now {
			return storages[i].Storage
		}
	}
	t.Fatal("there is no other storage")
	return ""
}

const grownTo = 64 // GiB

func deeds() []deed {
	moved, stored := "", ""
	return []deed{
		{name: "rollback", status: "running", method: "POST", part: "/rollback",
			prepare: func(t *testing.T, w *deedWorld) berth.ActionRequest {
				w.setMemory(t, memoryThen)
				task, err := w.client.CreateSnapshot(t.Context(), w.c.Node, w.c.VMID, "clean", "")
				w.await(t, task, err)
				w.setMemory(t, memoryNow)
				request := snapshotCalled(berth.ActionRollback, "clean")
				request.Snapshot.First, request.Start = "first", true
				return request
			},
			done: func(t *testing.T, w *deedWorld) { w.wantMemory(t) }},
		{name: "restore", status: "running", method: "POST", part: "/lxc",
			prepare: func(t *testing.T, w *deedWorld) berth.ActionRequest {
				w.setMemory(t, memoryThen)
				task, err := w.client.Backup(t.Context(), w.c.Node, pve.BackupRequest{VMIDs: []int{w.c.VMID}, Storage: "local", Mode: "snapshot", Compress: "zstd", Remove: new(bool)})
				w.await(t, task, err)
				w.setMemory(t, memoryNow)
				all, err := w.client.StorageContent(t.Context(), w.c.Node, "local", pve.ContentQuery{Content: "backup", VMID: w.c.VMID})
				if err != nil || len(all) == 0 {
					t.Fatalf("backups: %v (%v)", all, err)
				}
				newest := slices.MaxFunc(all, func(a, b pve.Volume) int { return a.Time.Compare(b.Time) })
				return berth.ActionRequest{Action: berth.ActionRestore, StopFirst: true, Start: true, Backup: berth.BackupOrder{Volume: newest.ID}}
			},
			done: func(t *testing.T, w *deedWorld) { w.wantMemory(t) }},
		{name: "migrate", status: "stopped", method: "POST", part: "/migrate",
			prepare: func(t *testing.T, w *deedWorld) berth.ActionRequest {
				if moved = "pve2"; w.c.Node == moved {
					moved = "pve1"
				}
				return berth.ActionRequest{Action: berth.ActionMigrate, Copy: berth.CopyOrder{Node: moved}}
			},
			done: func(t *testing.T, w *deedWorld) {
				if got := w.node(t); got != moved {
					t.Errorf("it is on %s, want %s", got, moved)
				}
			}},
		{name: "resize", status: "stopped", method: "PUT", part: "/resize",
			prepare: func(*testing.T, *deedWorld) berth.ActionRequest {
				return berth.ActionRequest{Action: berth.ActionResize, Disk: berth.DiskOrder{Name: "rootfs", GiB: grownTo}}
			},
			done: func(t *testing.T, w *deedWorld) {
				if got := w.config(t).RootFS.SizeBytes(); got != grownTo*gib {
					t.Errorf("its disk has %d bytes, want %d GiB", got, grownTo)
				}
			}},
		{name: "move-volume", status: "stopped", method: "POST", part: "/move_volume",
			prepare: func(t *testing.T, w *deedWorld) berth.ActionRequest {
				stored = w.otherStorage(t)
				return berth.ActionRequest{Action: berth.ActionMoveVolume, Disk: berth.DiskOrder{Name: "rootfs", Storage: stored}}
			},
			done: func(t *testing.T, w *deedWorld) {
				if got := w.config(t).RootFS.Storage(); got != stored {
					t.Errorf("its disk is on %s, want %s", got, stored)
				}
			}},
	}
}

// momentsOf are the steps of a deed at which Berth is killed.
func momentsOf(d deed) []moment {
	at := func(name string, early, late bool) moment {
		return moment{name: name, method: d.method, part: d.part + "?", early: early, late: late}
	}
	lost := at("before it learns of the order's task", false, false)
	moments := []moment{lost, at("just before the order gets there", true, false), at("while its order waits in the queue of Proxmox", false, true), waiting}
	other := func(name, part string) moment { return moment{name: name, method: "POST", part: "/lxc/VMID" + part} }
	switch d.name {
	case "rollback":
		return append(moments, other("before it learns of the snapshot's task", "/snapshot?"), other("before it learns of the start's task", "/status/start?"))
	case "restore":
		return append(moments, other("before it learns of the stop's task", "/status/stop?"), other("before it learns of the start's task", "/status/start?"))
	case "migrate":
		return append(moments, looking, before, agreeing)
	}
	return moments
}

func TestDeedsSurviveKill9(t *testing.T) {
	t.Parallel()
	for i, d := range deeds() {
		for _, m := range momentsOf(d) {
			t.Run(d.name+" "+m.name, func(t *testing.T) {
				t.Parallel()
				surviveKilledDeed(t, storetest.Options(t, storetest.SQLite), deeds()[i], m)
			})
		}
	}
	t.Run(fmt.Sprintf("on %s", storetest.Postgres), func(t *testing.T) {
		t.Parallel()
		restore := deeds()[1]
		surviveKilledDeed(t, storetest.Options(t, storetest.Postgres), restore, momentsOf(restore)[0])
	})
}

func surviveKilledDeed(t *testing.T, o store.Options, d deed, m moment) {
	sim, err := pvesim.New(pvesim.Options{Now: clocktest.Now, Cluster: "home", TaskTime: brief})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s := storetest.OpenWith(t, o)
	world := &deedWorld{sim: sim, client: simClient(t, sim), c: plainOne(t, sim, d.status)}
	request := d.prepare(t, world)
	sim.ResetCalls()
	k := killProxy(t, s, sim, m, vmidText(world.c))
	killOtherBerth(t, o, request, world.c.Key(), k)

	waits := hurried
	if m.late { // a busy machine hands the order over later than that
		waits.Appear = 10 * time.Second
	}
	r := resume(t, s, waits)
	r.sim = sim
	active, err := s.JobsOfSubject(t.Context(), world.c.Key(), 10)
	if err != nil || len(active) != 1 {
		t.Fatalf("after the crash there are jobs %+v (%v), want one", active, err)
	}
	r.wantEnd(active[0], berth.JobSucceeded, "")
	d.done(t, world)
	r.wantNothingHeld()
	orders := map[string]int{}
	for _, q := range sim.Requests() {
		if q.Method != http.MethodGet && q.Status == http.StatusOK {
			orders[q.Path[strings.LastIndex(q.Path, "/"):]]++
		}
	}
	for what, n := range orders {
		if n != 1 {
			t.Errorf("%d orders to %s", n, what)
		}
	}
	if orders[d.part] != 1 {
		t.Errorf("orders are %v, want one to %s", orders, d.part)
	}
}
