package fleet

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// Whoever may act on a container learns nothing of the one that had its VMID before.
func TestAContainerTellsNothingOfTheOneBefore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{TaskTime: brief}, hurried)
		old, outside := r.stoppedOne(), outsideClient(t, r.sim)
		backup := r.succeed(old, berth.ActionRequest{Action: berth.ActionBackup, Backup: berth.BackupOrder{Storage: "nas", Mode: "stop", Compress: "0"}})
		r.wait("it is tracked", func(s *Snapshot) bool { c, ok := s.Find("home", old.VMID); return ok && c.Tracked() })
		before := r.container(old.VMID).ID
		backup.State = berth.JobFailed
		if !r.MayRetry(anna, &backup) {
			t.Error("a job cannot be tried again while its container is there")
		}
		upid, err := outside.Backup(t.Context(), old.Node, pve.BackupRequest{VMIDs: []int{old.VMID}, Storage: "nas", Mode: "stop"})
		waitTask(t, outside, upid, err)
		upid, err = outside.Delete(t.Context(), old.Node, old.VMID, pve.DeleteOptions{})
		waitTask(t, outside, upid, err)
		outsideCreate(t, r.sim, newSpec(t, r.sim, old.VMID))
		r.wait("another one has the VMID", func(s *Snapshot) bool {
			c, ok := s.Find("home", old.VMID)
			return ok && c.Hostname == "fresh" && c.ID != before && slices.ContainsFunc(s.Clusters[0].Tasks, func(t berth.Task) bool { return t.Subject == old.Key() && t.Type == "vzcreate" && !t.EndedAt.IsZero() })
		})
		bob := limitedTo(t, "bob", berth.RoleOperator, "vmid:"+strconv.Itoa(old.VMID))
		if _, err := r.Job(t.Context(), bob, backup.ID); berth.CodeOf(err) != berth.NotFound {
			t.Errorf("a job about the one before gives %v, want NotFound", err)
		}
		if r.MayRetry(anna, &backup) {
			t.Error("a job can be tried again on the container that has the VMID now")
		}
		for _, task := range r.Snapshot().For(bob.Access).Clusters[0].Tasks {
			if task.Type != "vzcreate" {
				t.Errorf("the task %s of the one before is seen", task.Type)
			}
		}
		r.eventually("its destruction is in the history", func() bool {
			at, err := r.destroyedBefore(t.Context(), old.Key())
			return err == nil && !at.IsZero()
		})
		got, err := r.Detail(t.Context(), bob, old.Key(), PartBackups, PartTasks, PartEvents)
		if err != nil || len(got.Backups) < 2 || !got.LastBackup.At.IsZero() {
			t.Fatalf("backups are %+v, the last one at %s (%v)", got.Backups, got.LastBackup.At, err)
		}
		if slices.ContainsFunc(got.Backups, func(b Backup) bool { return !b.Former }) || slices.ContainsFunc(got.Tasks, func(t berth.Task) bool { return t.Type != "vzcreate" }) {
			t.Errorf("backups are %+v, tasks %+v", got.Backups, got.Tasks)
		}
		if all, err := r.Detail(t.Context(), anna, old.Key(), PartEvents); err != nil || slices.ContainsFunc(all.Events, func(e berth.Event) bool { return e.ContainerID == before }) {
			t.Errorf("the history of the one before is shown: %+v (%v)", all.Events, err)
		}
		volume := got.Backups[0].Volume
		for _, action := range []berth.Action{berth.ActionRestore, berth.ActionBackupDelete} {
			request := berth.ActionRequest{Action: action, Backup: berth.BackupOrder{Volume: volume}, StopFirst: true}
			if _, err := r.Do(t.Context(), bob, old.Key(), request); berth.CodeOf(err) != berth.Forbidden {
				t.Errorf("%s of a backup of the one before gives %v, want Forbidden", action, err)
			}
		}
		if err := r.mayRestore(t.Context(), bob, &berth.CreateSpec{Cluster: "home", Backup: volume}); berth.CodeOf(err) != berth.Forbidden {
			t.Errorf("a restore as new of a backup of the one before gives %v, want Forbidden", err)
		}
	})
}

// A container can be destroyed on one node and another one made on a second node within the second to which Proxmox dates tasks.
func TestTasksOfOneSecondAreInOrderOverNodes(t *testing.T) {
	t.Parallel()
	second := time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)
	destroyed := berth.Task{Subject: "home/101", Type: "vzdestroy", Node: "pve2", UPID: "UPID:pve2:00001000:", StartedAt: second, EndedAt: second, Exit: "OK"}
	running := berth.Task{Subject: "home/101", Type: "vzcreate", Node: "pve1", UPID: "UPID:pve1:00002000:", StartedAt: second}
	ended := running
	ended.EndedAt, ended.Exit = second.Add(2*time.Second), "OK"
	for _, made := range []berth.Task{running, ended} {
		tasks := []berth.Task{destroyed, made}
		slices.SortFunc(tasks, newerTask)
		markFormer(tasks)
		if tasks[0].Type != "vzcreate" || tasks[0].Former || !tasks[1].Former {
			t.Errorf("got %+v, want the creation first, and only the destruction to be of the former one", tasks)
		}
	}
}
