package pvesim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// What has happened before the simulation begins: creations, starts, snapshots, a backup job and what it made, finished
// tasks. It makes a demo look lived in; a cluster without containers has none. All of it is laid back from the moment of New,
// so that nothing lies in the future, and its parts agree: who was rebooted an hour ago has been up for an hour.

const (
	installed  = 450 * 24 * time.Hour         // before New; older than any container
	nightly    = 2*time.Hour + 30*time.Minute // time of day of the backup job
	nights     = 3                            // of which there are backups
	longestRun = 30 * time.Minute             // of the backup job on a node
)

// run is a time in which a container ran.
type run struct{ from, to time.Duration }

// pastTask is a finished task that ended before the simulation began.
type pastTask struct {
	node         *node
	began, ended time.Duration // simulated time
	kind, id     string
	status       string
	lines        []string
}

func (w *world) buildHistory(s *Sim) {
	if len(w.containers) == 0 {
		return
	}
	w.jobs = append(w.jobs, &backupJob{id: "backup-nightly", conf: params{"schedule": "02:30", "storage": "nas",
		"mode": "snapshot", "compress": "zstd", "pool": "apps", "enabled": "1", "prune-backups": "keep-daily=7,keep-weekly=4",
		"comment": "Nightly backup of the applications", "notes-template": "{{guestname}}"}})
	for _, id := range w.vmids() {
		if ct := w.containers[id]; ct.seed%9 == 0 {
			ct.conf["description"] = "Managed by hand. Ask before you restart it.\n"
		}
	}
	var tasks []pastTask
	for i, n := range w.nodes {
		tasks = append(tasks, n.pastPower(i)...)
		tasks = append(tasks, n.pastSnapshots(s, i)...)
		tasks = append(tasks, w.pastBackups(s, n)...)
	}
	slices.SortStableFunc(tasks, func(a, b pastTask) int { return cmp.Compare(a.began, b.began) })
	for i := range tasks {
		w.addPast(s, &tasks[i])
	}
}

// pastPower lets the first running container of the i-th node be off for ten minutes the day before, and reboot some hours
// ago.
func (n *node) pastPower(i int) []pastTask {
	guests := n.sortedGuests()
	at := slices.IndexFunc(guests, func(ct *container) bool { return ct.running })
	if at < 0 {
		return nil
	}
	ct, up, rebooted := guests[at], -time.Duration(26+7*i%24)*time.Hour, -time.Duration(1+i%12)*time.Hour
	down := up - 10*time.Minute
	ct.runs, ct.started = []run{{ct.made, down}, {up, rebooted - 2*time.Second}}, rebooted
	task := func(kind string, ended time.Duration) pastTask {
		return pastTask{n, ended - 2*time.Second, ended, kind, strconv.Itoa(ct.vmid), "OK", []string{"TASK OK"}}
	}
	return []pastTask{task("vzshutdown", down), task("vzstart", up), task("vzreboot", rebooted)}
}

// pastSnapshots takes snapshots of some containers of the i-th node. Another one of the first of them, on the same day, was
// given the same name and failed.
func (n *node) pastSnapshots(s *Sim, i int) []pastTask {
	const name = "before-upgrade"
	var tasks []pastTask
	for _, ct := range n.sortedGuests() {
		if ct.seed%6 != 0 || !ct.running {
			continue
		}
		at, id := -time.Duration(24+ct.seed%288)*time.Hour, strconv.Itoa(ct.vmid)
		ct.snaps[name] = &snapshot{conf: maps.Clone(ct.conf), at: s.born.Add(at), text: "before the upgrade\n"}
		ct.parent = name
		tasks = append(tasks, pastTask{n, at - time.Second, at + time.Second, "vzsnapshot", id, "OK", []string{"TASK OK"}})
		if len(tasks) == 1 {
			status, again := fmt.Sprintf("snapshot name '%s' already used", name), at+time.Duration(1+5*i%20)*time.Hour
			lines := []string{"TASK ERROR: " + status}
			tasks = append(tasks, pastTask{n, again, again + time.Second, "vzsnapshot", id, status, lines})
		}
	}
	return tasks
}

// pastBackups are what the backup job made on a node in the last nights, one container after the other. A run that would
// still be under way is left out.
func (w *world) pastBackups(s *Sim, n *node) []pastTask {
	job, nas := w.jobs[0], w.storage("nas")
	uncovered := func(ct *container) bool { return !job.covers(ct) || ct.isTemplate() }
	guests := slices.DeleteFunc(n.sortedGuests(), uncovered)
	if len(guests) == 0 {
		return nil
	}
	each := min(3*time.Minute, longestRun/time.Duration(len(guests)))
	took := each * time.Duration(len(guests))
	last := s.born.Truncate(24 * time.Hour).Add(nightly)
	if last.Add(took).After(s.born) {
		last = last.AddDate(0, 0, -1)
	}
	var tasks []pastTask
	for night := range nights {
		began := last.AddDate(0, 0, -night)
		lines := []string{"INFO: starting new backup job: vzdump --pool apps --storage nas --mode snapshot --compress zstd"}
		for i, ct := range guests {
			v := ct.pastBackup(began.Add(time.Duration(i) * each))
			nas.set(n)[v.name] = v
			lines = append(lines, fmt.Sprintf("INFO: Starting Backup of VM %d (lxc)", ct.vmid),
				"INFO: Backup started at "+v.made.Format(time.DateTime),
				fmt.Sprintf("INFO: creating vzdump archive '%s'", nas.pathOf(v)),
				fmt.Sprintf("INFO: Finished Backup of VM %d (%s)", ct.vmid, time.Time{}.Add(each).Format(time.TimeOnly)))
		}
		lines = append(lines, "INFO: Backup job finished successfully", "TASK OK")
		at := began.Sub(s.born)
		tasks = append(tasks, pastTask{n, at, at + took, "vzdump", "", "OK", lines})
	}
	return tasks
}

func (ct *container) pastBackup(made time.Time) *volume {
	name := fmt.Sprintf("backup/vzdump-lxc-%d-%s.tar.zst", ct.vmid, made.Format("2006_01_02-15_04_05"))
	return &volume{name: name, content: "backup", format: "tar.zst", vmid: ct.vmid, size: ct.shape.disk / 7, made: made,
		notes: ct.name(), archive: &archive{conf: maps.Clone(ct.conf)}}
}

func (w *world) addPast(s *Sim, p *pastTask) {
	const earlierUptime = 30 * 24 * time.Hour // of a node, before its last boot
	w.tasks.pid += 13
	t := &task{sim: s, node: p.node, pid: w.tasks.pid, kind: p.kind, id: p.id, user: caller{user: "root@pam"},
		began: s.born.Add(p.began), ended: s.born.Add(p.ended), status: p.status, lines: p.lines, done: make(chan struct{}), cancel: func() {}}
	close(t.done)
	sinceBoot := p.began - p.node.booted
	if sinceBoot < 0 {
		sinceBoot = sinceBoot%earlierUptime + earlierUptime
	}
	t.pstart = int64(sinceBoot.Seconds() * 100)
	t.upid = fmt.Sprintf("UPID:%s:%08X:%08X:%08X:%s:%s:root@pam:", t.node.name, t.pid, t.pstart, t.began.Unix(), t.kind, t.id)
	w.tasks.byUPID[t.upid] = t
	w.tasks.byNode[p.node] = append(w.tasks.byNode[p.node], t)
	w.tasks.trim(p.node)
}
