package fleet

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// choices asks what there is to choose from, and fails the test if that is not known.
func (r *actionRig) choices(by berth.Actor, c *berth.Container, request berth.ActionRequest) berth.OrderChoices {
	r.t.Helper()
	got, err := r.OrderChoices(r.t.Context(), by, c.Key(), request)
	if err != nil || len(got.Unknown) > 0 {
		r.t.Fatalf("choices for %s: %v, not known: %q", request.Action, err, got.Unknown)
	}
	return got
}

func (r *actionRig) configure(c *berth.Container, key, value string) {
	r.t.Helper()
	if err := r.sim.SetConfig(c.VMID, key, value); err != nil {
		r.t.Fatal(err)
	}
}

// placesText says nodes as "pve2 keep local-lvm,nas" or "pve3: why not".
func placesText(nodes []berth.NodeChoice) []string {
	var texts []string
	for _, n := range nodes {
		if n.Refusal != "" {
			texts = append(texts, n.Name+": "+n.Refusal)
			continue
		}
		var storages []string
		for _, s := range n.Storages {
			storages = append(storages, s.Name)
		}
		text := n.Name + " " + strings.Join(storages, ",")
		if n.Keep {
			text += " or as it is"
		}
		texts = append(texts, text)
	}
	return texts
}

func TestWhereAContainerCanMoveOrBeCloned(t *testing.T) {
	t.Parallel()
	r := act(t, storetest.Open(t, storetest.SQLite), pvesim.Options{TaskTime: brief}, hurried)
	c := r.Snapshot().Clusters[0].Containers[slices.IndexFunc(r.Snapshot().Clusters[0].Containers, func(c *berth.Container) bool { return c.Node == "pve1" && c.Live == berth.LiveStopped })]
	disk := "vm-" + vmidText(c) + "-disk-0,size=8G"
	for _, test := range []struct {
		what   string
		action berth.Action
		rootFS string
		bind   string
		want   []string
	}{
		{"a local disk is copied to the storage of the same name", berth.ActionMigrate, "local-lvm:" + disk, "",
			[]string{"pve1: " + c.Hostname + " is there.", "pve2 local-lvm,nas,tank or as it is", "pve3 local-lvm,nas or as it is"}},
		{"a storage that is not there takes another one", berth.ActionMigrate, "tank:sub" + disk, "",
			[]string{"pve1: " + c.Hostname + " is there.", "pve2 local-lvm,nas,tank or as it is", "pve3 local-lvm,nas"}},
		{"a directory of the node cannot move", berth.ActionMigrate, "local-lvm:" + disk, "/srv/data,mp=/data",
			[]string{"pve1: " + c.Hostname + " is there.", "pve2: mp0 is a directory or device of pve1, which cannot be moved.", "pve3: mp0 is a directory or device of pve1, which cannot be moved."}},
		{"one that is said to be shared can", berth.ActionMigrate, "local-lvm:" + disk, "/srv/data,mp=/data,shared=1",
			[]string{"pve1: " + c.Hostname + " is there.", "pve2 local-lvm,nas,tank or as it is", "pve3 local-lvm,nas or as it is"}},
		{"a clone of local disks elsewhere takes a shared storage", berth.ActionClone, "local-lvm:" + disk, "",
			[]string{"pve1 local-lvm,nas,tank or as it is", "pve2 nas", "pve3 nas"}},
		{"a clone of shared disks can be everywhere", berth.ActionClone, "nas:" + vmidText(c) + "/vm-" + vmidText(c) + "-disk-0.raw,size=8G", "",
			[]string{"pve1 local-lvm,nas,tank or as it is", "pve2 nas or as it is", "pve3 nas or as it is"}},
	} {
		r.configure(c, "rootfs", test.rootFS)
		r.configure(c, "mp0", test.bind)
		got := r.choices(anna, c, berth.ActionRequest{Action: test.action})
		if diff := cmp.Diff(test.want, placesText(got.Nodes)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", test.what, diff)
		}
		if test.action == berth.ActionClone && got.VMID == 0 {
			t.Errorf("%s: no VMID is suggested", test.what)
		}
	}
	access, err := berth.NewAccess(berth.Grant{Role: berth.RoleOperator, Scope: "node:pve1,pve3"})
	if err != nil {
		t.Fatal(err)
	}
	limited := berth.Actor{Name: "olga", Access: access}
	r.sim.SetNodeOnline("pve3", false)
	r.wait("pve3 is offline", func(s *Snapshot) bool {
		return slices.ContainsFunc(s.Clusters[0].Nodes, func(n berth.Node) bool { return n.Name == "pve3" && !n.Online })
	})
	r.configure(c, "mp0", "")
	got := r.choices(limited, c, berth.ActionRequest{Action: berth.ActionMigrate})
	want := []string{"pve1: " + c.Hostname + " is there.", "pve3: pve3 is offline."}
	if diff := cmp.Diff(want, placesText(got.Nodes)); diff != "" {
		t.Errorf("for somebody who may have containers on two nodes: -want +got:\n%s", diff)
	}
}

func TestOrdersThatCannotFitAreRefusedPerField(t *testing.T) {
	t.Parallel()
	r := act(t, storetest.Open(t, storetest.SQLite), pvesim.Options{TaskTime: brief}, hurried)
	c := r.stoppedOne()
	r.eventually("its configuration was seen", func() bool {
		all, err := r.ConfigHistory(t.Context(), anna, c.Key())
		return err == nil && len(all) > 0
	})
	for _, test := range []struct {
		request     berth.ActionRequest
		field, says string
	}{
		{berth.ActionRequest{Action: berth.ActionClone, Copy: berth.CopyOrder{VMID: c.VMID}}, "vmid", "is taken by " + c.Hostname},
		{berth.ActionRequest{Action: berth.ActionClone, Copy: berth.CopyOrder{Node: "pve9"}}, "node", "no node"},
		{berth.ActionRequest{Action: berth.ActionClone, Copy: berth.CopyOrder{Storage: "local"}}, "storage", "holds no disks"},
		{berth.ActionRequest{Action: berth.ActionMigrate, Copy: berth.CopyOrder{Node: "pve3", Storage: "tank"}}, "storage", "pve3 has no storage tank"},
		{berth.ActionRequest{Action: berth.ActionBackup, Backup: berth.BackupOrder{Storage: "local-lvm", Mode: "stop", Compress: "0"}}, "storage", "holds no backups"},
		{berth.ActionRequest{Action: berth.ActionResize, Disk: berth.DiskOrder{Name: "rootfs", GiB: 1}}, "gib", "can only grow"},
		{berth.ActionRequest{Action: berth.ActionMoveVolume, Disk: berth.DiskOrder{Name: "rootfs", Storage: "local-lvm"}}, "storage", "is on local-lvm already"},
	} {
		_, err := r.Do(t.Context(), anna, c.Key(), test.request)
		if berth.CodeOf(err) != berth.Invalid || !strings.Contains(fieldsIn(err)[test.field], test.says) {
			t.Errorf("%+v: %v, fields %q; want %q about %s", test.request, err, fieldsIn(err), test.says, test.field)
		}
	}
	r.wantNothingHeld()
}

func TestZFSGoesBackToTheNewestSnapshotOnly(t *testing.T) {
	t.Parallel()
	r := act(t, storetest.Open(t, storetest.SQLite), pvesim.Options{TaskTime: brief}, hurried)
	c := r.Snapshot().Clusters[0].Containers[slices.IndexFunc(r.Snapshot().Clusters[0].Containers, func(c *berth.Container) bool { return c.Node != "pve3" && c.Live == berth.LiveStopped })]
	r.configure(c, "rootfs", "tank:subvol-"+vmidText(c)+"-disk-0,size=8G")
	r.succeed(c, snapshotCalled(berth.ActionSnapshot, "older"))
	r.succeed(c, snapshotCalled(berth.ActionSnapshot, "newer"))
	for name, want := range map[string]string{"older": "ZFS only goes back to the newest snapshot: delete the newer ones (newer", "newer": "", "never": "no snapshot never"} {
		got := r.choices(anna, c, snapshotCalled(berth.ActionRollback, name))
		if !strings.Contains(got.Refusal, want) || (want == "") != (got.Refusal == "") || got.First {
			t.Errorf("back to %s: refusal %q, a snapshot before: %v; want %q and none", name, got.Refusal, got.First, want)
		}
	}
	back := snapshotCalled(berth.ActionRollback, "newer")
	back.Snapshot.First = "before"
	r.wantEnd(r.askSettled(c, back), berth.JobFailed, "would be in the way")
	if got := r.snapshotNames(c); slices.Contains(got, "before") {
		t.Errorf("snapshots are %q: one was taken although it makes the rollback impossible", got)
	}
	r.wantEnd(r.askSettled(c, snapshotCalled(berth.ActionRollback, "older")), berth.JobFailed, "delete the newer ones (newer")
	r.succeed(c, snapshotCalled(berth.ActionRollback, "newer"))
	template := r.choices(anna, c, berth.ActionRequest{Action: berth.ActionTemplate})
	if !strings.Contains(template.Refusal, "newer, older") {
		t.Errorf("a template: %q, want the snapshots that are in the way", template.Refusal)
	}
}

// Proxmox dates snapshots to the second.
func TestSnapshotsOfOneSecondAreInTheOrderOfTheirParents(t *testing.T) {
	t.Parallel()
	second := time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC)
	for _, test := range []struct {
		what string
		all  []pve.Snapshot
		want string
	}{
		{"one after the other", []pve.Snapshot{{Name: "m", Parent: "a", Time: second}, {Name: "z", Parent: "m", Time: second}, {Name: "a", Time: second}}, "z m a"},
		{"against their names", []pve.Snapshot{{Name: "a", Parent: "m", Time: second}, {Name: "m", Parent: "z", Time: second}, {Name: "z", Time: second}}, "a m z"},
		{"a later one without parent", []pve.Snapshot{{Name: "child", Parent: "x", Time: second}, {Name: "x", Time: second}, {Name: "late", Time: second.Add(time.Second)}}, "late child x"},
		{"a circle", []pve.Snapshot{{Name: "b", Parent: "a", Time: second}, {Name: "a", Parent: "b", Time: second}}, "a b"},
	} {
		var got []string
		for _, s := range newestFirst(test.all) {
			got = append(got, s.Name)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %s, want %s", test.what, got, test.want)
		}
	}
}
