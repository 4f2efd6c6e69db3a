package fleet

import (
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// lastBackup is what is known of the newest backup of a container.
func (r *actionRig) lastBackup(c *berth.Container) LastBackup {
	r.t.Helper()
	d, err := r.Detail(r.t.Context(), anna, c.Key())
	if err != nil {
		r.t.Fatal(err)
	}
	return d.LastBackup
}

// The newest backup is known without asking for it, whoever made it and on whichever storage; that there is none only if
// all of them were read.
func TestTheLastBackupIsKnown(t *testing.T) {
	t.Parallel()
	r := act(t, storetest.Open(t, storetest.SQLite), pvesim.Options{TaskTime: brief}, hurried)
	c := r.stoppedOne()
	client := outsideClient(t, r.sim)
	for _, storage := range []string{"local", "nas"} {
		old, err := client.StorageContent(t.Context(), c.Node, storage, pve.ContentQuery{Content: "backup", VMID: c.VMID})
		if err != nil {
			t.Fatal(err)
		}
		for i := range old {
			if _, err := client.DeleteVolume(t.Context(), c.Node, storage, old[i].ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.eventually("none is known", func() bool { return r.lastBackup(c) == LastBackup{} })
	upid, err := client.Backup(t.Context(), c.Node, pve.BackupRequest{VMIDs: []int{c.VMID}, Storage: "nas", Mode: "stop"})
	if err == nil {
		_, err = client.Wait(t.Context(), upid)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("the one that somebody else made is known", func() bool { return clocktest.Since(r.lastBackup(c).At) < time.Minute })
	all, err := client.StorageContent(t.Context(), c.Node, "nas", pve.ContentQuery{Content: "backup", VMID: c.VMID})
	if err != nil || len(all) != 1 {
		t.Fatalf("backups are %v (%v)", all, err)
	}
	r.succeed(c, berth.ActionRequest{Action: berth.ActionBackupDelete, Backup: berth.BackupOrder{Volume: all[0].ID}})
	r.eventually("after its deletion there is none", func() bool { return r.lastBackup(c) == LastBackup{} })
	r.succeed(c, berth.ActionRequest{Action: berth.ActionBackup, Backup: berth.BackupOrder{Storage: "local", Mode: "stop", Compress: "0"}})
	r.eventually("a new one is known", func() bool {
		got := r.lastBackup(c)
		return clocktest.Since(got.At) < time.Minute && got.Unseen == ""
	})
	r.sim.Stop()
	r.eventually("nothing is certain while the cluster does not answer", func() bool { return r.lastBackup(c).Unseen != "" })
}

// What may not or cannot be seen is never taken for nothing.
func TestUnseenBackupsAreNotTakenForNone(t *testing.T) {
	t.Parallel()
	storage := func(name, status string) string {
		return `{"type":"storage","id":"storage/pve1/` + name + `","storage":"` + name + `","node":"pve1","status":"` + status + `","plugintype":"dir","content":"backup","shared":0}`
	}
	const all = `{"/vms":{"VM.Audit":1,"VM.Backup":1},"/storage":{"Datastore.Audit":1,"Datastore.AllocateSpace":1}}`
	for _, test := range []struct {
		what, rights, storages, says string
		answers                      bool
	}{
		{"all is seen", all, storage("disk", "available"), "", true},
		{"the token may not see backups", `{"/vms":{"VM.Audit":1},"/storage":{"Datastore.AllocateSpace":1}}`, storage("disk", "available"), "lacks VM.Backup", true},
		{"the token may not see a storage", `{"/vms":{"VM.Backup":1},"/storage":{"Datastore.Audit":1}}`, storage("disk", "available"), "lacks Datastore.AllocateSpace", true},
		{"the token may not see which storages there are", `{"/vms":{"VM.Backup":1},"/storage/disk":{"Datastore.AllocateSpace":1}}`, storage("disk", "available"), "may be backups on storages", true},
		{"a storage cannot be used", all, storage("disk", "unknown"), "cannot be used now", true},
		{"a storage cannot be read", all, storage("disk", "available"), "Internal Server Error", false},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			answers := map[string]func(int) string{
				"/cluster/resources":  func(int) string { return rows(nodeRow("pve1", 10), guestRow(101, "pve1", ""), test.storages) },
				"/access/permissions": func(int) string { return test.rights },
				"/version":            func(int) string { return `{"version":"9.2","release":"9.2","repoid":"x"}` },
			}
			if test.answers {
				answers["/nodes/pve1/storage/disk/content"] = always("[]")
			}
			s := storetest.Open(t, storetest.SQLite)
			serveFixture(t, s, answers)
			r := resume(t, s, hurried)
			var got LastBackup
			r.eventually("it is known or said why not", func() bool {
				d, err := r.Detail(t.Context(), anna, "home/101")
				got = d.LastBackup
				return err == nil && !got.Soon && d.Container.Unknown == ""
			})
			if !got.At.IsZero() || !strings.Contains(got.Unseen, test.says) || (test.says == "") != (got.Unseen == "") {
				t.Errorf("got %+v, want that nothing is seen because %q", got, test.says)
			}
		})
	}
}

func TestBackupsThatAreBeingMadeAreTold(t *testing.T) {
	t.Parallel()
	r := act(t, storetest.Open(t, storetest.SQLite), pvesim.Options{TaskTime: 5 * time.Second}, DefaultPatience())
	c := r.stoppedOne()
	if got, err := r.RunningBackups(t.Context(), anna, c.Key()); err != nil || len(got) != 0 {
		t.Fatalf("at first %+v is being made (%v)", got, err)
	}
	if _, err := outsideClient(t, r.sim).Backup(t.Context(), c.Node, pve.BackupRequest{VMIDs: []int{c.VMID}, Storage: "nas", Mode: "stop"}); err != nil {
		t.Fatal(err)
	}
	r.eventually("that of somebody else is told, with a line of its log", func() bool {
		got, err := r.RunningBackups(t.Context(), anna, c.Key())
		return err == nil && len(got) == 1 && got[0].JobID == "" && got[0].By != "" && strings.Contains(got[0].Line, "INFO")
	})
}
