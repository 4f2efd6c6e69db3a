package fleet

import (
	"context"
	"slices"
	"strings"
	"time"

	"berth"
	"berth/internal/pve"
)

// RunningBackup is a backup of a container that is being made.
type RunningBackup struct {
	By    string // who began it: a person, or a user of Proxmox
	Since time.Time
	JobID string // empty: it was begun outside Berth
	Line  string // the latest of its log; empty: none is known
}

const longestBackupLog = 5000 // lines of which the last one is looked for

// RunningBackups tells of the backups of a container that are being made, and how far they are. It takes one call for each
// that was begun outside Berth, and none for others. Returns NotFound if there is no such container in sight of the actor.
func (a *Actions) RunningBackups(ctx context.Context, by berth.Actor, key string) ([]RunningBackup, error) {
	p, c, err := a.find(by.Access, key)
	if err != nil {
		return nil, err
	}
	if c.Pending != nil && c.Pending.Action == string(berth.ActionBackup) {
		lines, err := a.fleet.store.JobLines(ctx, c.Pending.JobID, 0, longestBackupLog)
		own := RunningBackup{By: c.Pending.By, Since: c.Pending.Since, JobID: c.Pending.JobID}
		if len(lines) > 0 {
			own.Line = lines[len(lines)-1].Text
		}
		return []RunningBackup{own}, err
	}
	var all []RunningBackup
	for _, t := range a.outsideBackups(c) {
		line := p.lastLine(ctx, pve.UPID(t.UPID))
		if !strings.HasPrefix(line, "TASK ") { // which is the last line of one that has just ended
			all = append(all, RunningBackup{By: t.User, Since: t.StartedAt, Line: line})
		}
	}
	return all, nil
}

// outsideBackups are the tasks of others that back the container up now. One of several containers is about it while
// Proxmox has locked it for that.
func (a *Actions) outsideBackups(c *berth.Container) []berth.Task {
	var running []berth.Task
	for _, view := range a.fleet.Snapshot().Clusters {
		if view.Cluster.Name != c.Cluster {
			continue
		}
		running = slices.DeleteFunc(slices.Clone(view.Tasks), func(t berth.Task) bool {
			about := t.Subject == c.Key() || t.Subject == "" && t.Node == c.Node && c.Lock == "backup"
			return t.Type != "vzdump" || t.Own || t.Former || !t.EndedAt.IsZero() || !about
		})
	}
	return running
}

// lastLine is the latest line of the log of a task; empty if it cannot be read now.
func (p *poller) lastLine(ctx context.Context, task pve.UPID) string {
	if p.client == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	lines, err := p.client.TaskLog(ctx, task, 0, longestBackupLog)
	if err != nil || len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1].Text
}
