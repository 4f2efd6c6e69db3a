package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"berth"
	"berth/internal/pve"
)

// taskWords are what the tasks do that change containers. Those that only ask the HA manager are left out: what it does
// itself later is a task as well.
var taskWords = map[string]string{
	"vzstart": "start", "vzstop": "stop", "vzshutdown": "shutdown", "vzreboot": "reboot", "vzsuspend": "suspend", "vzresume": "resume",
	"vzdestroy": "delete", "vzcreate": "create", "vzrestore": "restore", "vzclone": "clone", "vztemplate": "template", "vzmigrate": "migrate",
	"vzsnapshot": "snapshot", "vzdelsnapshot": "snapshot-delete", "vzrollback": "rollback", "vzdump": "backup", "resize": "resize", "move_volume": "move-volume",
}

// own tells whether Berth's token started the task.
func (p *poller) own(row *pve.TaskRow) bool { return row.UPID.User() == p.cluster.TokenID }

// latest gives the cluster's latest tasks for people, newest first.
func (p *poller) latest(rows []pve.TaskRow) []berth.Task {
	tasks := make([]berth.Task, 0, len(rows))
	for i := range rows {
		row := &rows[i]
		if row.Type == "vncproxy" || row.Type == "vncshell" || row.Type == "termproxy" { // somebody opened a console
			continue
		}
		t := berth.Task{Cluster: p.cluster.Name, Node: row.Node, UPID: string(row.UPID), Type: row.Type, User: row.UPID.User(), Own: p.own(row),
			StartedAt: row.StartTime, EndedAt: row.EndTime}
		if !row.Running() {
			t.Exit = row.Status
		}
		if vmid, ok := containerOf(row); ok {
			t.Subject = berth.ContainerKey(p.cluster.Name, vmid)
		}
		tasks = append(tasks, t)
	}
	slices.SortFunc(tasks, newerTask)
	markFormer(tasks)
	return tasks
}

// newerTask puts newer tasks first. Of those that started within one second, which may be on several nodes, the one that runs or
// ended later is newer, then the one with the later process id.
func newerTask(a, b berth.Task) int {
	if started := b.StartedAt.Compare(a.StartedAt); started != 0 {
		return started
	}
	if a.EndedAt.IsZero() != b.EndedAt.IsZero() {
		if a.EndedAt.IsZero() {
			return -1
		}
		return 1
	}
	return cmp.Or(b.EndedAt.Compare(a.EndedAt), cmp.Compare(b.UPID, a.UPID))
}

// noteOutside adds what others did to containers to the history, also while Berth was down, and what a task of Berth did
// after its job had ended. The name of an event is made of that of the task, so that each is there once, however many
// processes see it. What cannot be stored is tried again at the next look at the tasks.
func (p *poller) noteOutside(news []pve.TaskRow) {
	var ended []pve.TaskRow
	var events []berth.Event
	for i := range news {
		row := &news[i]
		vmid, ok := containerOf(row)
		if !ok || row.Running() || taskWords[row.Type] == "" {
			continue
		}
		ended, events = append(ended, *row), append(events, p.outsideEvent(row, vmid))
	}
	if len(events) == 0 {
		return
	}
	p.calls.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
		defer cancel()
		if err := p.storeOutside(ctx, ended, events); err != nil {
			p.notNoted("what happened outside Berth", err)
			p.tell(context.Background(), func() { p.tasks.untold = append(p.tasks.untold, ended...) })
		}
	})
}

// storeOutside stores the events of those tasks of which no job tells.
func (p *poller) storeOutside(ctx context.Context, ended []pve.TaskRow, events []berth.Event) error {
	var untold []berth.Event
	for i := range ended {
		job, left, err := p.jobOf(ctx, &ended[i], events[i].VMID)
		if err != nil {
			return err
		}
		switch {
		case job == nil && !p.own(&ended[i]):
			untold = append(untold, events[i])
		case left:
			late, err := lateEvent(job, &events[i])
			if err != nil {
				return err
			}
			untold = append(untold, late)
		}
	}
	return p.fleet.store.AddEventsOnce(ctx, untold)
}

// jobOf finds the latest job that the task is of, maybe started with another token, and tells whether the job ended before
// it; nil if there is none.
func (p *poller) jobOf(ctx context.Context, row *pve.TaskRow, vmid int) (job *berth.Job, left bool, err error) {
	recent, err := p.fleet.store.JobsOfSubject(ctx, berth.ContainerKey(p.cluster.Name, vmid), creationsLookedAt)
	for i := range recent {
		if !strings.Contains(recent[i].Ref, string(row.UPID)) {
			continue
		}
		var k kept
		err := json.Unmarshal([]byte(recent[i].Checkpoint), &k)
		for _, t := range k.Tasks {
			left = left || t.UPID == row.UPID && t.Left
		}
		return &recent[i], left, err
	}
	return nil, false, err
}

// lateEvent is the entry for a task that went on after its job, in place of that for one from outside.
func lateEvent(job *berth.Job, outside *berth.Event) (berth.Event, error) {
	var t target
	err := json.Unmarshal([]byte(job.Args), &t)
	e := eventOf(*job, t, outside.Details["state"])
	e.ID, e.At = outside.ID, outside.At
	e.Details["message"] = "Proxmox's task ended after the job: " + outside.Details["exit"]
	return e, err
}

// outsideEvent is the entry for a task that has ended. Its details are state, upid, task (its type), exit (Proxmox's own
// words) and message.
func (p *poller) outsideEvent(row *pve.TaskRow, vmid int) berth.Event {
	e := berth.Event{ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(p.cluster.ID+string(row.UPID))).String(), At: row.EndTime, Actor: row.UPID.User(),
		Source: "proxmox", Action: "container." + taskWords[row.Type], Cluster: p.cluster.Name, VMID: vmid,
		Details: map[string]string{"state": string(berth.JobSucceeded), "upid": string(row.UPID), "task": row.Type, "exit": row.Status,
			"message": fmt.Sprintf("Done outside Berth by %s: %s.", row.UPID.User(), row.Type)}}
	if row.Err() != nil {
		e.Details["state"] = string(berth.JobFailed)
		e.Details["message"] = fmt.Sprintf("Failed outside Berth, by %s: %s: %s", row.UPID.User(), row.Type, row.Status)
	}
	p.nameSubject(&e, vmid, row.Node)
	return e
}
