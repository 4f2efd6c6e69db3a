package pvesim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

func (t *task) pruneAfter(d *dump, st *storage, vmid int) {
	if d.prune == "" {
		return
	}
	for _, m := range st.prune(t.node, strconv.Itoa(vmid), d.prune) {
		if m.mark == "remove" {
			delete(st.set(t.node), m.v.name)
			t.lines = append(t.lines, fmt.Sprintf("INFO: removing backup '%s:%s'", st.id, m.v.name))
		}
	}
}

// marked is a backup with what pruning would do to it.
type marked struct {
	v    *volume
	mark string // keep, remove, protected
}

// prune applies "keep-last=3,keep-daily=7": newest first, each rule keeps one backup per period.
func (st *storage) prune(n *node, vmid, rule string) []marked {
	byOwner := map[int][]*volume{}
	for _, v := range st.sortedVolumes(n) {
		if v.content == "backup" && (vmid == "" || strconv.Itoa(v.vmid) == vmid) {
			byOwner[v.vmid] = append(byOwner[v.vmid], v)
		}
	}
	keep := splitProperties(rule, "keep-all")
	var out []marked
	for _, owner := range slices.Sorted(maps.Keys(byOwner)) {
		out = append(out, pruneOne(byOwner[owner], keep)...)
	}
	return out
}

var prunePeriods = []struct{ key, layout string }{{"keep-last", time.RFC3339Nano}, {"keep-hourly", "2006-01-02 15"}, {"keep-daily", time.DateOnly}, {"keep-weekly", ""}, {"keep-monthly", "2006-01"}, {"keep-yearly", "2006"}}

func pruneOne(list []*volume, keep map[string]string) []marked {
	slices.SortFunc(list, func(a, b *volume) int { return b.made.Compare(a.made) })
	marks := map[*volume]string{}
	for _, period := range prunePeriods {
		left, seen := atoi(keep[period.key]), map[string]bool{}
		for _, v := range list {
			name := v.made.Format(period.layout)
			if period.layout == "" {
				year, week := v.made.ISOWeek()
				name = fmt.Sprint(year, week)
			}
			if marks[v] != "" {
				seen[name] = true
			} else if !v.protected && left > 0 && !seen[name] {
				seen[name], marks[v] = true, "keep"
				left--
			}
		}
	}
	var out []marked
	for _, v := range list {
		switch {
		case v.protected:
			marks[v] = "protected"
		case isTrue(keep["keep-all"]):
			marks[v] = "keep"
		case marks[v] == "":
			marks[v] = "remove"
		}
		out = append(out, marked{v, marks[v]})
	}
	return out
}

// previewPrune is GET .../prunebackups.
func previewPrune(c *call) (any, error) {
	st, err := c.knownStorage()
	if err != nil {
		return nil, err
	}
	out := []obj{}
	for _, m := range st.prune(c.node, c.params["vmid"], c.pruneRule()) {
		out = append(out, obj{"volid": st.id + ":" + m.v.name, "ctime": m.v.made.Unix(), "mark": m.mark, "type": "lxc", "vmid": m.v.vmid})
	}
	return out, nil
}

func (c *call) pruneRule() string {
	if rule := c.params["prune-backups"]; rule != "" {
		return rule
	}
	return "keep-all=1"
}

// pruneBackups is DELETE .../prunebackups.
func pruneBackups(c *call) (any, error) {
	st, err := c.knownStorage()
	if err != nil {
		return nil, err
	}
	vmid := c.params["vmid"]
	if vmid != "" {
		if err := c.may("/storage/"+st.id, "Datastore.AllocateSpace"); err != nil {
			return nil, err
		}
		if err := c.may("/vms/"+vmid, "VM.Backup"); err != nil {
			return nil, err
		}
	} else if err := c.may("/storage/"+st.id, "Datastore.Allocate"); err != nil {
		return nil, err
	}
	rule, node := c.pruneRule(), c.node
	id := st.id
	if vmid != "" {
		id = vmid + "@" + st.id
	}
	return c.start("prunebackups", id, func(t *task) error {
		return t.locked(func() error {
			for _, m := range st.prune(node, vmid, rule) {
				t.lines = append(t.lines, fmt.Sprintf("%s  %s:%s", m.mark, st.id, m.v.name))
				if m.mark == "remove" {
					delete(st.set(node), m.v.name)
				}
			}
			return nil
		})
	}), nil
}
