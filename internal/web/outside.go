package web

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/fleet"
)

// taskTitles says what tasks of Proxmox do; a task of another kind is shown by the name that Proxmox has for it.
var taskTitles = map[string]string{
	"vzstart": "Start", "vzstop": "Stop", "vzshutdown": "Shut down", "vzreboot": "Reboot", "vzsuspend": "Suspend", "vzresume": "Resume",
	"vzdestroy": "Delete", "vzcreate": "Create", "vzrestore": "Restore", "vzclone": "Clone", "vztemplate": "Make a template of", "vzmigrate": "Migrate",
	"vzsnapshot": "Take a snapshot of", "vzdelsnapshot": "Delete a snapshot of", "vzrollback": "Roll back", "vzdump": "Back up", "resize": "Resize a disk of",
	"move_volume": "Move a disk of", "hastart": "Start with high availability", "hastop": "Stop with high availability", "hamigrate": "Migrate with high availability",
	"aptupdate": "Refresh the package lists", "startall": "Start all guests", "stopall": "Stop all guests", "migrateall": "Migrate all guests", "download": "Download an image",
	"imgcopy": "Copy a disk image", "imgdel": "Delete a disk image",
}

// outsideRows lists the latest tasks of all clusters that Berth did not start: by people in the web interface of Proxmox, by
// pct, by backup plans, by the HA manager.
func outsideRows(snapshot *fleet.Snapshot, failedOnly bool, now time.Time) []jobRow {
	var rows []jobRow
	for _, view := range snapshot.Clusters {
		for i := range view.Tasks {
			if t := &view.Tasks[i]; !t.Own && (!failedOnly || t.Failed()) {
				rows = append(rows, newOutsideRow(snapshot, t, now))
			}
		}
	}
	return rows
}

func newOutsideRow(snapshot *fleet.Snapshot, t *berth.Task, now time.Time) jobRow {
	row := jobRow{ID: t.UPID, Title: taskTitle(snapshot, t), Actor: t.User, Source: "proxmox", Outside: true, Now: now, CreatedAt: t.StartedAt, StartedAt: t.StartedAt,
		EndedAt: t.EndedAt, State: jobState(taskState(t))}
	if !t.Former {
		row.Container = keyPath(t.Subject)
	}
	if !t.EndedAt.IsZero() {
		row.Duration = duration(t.EndedAt.Sub(t.StartedAt))
	}
	if t.Exit != "OK" {
		row.Message = t.Exit
	}
	return row
}

func taskState(t *berth.Task) berth.JobState {
	switch {
	case t.EndedAt.IsZero():
		return berth.JobRunning
	case t.Failed():
		return berth.JobFailed
	}
	return berth.JobSucceeded
}

func taskTitle(snapshot *fleet.Snapshot, t *berth.Task) string {
	what := cmp.Or(taskTitles[t.Type], t.Type)
	cluster, vmid, ok := splitKey(t.Subject)
	if !ok {
		return what + " on " + t.Node
	}
	if c, found := snapshot.Find(cluster, vmid); found && !t.Former {
		return what + " " + hostname(c) + " (" + strconv.Itoa(vmid) + " on " + t.Node + ")"
	}
	return what + " " + strconv.Itoa(vmid) + " on " + t.Node
}

// splitKey reads the key of a container: home/101.
func splitKey(key string) (cluster string, vmid int, ok bool) {
	cluster, number, _ := strings.Cut(key, "/")
	vmid, err := strconv.Atoi(number)
	return cluster, vmid, err == nil && cluster != ""
}

// keyPath is the page of the container with the key; empty if it is none.
func keyPath(key string) templ.SafeURL {
	if cluster, vmid, ok := splitKey(key); ok {
		return templ.SafeURL("/containers/" + cluster + ":" + strconv.Itoa(vmid))
	}
	return ""
}
