package pvesim

import (
	"slices"
	"strings"
)

// nodeTasks is GET /nodes/{node}/tasks: the archive of finished tasks, newest first, or the running ones.
func nodeTasks(c *call) (any, error) {
	all := c.sim.world.allowed(c.user, "/nodes/"+c.node.name, "Sys.Audit")
	source := c.params["source"]
	var out []obj
	list := slices.Clone(c.sim.world.tasks.byNode[c.node])
	slices.Reverse(list)
	for _, t := range list {
		active := t.ended.IsZero()
		if active && source != "active" && source != "all" || !active && source == "active" {
			continue
		}
		mine := t.user.String() == c.user.String() || t.user.user == c.user.String()
		if !all && !mine || !c.wantsTask(t) {
			continue
		}
		row := t.row()
		if active {
			row["status"], row["saved"], row["user"] = "RUNNING", "0", t.user.String()
			delete(row, "tokenid")
		}
		out = append(out, row)
	}
	return c.page(out), nil
}

// page cuts start and limit out of a list and sets the total, unless the list is empty.
func (c *call) page(rows []obj) []obj {
	total := len(rows)
	if total > 0 {
		c.total = &total
	}
	start := min(c.params.number("start", 0), total)
	end := min(start+c.params.number("limit", 50), total)
	return append([]obj{}, rows[start:end]...)
}

// wantsTask applies the filters of the request.
func (c *call) wantsTask(t *task) bool {
	p := c.params
	kind := taskOutcome(t)
	switch {
	case p.has("vmid") && t.id != p["vmid"],
		p.has("typefilter") && t.kind != p["typefilter"],
		p.has("userfilter") && !strings.Contains(strings.ToLower(t.user.String()), strings.ToLower(p["userfilter"])),
		p.has("since") && t.began.Unix() < int64(p.number("since", 0)),
		p.has("until") && t.began.Unix() > int64(p.number("until", 0)),
		p.truth("errors") && kind != "error" && kind != "unknown",
		p.has("statusfilter") && !contains(p.list("statusfilter"), kind):
		return false
	}
	return true
}

// taskOutcome sorts an exit status into ok, warning, error and unknown.
func taskOutcome(t *task) string {
	switch {
	case t.ended.IsZero():
		return ""
	case t.status == "OK":
		return "ok"
	case strings.HasPrefix(t.status, "WARNINGS: "):
		return "warning"
	case t.status == "unexpected status":
		return "unknown"
	}
	return "error"
}

// clusterTasks is GET /cluster/tasks: per node everything that runs and the last finished ones.
func clusterTasks(c *call) (any, error) {
	all := c.sim.world.allowed(c.user, "/", "Sys.Audit")
	out := []obj{}
	for _, n := range c.sim.world.nodes {
		finished := 0
		for _, t := range slices.Backward(c.sim.world.tasks.byNode[n]) {
			if !t.ended.IsZero() {
				if finished++; finished > sharedTasks {
					continue
				}
			}
			// a token is compared with the user part only, so it does not see its own tasks
			if !all && t.user.user != c.user.String() {
				continue
			}
			out = append(out, t.sharedRow())
		}
	}
	return out, nil
}

func (t *task) sharedRow() obj {
	row := t.row()
	delete(row, "pstart")
	row["saved"] = "1"
	if !t.ended.IsZero() {
		delete(row, "pid")
	} else {
		row["saved"] = "0"
	}
	return row
}
