package fleet

import (
	"context"
	"strconv"
	"strings"

	"berth"
	"berth/internal/pve"
)

// stormOf is how many containers with news at one look make a storm, in which the list is cheaper than to read each.
const stormOf = 8

// tasks are the cluster's latest tasks, /cluster/tasks.
type tasks struct {
	beat
	known  map[pve.UPID]bool // and whether they have ended; nil before the first look
	latest []berth.Task
	untold []pve.TaskRow     // that are still to be entered in the history
	left   map[pve.UPID]bool // that were given up by their jobs, which may be later than their end
}

// askTasks looks for tasks that have begun or ended when it is time to. While the list fails there is no use in it.
func (p *poller) askTasks(ctx context.Context) {
	now := p.fleet.now()
	if p.health.State != Answering || !p.tasks.due(now) {
		return
	}
	p.tasks.begin(now)
	p.ask(ctx, func(ctx context.Context) func() {
		rows, err := p.client.ClusterTasks(ctx)
		return func() { p.takeTasks(rows, err) }
	})
}

func (p *poller) takeTasks(rows []pve.TaskRow, err error) {
	now := p.fleet.now()
	if err != nil {
		p.tasks.fail(now, p.fleet.pace.Idle)
		p.listSoon() // decides whether the cluster still answers
		return
	}
	p.tasks.end(now, p.pace(p.fleet.pace.WatchedTasks), p.gap())
	first, news := p.tasks.known == nil, p.taskNews(rows)
	for i := range news {
		p.noticeCreation(&news[i], !first)
	}
	if len(news) > 0 {
		p.tasks.latest, p.changed = p.latest(rows), true
	}
	for i := range rows {
		if u := rows[i].UPID; p.tasks.left[u] && !rows[i].Running() {
			delete(p.tasks.left, u)
			p.tasks.untold = append(p.tasks.untold, rows[i])
		}
	}
	p.noteOutside(append(p.tasks.untold, news...))
	p.tasks.untold = nil
	if !first {
		p.follow(news)
	}
}

// taskNews gives the tasks that have begun or ended since the look before, and remembers this one.
func (p *poller) taskNews(rows []pve.TaskRow) []pve.TaskRow {
	var news []pve.TaskRow
	known := make(map[pve.UPID]bool, len(rows))
	for _, row := range rows {
		ended, seen := p.tasks.known[row.UPID]
		known[row.UPID] = !row.Running()
		if !seen || ended != known[row.UPID] {
			news = append(news, row)
		}
	}
	p.tasks.known = known
	return news
}

// follow has the containers read that tasks are about: the cluster's statistics are up to 14 s old. What the list alone
// can tell (created, cloned, deleted, moved) is left to the list.
func (p *poller) follow(news []pve.TaskRow) {
	vmids := map[int]bool{}
	needsList := false
	for i := range news {
		if changesBackups(&news[i]) {
			p.backupsSoon(news[i].Node)
		}
		vmid, ok := containerOf(&news[i])
		if !ok {
			continue
		}
		_, listed := p.list.row(vmid)
		if listed && !onlyBegins(&news[i]) {
			vmids[vmid] = true
		}
		needsList = needsList || changesTheList(news[i].Type)
		if p.mayHaveChanged(&news[i]) {
			p.wantConfig(vmid)
		}
	}
	if len(vmids) > stormOf {
		needsList, vmids = true, nil
	}
	if needsList {
		p.listSoon()
	}
	for vmid := range vmids {
		p.followContainer(vmid)
	}
}

// containerOf is the container that a task is about, if it is about a single one. Tasks of virtual machines are named qm...
func containerOf(row *pve.TaskRow) (vmid int, ok bool) {
	if strings.HasPrefix(row.Type, "qm") {
		return 0, false
	}
	vmid, err := strconv.Atoi(row.ID)
	return vmid, err == nil && vmid > 0
}

// onlyBegins tells whether a task has just begun whose container stays as it was until its end, so that a read now would
// tell nothing.
func onlyBegins(row *pve.TaskRow) bool {
	switch row.Type {
	case "vzstart", "vzstop", "vzshutdown", "vzreboot":
		return row.Running()
	}
	return false
}

func changesTheList(kind string) bool {
	switch kind {
	case "vzcreate", "vzrestore", "vzclone", "vzdestroy", "vzmigrate", "vztemplate":
		return true
	}
	return false
}

// changesBackups tells whether a task may have made or removed backups.
func changesBackups(row *pve.TaskRow) bool {
	switch row.Type {
	case "vzdump", "imgdel", "prunebackups", "imgcopy":
		return !row.Running()
	}
	return false
}

// mayHaveChanged tells whether a task has put another configuration in place.
func (p *poller) mayHaveChanged(row *pve.TaskRow) bool {
	switch row.Type {
	case "vzcreate", "vzrestore", "vzrollback", "vztemplate", "resize", "move_volume":
		return !row.Running()
	}
	return false
}
