package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

// explains are the types of tasks that can be behind a change, by what changed.
var explains = map[string][]string{
	"stop":   {"vzstop", "vzshutdown", "vzreboot", "vzsuspend", "vzrollback", "vzrestore", "vzdump", "vzmigrate", "vzdestroy", "hastop"},
	"start":  {"vzstart", "vzreboot", "vzresume", "vzrollback", "vzrestore", "vzdump", "vzmigrate", "vzcreate", "hastart"},
	"move":   {"vzmigrate", "hamigrate"},
	"appear": {"vzcreate", "vzrestore", "vzclone"},
	"vanish": {"vzdestroy"},
}

// unexplained says what happened without a task.
var unexplained = map[string]string{
	"stop":   "Stopped, no task seen: from inside, killed, or by hand on the node.",
	"start":  "Started, no task seen: by hand on the node.",
	"move":   "Moved from %s to %s, no task seen: by the HA manager, or by hand.",
	"appear": "Appeared, no task about it seen: cloned, or put there by hand.",
	"vanish": "Not listed any more, no task seen: removed by hand, or Berth's API token may not see it any more.",
}

// kindOf is what a change is; empty if it is none that the history knows.
func (d *differing) kindOf() string {
	switch {
	case d.Was.VMID == 0:
		return "appear"
	case d.Now.VMID == 0:
		return "vanish"
	case d.Was.Node != d.Now.Node:
		return "move"
	case d.Was.Live == berth.LiveRunning && d.Now.Live == berth.LiveStopped:
		return "stop"
	case d.Was.Live == berth.LiveStopped && d.Now.Live == berth.LiveRunning:
		return "start"
	}
	return ""
}

// askDiffering finds out why containers differ from what is noted. Those that Berth itself works on need no asking.
func (p *poller) askDiffering(ctx context.Context) {
	if len(p.noted.differing) == 0 || p.health.State != Answering {
		return
	}
	now := p.fleet.now()
	var plain []*differing
	for vmid, d := range p.noted.differing {
		node := cmp.Or(d.Now.Node, d.Was.Node)
		switch {
		case d.underWay || d.restsTill.After(now):
		case d.pending || d.kindOf() == "" || p.explainedBySeen(vmid, d):
			plain = append(plain, d)
		case p.mayRead(node, now) && p.budget.take(now, p.fleet.pace.Reads, savedForUrgent+1):
			p.budget.take(now, p.fleet.pace.Reads, savedForAnybody) // two calls
			p.explain(ctx, d, p.entryFor(vmid, d))
		}
	}
	if len(plain) > 0 {
		p.noteDiffering(ctx, plain)
	}
}

// noteDiffering notes changes that have their entries already.
func (p *poller) noteDiffering(ctx context.Context, all []*differing) {
	changes := make([]store.NotedChange, len(all))
	for i, d := range all {
		d.underWay, changes[i] = true, d.NotedChange
	}
	p.ask(ctx, func(ctx context.Context) func() {
		err := p.fleet.store.NoteChanges(ctx, p.cluster.ID, changes)
		return func() { p.endDiffering(all, changes, err) }
	})
}

// endDiffering takes in what was stored of changes.
func (p *poller) endDiffering(all []*differing, changes []store.NotedChange, err error) {
	if err != nil {
		p.notStored("what has changed", err)
		for _, d := range all {
			d.rest(p.fleet.now())
		}
		return
	}
	p.takeNoted(changes)
	for i, d := range all {
		d.underWay, d.pending = false, false
		vmid := cmp.Or(changes[i].Was.VMID, changes[i].Now.VMID)
		if sameNote(d.Now, changes[i].Now) {
			delete(p.noted.differing, vmid)
		} else { // it went on changing
			d.Was, d.since = changes[i].Now, changes[i].At
		}
	}
}

func (d *differing) rest(now time.Time) { d.underWay, d.restsTill = false, now.Add(differingRest) }

// explain looks for the task behind a change, makes sure that it is one, and notes it.
func (p *poller) explain(ctx context.Context, d *differing, entry berth.Event) {
	d.underWay = true
	kind, since, change := d.kindOf(), d.since, d.NotedChange
	vmid, node := cmp.Or(change.Was.VMID, change.Now.VMID), cmp.Or(change.Was.Node, change.Now.Node)
	p.beginRead(node)
	p.ask(ctx, func(ctx context.Context) func() {
		tasks, err := p.tasksSince(ctx, node, vmid, since)
		readErr := err
		away := isNodeProblem(err) && kind == "move" // the node that it was moved away from
		explained := slices.Contains(explains[kind], newest(tasks, kind))
		if err == nil && !explained && kind != "vanish" {
			err = p.stillSo(ctx, change.Now)
		}
		if err != nil && !away {
			return func() {
				p.endRead(node, readErr)
				d.rest(p.fleet.now())
			}
		}
		stored := change
		if !explained {
			stored.Event = &entry
		}
		err = p.fleet.store.NoteChanges(ctx, p.cluster.ID, []store.NotedChange{stored})
		return func() {
			p.endRead(node, readErr)
			p.noteOutside(tasks)
			p.endDiffering([]*differing{d}, []store.NotedChange{change}, err)
		}
	})
}

// tasksSince gives the tasks about a container that ran after the given time and did not fail.
func (p *poller) tasksSince(ctx context.Context, node string, vmid int, since time.Time) ([]pve.TaskRow, error) {
	rows, err := p.client.NodeTasks(ctx, node, pve.TaskQuery{Source: "all", VMID: vmid})
	return slices.DeleteFunc(rows, func(row pve.TaskRow) bool { return !canExplain(&row, since) }), err
}

func canExplain(row *pve.TaskRow, since time.Time) bool {
	return row.Running() || row.Err() == nil && !row.EndTime.Before(since.Add(-clockSlack))
}

// explainedBySeen tells whether one of the cluster's latest tasks is behind a change for certain, so that nobody needs to
// be asked: it ended after the container was last seen as before.
func (p *poller) explainedBySeen(vmid int, d *differing) bool {
	var seen []pve.TaskRow
	for i := range p.tasks.latest {
		t := &p.tasks.latest[i]
		row := pve.TaskRow{Type: t.Type, StartTime: t.StartedAt, EndTime: t.EndedAt, Status: t.Exit}
		if t.Subject == berth.ContainerKey(p.cluster.Name, vmid) && row.Err() == nil && row.EndTime.After(d.since.Add(statisticsLag)) {
			seen = append(seen, row)
		}
	}
	kind := d.kindOf()
	return slices.Contains(explains[kind], newest(seen, kind))
}

// newest is the type of the latest task that can be behind such a change. A start explains no stop, and what came before it
// does not either.
func newest(tasks []pve.TaskRow, kind string) string {
	candidates := explains[kind]
	if kind == "stop" || kind == "start" {
		candidates = slices.Concat(explains["stop"], explains["start"])
	}
	var latest pve.TaskRow
	for _, row := range tasks {
		if slices.Contains(candidates, row.Type) && row.StartTime.After(latest.StartTime) {
			latest = row
		}
	}
	return latest.Type
}

// stillSo asks the container itself whether it is as the statistics say, which lag behind.
func (p *poller) stillSo(ctx context.Context, n store.Noted) error {
	status, err := p.client.ContainerStatus(ctx, n.Node, n.VMID)
	if err == nil && n.Live != berth.LiveUnknown && berth.LiveStatus(status.Status) != n.Live {
		return fmt.Errorf("container %d is %s", n.VMID, status.Status)
	}
	return err
}

// entryFor is the entry in the history for a change without a task.
func (p *poller) entryFor(vmid int, d *differing) berth.Event {
	kind := d.kindOf()
	message := unexplained[kind]
	before, after := string(d.Was.Live), string(d.Now.Live)
	if kind == "move" {
		message, before, after = fmt.Sprintf(message, d.Was.Node, d.Now.Node), d.Was.Node, d.Now.Node
	}
	e := berth.Event{At: d.At, Actor: unseenActor, Source: "proxmox", Action: "container." + kind, Cluster: p.cluster.Name, VMID: vmid,
		Details: map[string]string{"state": string(berth.JobSucceeded), "message": message, "before": before, "after": after}}
	p.nameSubject(&e, vmid, cmp.Or(d.Now.Node, d.Was.Node))
	return e
}

// unseenActor is who did what nobody was seen doing.
const unseenActor = "unknown"

// nameSubject says in the entry which container it is about.
func (p *poller) nameSubject(e *berth.Event, vmid int, node string) {
	t := p.trackedRow(vmid)
	listed, ok := p.list.row(vmid)
	e.Subject = fmt.Sprintf("%d on %s", vmid, node)
	switch {
	case t != nil:
		e.ContainerID = t.ID
		e.Subject = fmt.Sprintf("%s (%d on %s)", t.Hostname, vmid, node)
	case ok && listed.Name != "":
		e.Subject = fmt.Sprintf("%s (%d on %s)", listed.Name, vmid, node)
	}
}

// laterDifferences tells until when those rest that were looked at in vain.
func (p *poller) laterDifferences(consider func(time.Time)) {
	for _, d := range p.noted.differing {
		if !d.underWay {
			consider(laterOf(d.restsTill, p.fleet.now().Add(shortestWait)))
		}
	}
}
