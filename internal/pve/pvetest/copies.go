package pvetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"berth/internal/pve"
)

func (e *exercise) snapshots(ctx context.Context, t *testing.T) {
	can, err := e.client.HasFeature(ctx, e.Node, e.vmid, "snapshot")
	must(t, "feature", err)
	task, err := e.client.CreateSnapshot(ctx, e.Node, e.vmid, "before", "first\nline")
	if !can {
		problem := e.failsAs(ctx, t, "snapshot without the feature", pve.KindUnsupported, task, err)
		t.Skipf("snapshots: the server says: %s", problem.Message)
	}
	e.finish(ctx, t, "snapshot", task, err)
	must(t, "describe", e.client.DescribeSnapshot(ctx, e.Node, e.vmid, "before", "changed"))
	snapshots, parent, err := e.client.Snapshots(ctx, e.Node, e.vmid)
	must(t, "snapshots", err)
	if len(snapshots) != 1 || snapshots[0].Name != "before" || strings.TrimSpace(snapshots[0].Description) != "changed" || snapshots[0].Time.IsZero() || parent != "before" {
		t.Errorf("got snapshots %+v below %q, want the one", snapshots, parent)
	}
	c, err := e.client.ContainerConfig(ctx, e.Node, e.vmid, pve.ConfigQuery{Snapshot: "before"})
	if must(t, "config of the snapshot", err); c.Hostname != e.name || c.SnapTime.IsZero() {
		t.Errorf("got config %+v, want that of the snapshot", c)
	}

	task, err = e.client.CreateSnapshot(ctx, e.Node, e.vmid, "before", "")
	e.failsAs(ctx, t, "snapshot with a taken name", pve.KindExists, task, err)
	task, err = e.client.Rollback(ctx, e.Node, e.vmid, "nope", false)
	e.failsAs(ctx, t, "rollback to nothing", pve.KindNotFound, task, err)
	task, err = e.client.Rollback(ctx, e.Node, e.vmid, "before", false)
	e.finish(ctx, t, "rollback", task, err)
	task, err = e.client.DeleteSnapshot(ctx, e.Node, e.vmid, "before", false)
	e.finish(ctx, t, "delete snapshot", task, err)
}

func (e *exercise) backUpAndRestore(ctx context.Context, t *testing.T) {
	if e.backup.Storage == "" {
		t.Skip("the node has no active storage for backups")
	}
	task, err := e.client.Backup(ctx, e.Node, pve.BackupRequest{VMIDs: []int{e.vmid}, Storage: e.backup.Storage, Mode: "stop", Compress: "gzip",
		NotesTemplate: "{{guestname}} by a test", Remove: new(false)})
	cannot(t, "backup", err)
	e.finish(ctx, t, "backup", task, nil)
	volume := e.newestBackup(ctx, t)
	t.Cleanup(func() { e.forgetBackup(t, volume.ID) })
	if volume.SizeBytes <= 0 || volume.Time.IsZero() || !strings.Contains(volume.Notes, e.name+" by a test") {
		t.Errorf("got backup %+v, want size, time and notes", volume)
	}
	config, err := e.client.BackupConfig(ctx, e.Node, volume.ID)
	if must(t, "config of the backup", err); !strings.Contains(config, "hostname: "+e.name) {
		t.Errorf("got config %q, want the host name in it", config)
	}
	e.protectBackup(ctx, t, volume.ID)
	e.restore(ctx, t, volume.ID)
	task, err = e.client.DeleteVolume(ctx, e.Node, e.backup.Storage, volume.ID)
	e.finish(ctx, t, "delete backup", task, err)
}

func (e *exercise) newestBackup(ctx context.Context, t *testing.T) pve.Volume {
	t.Helper()
	volumes, err := e.client.StorageContent(ctx, e.Node, e.backup.Storage, pve.ContentQuery{Content: "backup", VMID: e.vmid})
	must(t, "backups", err)
	if len(volumes) == 0 {
		t.Fatal("got no backups, want the one")
	}
	return slices.MaxFunc(volumes, func(a, b pve.Volume) int { return a.Time.Compare(b.Time) })
}

func (e *exercise) protectBackup(ctx context.Context, t *testing.T, volume string) {
	t.Helper()
	set := func(change pve.VolumeChange) {
		must(t, "change the backup", e.client.UpdateVolume(ctx, e.Node, e.backup.Storage, volume, change))
	}
	set(pve.VolumeChange{Notes: new("new notes\nin two lines"), Protected: new(true)})
	v, err := e.client.Volume(ctx, e.Node, e.backup.Storage, volume)
	if must(t, "backup", err); !v.Protected || !strings.Contains(v.Notes, "two lines") {
		t.Errorf("got backup %+v, want it protected and with notes", v)
	}
	task, err := e.client.DeleteVolume(ctx, e.Node, e.backup.Storage, volume)
	e.failsAs(ctx, t, "delete of a protected backup", pve.KindProtected, task, err)
	set(pve.VolumeChange{Protected: new(false)})
}

func (e *exercise) forgetBackup(t *testing.T, volume string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	rest, err := e.client.StorageContent(ctx, e.Node, e.backup.Storage, pve.ContentQuery{Content: "backup", VMID: e.vmid})
	if err == nil && !slices.ContainsFunc(rest, func(v pve.Volume) bool { return v.ID == volume }) {
		return
	}
	if err == nil {
		err = e.client.UpdateVolume(ctx, e.Node, e.backup.Storage, volume, pve.VolumeChange{Protected: new(false)})
	}
	if err == nil {
		_, err = e.client.DeleteVolume(ctx, e.Node, e.backup.Storage, volume)
	}
	if err != nil {
		t.Errorf("backup %s is left behind: %v", volume, err)
	}
}

func (e *exercise) restore(ctx context.Context, t *testing.T, volume string) {
	t.Helper()
	vmid, err := e.client.NextID(ctx)
	must(t, "next id", err)
	request := pve.RestoreRequest{VMID: vmid, Volume: volume, Storage: e.Storage, NewMACs: true}
	task, err := e.client.Restore(ctx, e.Node, request)
	must(t, "restore", err)
	e.forget(t, vmid)
	e.finish(ctx, t, "restore", task, nil)
	c, err := e.client.ContainerConfig(ctx, e.Node, vmid, pve.ConfigQuery{})
	if must(t, "config", err); c.Hostname != e.name || !c.Unprivileged {
		t.Errorf("got config %+v, want host name %s", c, e.name)
	}
	task, err = e.client.Restore(ctx, e.Node, request)
	e.failsAs(ctx, t, "restore over a container", pve.KindExists, task, err)
	request.Overwrite = true
	task, err = e.client.Restore(ctx, e.Node, request)
	e.finish(ctx, t, "restore over a container, on purpose", task, err)
	task, err = e.client.Delete(ctx, e.Node, vmid, pve.DeleteOptions{})
	e.finish(ctx, t, "delete", task, err)
}

func (e *exercise) abort(ctx context.Context, t *testing.T) {
	if e.backup.Storage == "" {
		t.Skip("the node has no active storage for backups")
	}
	task, err := e.client.Backup(ctx, e.Node, pve.BackupRequest{VMIDs: []int{e.vmid}, Storage: e.backup.Storage, Mode: "stop", BandwidthKiBps: 20, Remove: new(false)})
	cannot(t, "slow backup", err)
	must(t, "abort", e.client.Abort(ctx, task))
	status, err := e.client.Wait(ctx, task)
	if status.Running() || (err != nil && pve.Classify(err).Kind == pve.KindNotFound) {
		t.Errorf("got %+v, %v, want an end", status, err)
	}
	t.Logf("the aborted backup ended with %q", status.ExitStatus)
	if err == nil { // it was quicker than the abort
		volume := e.newestBackup(ctx, t)
		task, err := e.client.DeleteVolume(ctx, e.Node, e.backup.Storage, volume.ID)
		e.finish(ctx, t, "delete backup", task, err)
	}
	eventually(ctx, t, "lock is gone", func() (bool, error) {
		s, err := e.client.ContainerStatus(ctx, e.Node, e.vmid)
		return s.Lock == "", err
	})
	must(t, "abort again", e.client.Abort(ctx, task))
}

func (e *exercise) clone(ctx context.Context, t *testing.T) {
	vmid, err := e.client.NextID(ctx)
	must(t, "next id", err)
	task, err := e.client.Clone(ctx, e.Node, e.vmid, pve.CloneRequest{NewID: vmid, Hostname: e.name + "-copy", Full: true, Storage: e.Storage})
	must(t, "clone", err)
	e.forget(t, vmid)
	e.finish(ctx, t, "clone", task, nil)
	source, err := e.client.ContainerConfig(ctx, e.Node, e.vmid, pve.ConfigQuery{})
	must(t, "config of the source", err)
	c, err := e.client.ContainerConfig(ctx, e.Node, vmid, pve.ConfigQuery{})
	must(t, "config of the clone", err)
	if c.Hostname != e.name+"-copy" || (e.bridge != "" && c.Networks[0].HardwareAddress == source.Networks[0].HardwareAddress) {
		t.Errorf("got config %+v, want another name and hardware address", c)
	}
	task, err = e.client.Clone(ctx, e.Node, e.vmid, pve.CloneRequest{NewID: vmid, Full: true})
	e.failsAs(ctx, t, "clone onto a taken id", pve.KindExists, task, err)

	must(t, "make a template", e.client.MakeTemplate(ctx, e.Node, vmid))
	eventually(ctx, t, "template", func() (bool, error) {
		c, err := e.client.ContainerConfig(ctx, e.Node, vmid, pve.ConfigQuery{})
		return c.Template, err
	})
	task, err = e.client.Start(ctx, e.Node, vmid)
	e.failsAs(ctx, t, "start of a template", pve.KindOther, task, err)
	task, err = e.client.Delete(ctx, e.Node, vmid, pve.DeleteOptions{})
	e.finish(ctx, t, "delete", task, err)
}
