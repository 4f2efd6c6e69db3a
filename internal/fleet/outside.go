package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"

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
	slices.SortFunc(tasks, func(a, b berth.Task) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(b.UPID, a.UPID)) // within a second those with a later process id
	})
	markFormer(tasks)
	return tasks
}

// noteOutside adds what others did to containers to the history, also while Berth was down. The name of an event is made of
// that of the task, so that each is there once, however many processes see it.
func (p *poller) noteOutside(news []pve.TaskRow) {
	var events []berth.Event
	for i := range news {
		row := &news[i]
		vmid, ok := containerOf(row)
		if !ok || row.Running() || p.own(row) || taskWords[row.Type] == "" {
			continue
		}
		events = append(events, p.outsideEvent(row, vmid))
	}
	if len(events) == 0 {
		return
	}
	p.calls.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
		defer cancel()
		if err := p.fleet.store.AddEventsOnce(ctx, events); err != nil {
			p.fleet.log.Error("cannot add to the history what happened outside Berth", "cluster", p.cluster.Name, "error", err)
		}
	})
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
