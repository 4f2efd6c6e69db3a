package pvesim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// moments are the hours and days at which a history laid back from now could go wrong.
func moments(t *testing.T) []time.Time {
	t.Helper()
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	var all []time.Time
	days := []string{"2026-02-28", "2026-03-01", "2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01", "2026-12-31", "2027-01-01",
		"2028-02-28", "2028-02-29", "2028-03-01"}
	hours := []string{"00:00:00", "00:10:00", "02:29:59", "02:30:00", "02:31:00", "02:54:00", "03:00:00", "06:59:59", "07:00:00",
		"12:00:00", "23:58:00", "23:59:59"}
	for _, day := range days {
		for _, hour := range hours {
			at, err := time.Parse(time.DateTime, day+" "+hour)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, at, at.In(newYork))
		}
	}
	return all
}

// worldAt is a simulator whose clock stands still.
func worldAt(t *testing.T, now time.Time, o Options) *Sim {
	t.Helper()
	o.Now = func() time.Time { return now }
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestHistoryIsConsistentAtEveryHour(t *testing.T) {
	t.Parallel()
	for _, now := range moments(t) {
		t.Run(now.Format(time.RFC3339), func(t *testing.T) {
			t.Parallel()
			s := worldAt(t, now, Options{Seed: 1})
			checkHistory(t, s, now)
		})
	}
}

func TestHistoryIsConsistentInEveryWorld(t *testing.T) {
	t.Parallel()
	now := time.Date(2028, 2, 29, 2, 45, 0, 0, time.UTC)
	for _, o := range []Options{{Seed: 2}, {Seed: 3, Speed: 60}, {Seed: 4, Nodes: 1, Containers: 1},
		{Seed: 5, Nodes: 40, Containers: 30}, {Seed: 6, Nodes: 2, Containers: 3000}} {
		t.Run(fmt.Sprintf("seed %d", o.Seed), func(t *testing.T) {
			t.Parallel()
			checkHistory(t, worldAt(t, now, o), now)
		})
	}
}

// checkHistory checks that nothing lies in the future and that what is told of one thing in two places is the same.
func checkHistory(t *testing.T, s *Sim, now time.Time) {
	t.Helper()
	past := func(what string, at time.Time) {
		if at.After(now) || now.Sub(at) > installed {
			t.Errorf("%s: %s, now is %s", what, at, now.UTC())
		}
	}
	leaf := s.cert.Leaf
	past("the certificate", leaf.NotBefore)
	if !leaf.NotAfter.After(now) {
		t.Errorf("the certificate ends at %s", leaf.NotAfter)
	}
	for _, st := range s.world.storages {
		for _, set := range st.sets {
			for _, v := range set {
				past(v.name, v.made)
			}
		}
	}
	for _, n := range s.world.nodes {
		past("boot of "+n.name, s.moment(n.booted))
		checkTasks(t, s, n, past)
	}
	for _, ct := range s.world.containers {
		checkContainer(t, s, ct, past)
	}
	for _, j := range s.world.jobs {
		next := nextRun(j.conf["schedule"], now)
		if !next.After(now) || next.Sub(now) > 24*time.Hour || next.UTC().Format("15:04") != "02:30" {
			t.Errorf("%s runs next at %s", j.id, next)
		}
	}
}

// checkTasks checks the tasks of a node: in order, over, and of an hour at which their containers were there.
func checkTasks(t *testing.T, s *Sim, n *node, past func(string, time.Time)) {
	t.Helper()
	list := s.world.tasks.byNode[n]
	if !slices.IsSortedFunc(list, func(a, b *task) int { return a.began.Compare(b.began) }) {
		t.Errorf("the tasks of %s are not in order", n.name)
	}
	for _, task := range list {
		past(task.upid, task.began)
		past("end of "+task.upid, task.ended)
		if !task.ended.After(task.began) || task.pstart < 0 || !strings.Contains(task.upid, fmt.Sprintf(":%08X:", task.began.Unix())) {
			t.Errorf("%s began at %s and ended at %s", task.upid, task.began, task.ended)
		}
		if ct := s.world.containers[atoi(task.id)]; ct != nil && task.began.Before(s.moment(ct.made)) {
			t.Errorf("%s is older than its container", task.upid)
		}
	}
}

// checkContainer checks that uptime, tasks, snapshots, backups and disks of a container tell one story.
func checkContainer(t *testing.T, s *Sim, ct *container, past func(string, time.Time)) {
	t.Helper()
	made := s.moment(ct.made)
	past(ct.name(), made)
	if _, v := s.world.volume(ct.node, splitProperties(ct.conf["rootfs"], "volume")["volume"]); v == nil || !v.made.Equal(made) {
		t.Errorf("%s was made at %s, its disk is %+v", ct.name(), made, v)
	}
	for i, r := range ct.runs {
		if r.from < ct.made || r.to <= r.from || i > 0 && r.from < ct.runs[i-1].to || ct.running && r.to > ct.started {
			t.Errorf("%s ran %v, was made %s and started %s", ct.name(), ct.runs, ct.made, ct.started)
		}
	}
	if ct.running && (ct.started > 0 || ct.started < ct.node.booted) {
		t.Errorf("%s runs since %s, its node since %s", ct.name(), ct.started, ct.node.booted)
	}
	for _, task := range slices.Backward(s.world.tasks.byNode[ct.node]) {
		if task.id != strconv.Itoa(ct.vmid) || task.kind == "vzsnapshot" {
			continue
		}
		if on := task.kind != "vzshutdown"; on != ct.running || on && !task.ended.Equal(s.moment(ct.started)) {
			t.Errorf("the last word on %s is %s at %s; it runs: %t, since %s", ct.name(), task.kind, task.ended, ct.running, ct.started)
		}
		break
	}
	for name, sn := range ct.snaps {
		past(name, sn.at)
		if sn.at.Before(made) {
			t.Errorf("snapshot %s of %s is older than the container", name, ct.name())
		}
	}
	checkBackups(t, s, ct)
}

// checkBackups checks that each backup was made while a task of the backup job ran on the node of its container.
func checkBackups(t *testing.T, s *Sim, ct *container) {
	t.Helper()
	found := 0
	for _, v := range s.world.storage("nas").set(ct.node) {
		if v.content != "backup" || v.vmid != ct.vmid {
			continue
		}
		found++
		stamp := "-" + v.made.UTC().Format("2006_01_02-15_04_05") + "."
		during := func(task *task) bool {
			return task.kind == "vzdump" && !v.made.Before(task.began) && v.made.Before(task.ended)
		}
		if !strings.Contains(v.name, stamp) || !slices.ContainsFunc(s.world.tasks.byNode[ct.node], during) {
			t.Errorf("%s was made at %s, when no backup ran", v.name, v.made)
		}
	}
	if want := s.world.jobs[0].covers(ct); want != (found == nights) || !want && found > 0 {
		t.Errorf("%s has %d backups; the job covers it: %t", ct.name(), found, want)
	}
}

// A container that was restarted still shows in its charts what it did before.
func TestChartsRememberEarlierRuns(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	u := root(t, s)
	if got := u.task(t, "POST", "/nodes/pve1/lxc/101/status/reboot"); got != "OK" {
		t.Fatal(got)
	}
	points := u.ok(t, "GET", "/nodes/pve1/lxc/101/rrddata", "timeframe=month").([]any)
	ran := 0
	for _, p := range points {
		if cpu, _ := p.(map[string]any)["cpu"].(float64); cpu > 0 {
			ran++
		}
	}
	if ran < len(points)*9/10 {
		t.Errorf("it ran at %d of %d points", ran, len(points))
	}
}
