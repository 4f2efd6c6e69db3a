package pvesim

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// backupJob is a scheduled backup of /cluster/backup. The schedule is kept and shown; nothing runs by itself.
type backupJob struct {
	id   string
	conf params
}

var jobNumbers = strings.Fields("all enabled repeat-missed protected remove bwlimit ionice lockwait pigz zstd stopwait quiet stdexcludes stop")

func (j *backupJob) row(now time.Time) obj {
	row := obj{"id": j.id, "type": "vzdump", "enabled": 1, "next-run": nextRun(j.conf["schedule"], now).Unix()}
	for key, value := range j.conf {
		row[key] = value
		if contains(jobNumbers, key) {
			row[key] = atoi(value)
		}
	}
	if row["enabled"] == 0 {
		delete(row, "next-run")
	}
	return row
}

// nextRun returns when a job is due next, in the zone of the nodes: at its time of day, or at midnight if its schedule is more
// than a time of day.
func nextRun(schedule string, now time.Time) time.Time {
	due := now.UTC().Truncate(24 * time.Hour)
	if at, err := time.Parse("15:04", schedule); err == nil {
		due = due.Add(time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute)
	}
	if !due.After(now) {
		due = due.AddDate(0, 0, 1)
	}
	return due
}

func listJobs(c *call) (any, error) {
	out := []obj{}
	for _, j := range c.sim.world.jobs {
		out = append(out, j.row(c.now))
	}
	return out, nil
}

func (c *call) knownJob() (*backupJob, error) {
	for _, j := range c.sim.world.jobs {
		if j.id == c.params["id"] {
			return j, nil
		}
	}
	return nil, invalidParam("id", "No such job '%s'", c.params["id"])
}

func getJob(c *call) (any, error) {
	j, err := c.knownJob()
	if err != nil {
		return nil, err
	}
	row := j.row(c.now)
	delete(row, "next-run")
	return row, nil
}

// addJob answers null, not the id.
func addJob(c *call) (any, error) {
	if id := c.params["storage"]; id != "" {
		if err := c.may("/storage/"+id, "Datastore.Allocate"); err != nil {
			return nil, err
		}
		if c.sim.world.storage(id) == nil {
			return nil, die("storage '%s' does not exist", id)
		}
	}
	id := c.params["id"]
	if id == "" {
		id = "backup-" + uuid(uint64(len(c.sim.world.jobs)), "job")[:13]
	}
	for _, j := range c.sim.world.jobs {
		if j.id == id {
			return nil, invalidParam("id", "Job '%s' already exists", id)
		}
	}
	conf := maps.Clone(c.params)
	delete(conf, "id")
	c.sim.world.jobs = append(c.sim.world.jobs, &backupJob{id, conf})
	return nil, nil
}

func changeJob(c *call) (any, error) {
	j, err := c.knownJob()
	if err != nil {
		return nil, err
	}
	for _, key := range c.params.list("delete") {
		delete(j.conf, key)
	}
	for key, value := range c.params {
		if key != "id" && key != "delete" {
			j.conf[key] = value
		}
	}
	return nil, nil
}

func removeJob(c *call) (any, error) {
	j, err := c.knownJob()
	if err != nil {
		return nil, err
	}
	c.sim.world.jobs = slices.DeleteFunc(c.sim.world.jobs, func(o *backupJob) bool { return o == j })
	return nil, nil
}

// covers tells whether a job backs a container up.
func (j *backupJob) covers(ct *container) bool {
	if j.conf["enabled"] == "0" {
		return false
	}
	id := strconv.Itoa(ct.vmid)
	switch {
	case j.conf["node"] != "" && j.conf["node"] != ct.node.name:
		return false
	case j.conf.truth("all"):
		return !contains(j.conf.list("exclude"), id)
	case j.conf["pool"] != "":
		return ct.pool == j.conf["pool"]
	}
	return contains(j.conf.list("vmid"), id)
}

// notBackedUp lists the containers that no job covers, of those that the caller sees.
func notBackedUp(c *call) (any, error) {
	out := []obj{}
	w := &c.sim.world
	for _, id := range w.vmids() {
		ct := w.containers[id]
		covered := slices.ContainsFunc(w.jobs, func(j *backupJob) bool { return j.covers(ct) })
		if !covered && w.allowed(c.user, ct.aclPath(), "VM.Audit") {
			out = append(out, obj{"vmid": id, "name": ct.name(), "type": "lxc"})
		}
	}
	return out, nil
}

func includedVolumes(c *call) (any, error) {
	j, err := c.knownJob()
	if err != nil {
		return nil, err
	}
	children := []obj{}
	for _, id := range c.sim.world.vmids() {
		ct := c.sim.world.containers[id]
		if !j.covers(ct) || !c.sim.world.allowed(c.user, ct.aclPath(), "VM.Audit") {
			continue
		}
		volumes := []obj{}
		for _, key := range sortedKeys(ct.conf) {
			if key == "rootfs" || strings.HasPrefix(key, "mp") {
				f := splitProperties(ct.conf[key], "volume")
				volumes = append(volumes, obj{"id": key, "name": f["volume"], "included": flag(key == "rootfs" || isTrue(f["backup"])), "reason": "rootfs"})
			}
		}
		children = append(children, obj{"id": strconv.Itoa(id), "name": ct.name(), "type": "lxc", "children": volumes})
	}
	return obj{"children": children}, nil
}

// purgeJobs takes a destroyed container out of the backup jobs.
func (w *world) purgeJobs(vmid int, purge bool) {
	if !purge {
		return
	}
	id := strconv.Itoa(vmid)
	for _, j := range w.jobs {
		if j.conf.has("vmid") {
			j.conf["vmid"] = joinComma(without(j.conf.list("vmid"), id))
		}
	}
}
