package pvesim

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// What has happened before the simulation begins: backups, snapshots, a backup job, finished tasks. It makes a demo
// look lived in; a cluster without containers has none.

// buildHistory adds it all, from the seed.
func (w *world) buildHistory(s *Sim) {
	if len(w.containers) == 0 {
		return
	}
	w.jobs = append(w.jobs, &backupJob{id: "backup-nightly", conf: params{"schedule": "02:30", "storage": "nas", "mode": "snapshot", "compress": "zstd", "pool": "apps",
		"enabled": "1", "prune-backups": "keep-daily=7,keep-weekly=4", "comment": "Nightly backup of the applications", "notes-template": "{{guestname}}"}})
	for _, id := range w.vmids() {
		ct := w.containers[id]
		if ct.pool == "apps" && !ct.isTemplate() {
			w.pastBackups(s, ct)
		}
		if ct.seed%6 == 0 && ct.running {
			w.pastSnapshot(s, ct)
		}
		if ct.seed%9 == 0 {
			ct.conf["description"] = "Managed by hand. Ask before you restart it.\n"
		}
	}
	for i, n := range w.nodes {
		w.pastTasks(s, n, i)
	}
}

// pastBackups are the last three nightly backups of a container.
func (w *world) pastBackups(s *Sim, ct *container) {
	nas := w.storage("nas")
	midnight := s.born.Truncate(24 * time.Hour)
	for day := range 3 {
		made := midnight.AddDate(0, 0, -day).Add(2*time.Hour + 30*time.Minute + time.Duration(ct.vmid%50)*time.Minute)
		name := fmt.Sprintf("backup/vzdump-lxc-%d-%s.tar.zst", ct.vmid, made.Format("2006_01_02-15_04_05"))
		nas.set(ct.node)[name] = &volume{name: name, content: "backup", format: "tar.zst", vmid: ct.vmid, size: ct.shape.disk / 7, made: made, notes: ct.name(),
			archive: &archive{conf: maps.Clone(ct.conf)}}
	}
}

func (w *world) pastSnapshot(s *Sim, ct *container) {
	ct.snaps["before-upgrade"] = &snapshot{conf: maps.Clone(ct.conf), at: s.born.AddDate(0, 0, -int(1+ct.seed%12)), text: "before the upgrade\n"}
	ct.parent = "before-upgrade"
}

// pastTasks are some finished tasks of a node: starts, last night's backup, and one that failed.
func (w *world) pastTasks(s *Sim, n *node, i int) {
	guests := n.sortedGuests()
	if len(guests) == 0 {
		return
	}
	first := strconv.Itoa(guests[0].vmid)
	last := strconv.Itoa(guests[len(guests)-1].vmid)
	w.pastTask(s, n, 26*time.Hour, 2*time.Second, "vzstart", first, "OK", "TASK OK")
	w.pastTask(s, n, 20*time.Hour, 4*time.Minute, "vzdump", "", "OK", "INFO: Backup job finished successfully", "TASK OK")
	w.pastTask(s, n, 9*time.Hour, time.Second, "vzsnapshot", last, "snapshot feature is not available", "TASK ERROR: snapshot feature is not available")
	w.pastTask(s, n, time.Duration(1+i)*time.Hour, 3*time.Second, "vzreboot", first, "OK", "TASK OK")
}

func (w *world) pastTask(s *Sim, n *node, ago, took time.Duration, kind, id, status string, lines ...string) {
	w.tasks.pid += 13
	began := s.born.Add(-ago)
	t := &task{sim: s, node: n, pid: w.tasks.pid, kind: kind, id: id, user: caller{user: "root@pam"}, began: began, ended: began.Add(took), status: status, lines: lines,
		done: make(chan struct{}), cancel: func() {}}
	close(t.done)
	t.pstart = int64((-ago - n.booted).Seconds() * 100)
	t.upid = fmt.Sprintf("UPID:%s:%08X:%08X:%08X:%s:%s:root@pam:", n.name, t.pid, t.pstart, began.Unix(), kind, strings.TrimSpace(id))
	w.tasks.byUPID[t.upid] = t
	w.tasks.byNode[n] = append(w.tasks.byNode[n], t)
}
