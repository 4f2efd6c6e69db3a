package fleet

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

func TestWhatGoesWithAContainer(t *testing.T) {
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
	for key, value := range map[string]string{"rootfs": "local-lvm:vm-" + vmidText(c) + "-disk-0,size=8G",
		"mp0": "nas:" + vmidText(c) + "/vm-" + vmidText(c) + "-disk-1.raw,mp=/srv/data,size=512M", "mp3": "/mnt/photos,mp=/photos", "unused0": "nas:7/vm-7-disk-0.raw"} {
		if err := r.sim.SetConfig(c.VMID, key, value); err != nil {
			t.Fatal(err)
		}
	}
	before, err := r.GoesWith(t.Context(), anna, c.Key())
	if err != nil {
		t.Fatal(err)
	}
	done(client.Backup(t.Context(), c.Node, pve.BackupRequest{VMIDs: []int{c.VMID}, Storage: "nas", Mode: "stop"}))
	got, err := r.GoesWith(t.Context(), anna, c.Key())
	if err != nil {
		t.Fatal(err)
	}
	number := vmidText(c)
	want := []Disk{{Name: "rootfs", Path: "/", Storage: "local-lvm", Volume: "local-lvm:vm-" + number + "-disk-0", SizeBytes: 8 << 30},
		{Name: "mp0", Path: "/srv/data", Storage: "nas", Volume: "nas:" + number + "/vm-" + number + "-disk-1.raw", SizeBytes: 512 << 20},
		{Name: "mp3", Path: "/photos", Volume: "/mnt/photos", Stays: true},
		{Name: "unused0", Storage: "nas", Volume: "nas:7/vm-7-disk-0.raw", Stays: true}}
	if diff := cmp.Diff(want, got.Disks); diff != "" {
		t.Errorf("disks -want +got:\n%s", diff)
	}
	if len(got.Unknown) != 0 || len(got.Backups) != 2 || got.Backups[1].Storage != "nas" || got.Backups[1].Count != before.Backups[1].Count+1 ||
		clocktest.Since(got.Backups[1].Latest) > time.Hour || got.Backups[1].SizeBytes <= before.Backups[1].SizeBytes {
		t.Errorf("before the backup %+v, after it %+v", before, got)
	}
	if _, err := r.GoesWith(t.Context(), anna, "home/9"); berth.CodeOf(err) != berth.NotFound {
		t.Errorf("got %v, want not found", err)
	}
}

func TestWhatGoesWithAContainerSaysWhatTheTokenMayNotSee(t *testing.T) {
	t.Parallel()
	storage := func(name, more string) string {
		return `{"storage":"` + name + `","type":"dir","content":"backup","active":1,"enabled":1,"shared":0` + more + `}`
	}
	answers := map[string]func(int) string{
		"/cluster/resources":               always(rows(nodeRow("pve1", 10), guestRow(101, "pve1", ""))),
		"/nodes/pve1/lxc/101/config":       always(`{"digest":"a","rootfs":"local:101/vm-101-disk-0.raw,size=4G"}`),
		"/nodes/pve1/lxc/101/snapshot":     always(rows(`{"name":"a","snaptime":1},{"name":"b","snaptime":2,"parent":"a"},{"name":"current","parent":"b","running":0}`)),
		"/nodes/pve1/storage":              always(rows(storage("hidden", ""), storage("seen", ""), storage("sick", ""), storage("slow", `,"active":0`))),
		"/nodes/pve1/storage/seen/content": always(rows(`{"volid":"seen:backup/x","content":"backup","vmid":101,"ctime":1790000000,"size":7}`)),
		"/access/permissions":              always(`{"/vms/101":{"VM.Audit":1,"VM.Backup":1},"/storage/seen":{"Datastore.AllocateSpace":1},"/storage/sick":{"Datastore.AllocateSpace":1},"/storage/slow":{"Datastore.AllocateSpace":1}}`),
	}
	s := storetest.Open(t, storetest.SQLite)
	serveFixture(t, s, answers)
	r := resume(t, s, hurried)
	r.wait("it is there", func(s *Snapshot) bool { return s.Counts.Running == 1 })
	got, err := r.GoesWith(t.Context(), anna, "home/101")
	if err != nil {
		t.Fatal(err)
	}
	want := DeleteEffects{Snapshots: 2, Disks: []Disk{{Name: "rootfs", Path: "/", Storage: "local", Volume: "local:101/vm-101-disk-0.raw", SizeBytes: 4 << 30}},
		Backups: []BackupsKept{{Storage: "seen", Count: 1, SizeBytes: 7, Latest: time.Unix(1790000000, 0)}},
		Unknown: []string{"The backups on hidden are not known: Berth's API token lacks Datastore.AllocateSpace on /storage/hidden.",
			"The backups on sick are not known: Internal Server Error.",
			"The backups on slow are not known: the storage cannot be used now.",
			"There may be backups on storages that Berth's API token may not see."}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
