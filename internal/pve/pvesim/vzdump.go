package pvesim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dump is one vzdump run.
type dump struct {
	ids            []int
	all            bool
	storage        string
	mode, compress string
	notes          string
	protected      bool
	prune          string
	commandLine    string
}

// vzdump is POST /nodes/{node}/vzdump. Rights on the guests are checked in the task only.
func vzdump(c *call) (any, error) {
	p := c.params
	if !p.has("vmid") && !p.truth("all") && !p.has("pool") {
		return nil, invalidParam("vmid", "property is missing")
	}
	if err := c.mayDump(); err != nil {
		return nil, err
	}
	d := c.readDump()
	if !d.all && len(d.ids) == 0 {
		return "OK", nil // all of them are on other nodes
	}
	id := ""
	if len(d.ids) == 1 && !d.all {
		id = strconv.Itoa(d.ids[0])
	}
	return c.start("vzdump", id, func(t *task) error { return t.dump(d) }), nil
}

func (c *call) mayDump() error {
	p := c.params
	at := "/storage/" + p["storage"]
	if p.has("storage") {
		if err := c.may(at, "Datastore.AllocateSpace"); err != nil {
			return err
		}
	}
	if p.has("prune-backups") {
		if err := c.may(at, "Datastore.Allocate"); err != nil {
			return err
		}
	}
	for _, key := range []string{"bwlimit", "ionice", "performance"} {
		if p.has(key) {
			return c.may("/", "Sys.Modify")
		}
	}
	for _, key := range []string{"dumpdir", "tmpdir", "script"} {
		if p.has(key) && !c.user.isRoot() {
			return invalidParam(key, "Only root may set this option.")
		}
	}
	return nil
}

// readDump collects what to back up on this node; ids that live elsewhere are left out, unknown ones stay and fail.
func (c *call) readDump() *dump {
	p := c.params
	d := &dump{all: p.truth("all"), storage: p["storage"], mode: p["mode"], compress: p["compress"], notes: p["notes-template"], protected: p.truth("protected"), prune: p["prune-backups"]}
	if d.storage == "" {
		d.storage = "local"
	}
	if d.mode == "" {
		d.mode = "snapshot"
	}
	var args []string
	for _, key := range sortedKeys(p) {
		if key != "vmid" {
			args = append(args, "--"+key+" "+p[key])
		}
	}
	d.commandLine = "vzdump " + strings.Join(append(p.list("vmid"), args...), " ")
	ids := p.list("vmid")
	if pool := c.sim.world.pools[p["pool"]]; pool != nil {
		for id := range pool.members {
			ids = append(ids, strconv.Itoa(id))
		}
	}
	for _, text := range ids {
		if ct := c.sim.world.container(atoi(text)); ct == nil || ct.node == c.node {
			d.ids = append(d.ids, atoi(text))
		}
	}
	if d.all {
		d.addAll(c)
	}
	slices.Sort(d.ids)
	return d
}

// addAll takes every container of the node that the caller may back up; the others are skipped silently.
func (d *dump) addAll(c *call) {
	for _, ct := range c.node.sortedGuests() {
		if !contains(c.params.list("exclude"), strconv.Itoa(ct.vmid)) && c.sim.world.allowed(c.user, ct.aclPath(), "VM.Backup") {
			d.ids = append(d.ids, ct.vmid)
		}
	}
}

func (t *task) dump(d *dump) error {
	var st *storage
	err := t.locked(func() error {
		if st = t.sim.world.storage(d.storage); st == nil {
			return fmt.Errorf("could not get storage information for '%s': storage '%s' does not exist", d.storage, d.storage)
		}
		if !st.holds("backup") {
			return fmt.Errorf("could not get storage information for '%s': can't use storage '%s' for backups - wrong content type", d.storage, d.storage)
		}
		return t.mayDumpAll(d)
	})
	if err != nil {
		return err
	}
	t.log("INFO: starting new backup job: %s", d.commandLine)
	failed := false
	for _, vmid := range d.ids {
		if err := t.dumpOne(d, st, vmid); err != nil {
			if t.failure != nil {
				return t.failure
			}
			if failed = true; t.ctx.Err() != nil { // the archiver is told to stop, and the job ends as with any other failure
				t.log("ERROR: Backup of VM %d failed - command 'set -o pipefail && tar cpf - --totals ...' failed: interrupted by signal", vmid)
				t.log("INFO: Failed at %s", t.sim.now().Format(time.DateTime))
				break
			}
			t.log("ERROR: Backup of VM %d failed - %s", vmid, err)
			t.log("INFO: Failed at %s", t.sim.now().Format(time.DateTime))
		}
	}
	if failed {
		t.log("INFO: Backup job finished with errors")
		return fmt.Errorf("job errors")
	}
	t.log("INFO: Backup job finished successfully")
	return nil
}

func (t *task) mayDumpAll(d *dump) error {
	c := &call{sim: t.sim, user: t.user}
	for _, vmid := range d.ids {
		if err := c.may(fmt.Sprintf("/vms/%d", vmid), "VM.Backup"); err != nil {
			return err
		}
	}
	return nil
}

// dumpOne backs up one container: lock, write, unlock.
func (t *task) dumpOne(d *dump, st *storage, vmid int) error {
	began := t.sim.now()
	var ct *container
	status := "stopped"
	err := t.locked(func() error {
		if ct = t.sim.world.container(vmid); ct == nil || ct.node != t.node {
			return fmt.Errorf("unable to find VM '%d'", vmid)
		}
		if ct.running {
			status = "running"
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.log("INFO: Starting Backup of VM %d (lxc)", vmid)
	t.log("INFO: Backup started at %s", began.Format(time.DateTime))
	t.log("INFO: status = %s", status)
	err = t.locked(func() error {
		if err := ct.checkLock(); err != nil {
			return err
		}
		t.sim.change(ct, func() { ct.conf["lock"] = "backup" })
		return nil
	})
	if err != nil {
		return err
	}
	defer t.unlock(ct)
	return t.write(d, st, ct, began)
}

// write stores the archive, with progress in the log.
func (t *task) write(d *dump, st *storage, ct *container, began time.Time) error {
	v, name, able := t.newArchive(d, ct, began)
	mode := d.mode
	if mode == "snapshot" && !able {
		t.log("INFO: mode failure - some volumes do not support snapshots")
		t.log("INFO: trying 'suspend' mode instead")
		mode = "suspend"
	}
	t.log("INFO: backup mode: %s", mode)
	t.log("INFO: ionice priority: 7")
	t.log("INFO: CT Name: %s", name)
	t.log("INFO: including mount point rootfs ('/') in backup")
	if mode == "snapshot" {
		t.log("INFO: create storage snapshot 'vzdump'")
	}
	t.log("INFO: creating vzdump archive '%s'", st.pathOf(v))
	if err := t.pause(t.takes(4)); err != nil {
		return err
	}
	t.log("INFO: Total bytes written: %d (%dMiB, 160MiB/s)", v.size*3, v.size*3>>20)
	t.log("INFO: archive file size: %dMB", v.size>>20)
	if mode == "snapshot" {
		t.log("INFO: cleanup temporary 'vzdump' snapshot")
	}
	t.locked(func() error {
		st.set(t.node)[v.name] = v
		t.pruneAfter(d, st, ct.vmid)
		return nil
	})
	t.log("INFO: Finished Backup of VM %d (%s)", ct.vmid, time.Unix(int64(t.sim.now().Sub(began).Seconds()), 0).UTC().Format(time.TimeOnly))
	t.log("INFO: Backup finished at %s", t.sim.now().Format(time.DateTime))
	return nil
}

// newArchive is the volume that the backup will become.
func (t *task) newArchive(d *dump, ct *container, began time.Time) (v *volume, name string, snapshots bool) {
	t.sim.mu.Lock()
	defer t.sim.mu.Unlock()
	ext := map[string]string{"zstd": "tar.zst", "gzip": "tar.gz", "1": "tar.gz", "lzo": "tar.lzo"}[d.compress]
	if ext == "" {
		ext = "tar"
	}
	file := fmt.Sprintf("backup/vzdump-lxc-%d-%s.%s", ct.vmid, began.Format("2006_01_02-15_04_05"), ext)
	conf := maps.Clone(ct.conf)
	delete(conf, "lock")
	f := ct.shape.figuresAt(ct.seed, t.sim.clock(began), ct.started)
	notes := strings.NewReplacer("{{guestname}}", ct.name(), "{{vmid}}", strconv.Itoa(ct.vmid), "{{node}}", t.node.name, "{{cluster}}", t.sim.world.name).Replace(d.notes)
	v = &volume{name: file, content: "backup", format: ext, vmid: ct.vmid, size: f.disk/2 + 1<<20, made: began, notes: notes, protected: d.protected,
		archive: &archive{conf, copied(ct.box)}}
	return v, ct.name(), ct.feature(&t.sim.world)
}
