package pvesim

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/pve/pvesim/shell"
)

// archive is what a backup volume remembers of its container.
type archive struct {
	conf map[string]string
	box  *shell.Box
}

var backupName = regexp.MustCompile(`vzdump-lxc-(\d+)-`)

// backupOwner reads the id of the container off a backup's name; 0 when it is none.
func backupOwner(name string) int {
	if m := backupName.FindStringSubmatch(name); m != nil {
		return atoi(m[1])
	}
	return 0
}

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
			if t.ctx.Err() != nil {
				return t.interruption()
			}
			t.log("ERROR: Backup of VM %d failed - %s", vmid, err)
			t.log("INFO: Failed at %s", time.Now().Format(time.DateTime))
			failed = true
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
	began := time.Now()
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
	t.log("INFO: Finished Backup of VM %d (%s)", ct.vmid, time.Unix(int64(time.Since(began).Seconds()), 0).UTC().Format(time.TimeOnly))
	t.log("INFO: Backup finished at %s", time.Now().Format(time.DateTime))
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

// extractConfig is GET .../vzdump/extractconfig.
func extractConfig(c *call) (any, error) {
	volid := c.params["volume"]
	st, v := c.sim.world.volume(c.node, volid)
	if st == nil {
		id, _, _ := strings.Cut(volid, ":")
		return nil, die("storage '%s' does not exist", id)
	}
	if err := c.mayTouchVolume(st, volid); err != nil {
		return nil, err
	}
	if v == nil || v.archive == nil {
		return nil, die("volume '%s' does not exist", volid)
	}
	return section(v.archive.conf), nil
}

func dumpDefaults(c *call) (any, error) {
	out := obj{"mode": "snapshot", "compress": "0", "storage": "local", "ionice": 7, "lockwait": 180, "stopwait": 10, "remove": 1, "pigz": 0, "zstd": 1, "notification-mode": "auto",
		"prune-backups": obj{"keep-all": "1"}, "mailnotification": "always", "exclude-path": []string{}}
	if id := c.params["storage"]; id != "" {
		out["storage"] = id
	}
	return out, nil
}
