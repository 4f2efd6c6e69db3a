package pvesim

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"

	"berth/internal/pve/pvesim/shell"
)

// createOptions are parameters of a create call that are no config keys.
var createOptions = strings.Fields("node vmid ostemplate storage password ssh-public-keys pool start ha-managed bwlimit ignore-unpack-errors force restore unique unprivileged")

// creation is a create or restore on its way from the request into the task.
type creation struct {
	vmid      int
	node      *node
	pool      string
	archive   string // OS template or backup
	restore   bool
	over      *container // that a restore overwrites
	conf      map[string]string
	disks     map[string]string // rootfs and mpN as given, with a storage
	storage   string
	unprivil  bool
	explicit  bool // unprivileged was given
	unique    bool
	start, ha bool
	password  string
	keys      string
	by        caller
	box       *shell.Box // from the backup
}

// createContainer is POST /nodes/{node}/lxc, for new containers and restores.
func createContainer(c *call) (any, error) {
	k, err := c.readCreation()
	if err != nil {
		return nil, err
	}
	ct := k.reserve(c)
	kind := "vzcreate"
	if k.restore {
		kind = "vzrestore"
	}
	return c.start(kind, c.params["vmid"], func(t *task) error { return t.create(k, ct) }), nil
}

// readCreation runs the checks of create_vm in their order.
func (c *call) readCreation() (*creation, error) {
	p, w := c.params, &c.sim.world
	if err := c.needsQuorum(); err != nil {
		return nil, err
	}
	k := &creation{vmid: p.number("vmid", 0), node: c.node, pool: p["pool"], archive: p["ostemplate"], restore: p.truth("restore"),
		storage: p["storage"], unique: p.truth("unique"), start: p.truth("start"), ha: p.truth("ha-managed"), password: p["password"], keys: p["ssh-public-keys"],
		explicit: p.has("unprivileged"), unprivil: p.truth("unprivileged") || !p.has("unprivileged") && !w.release.before(9, 0), by: c.user}
	if k.storage == "" {
		k.storage = "local"
	}
	existing := w.container(k.vmid)
	if k.pool != "" && w.pools[k.pool] == nil {
		return nil, forbid("Permission check failed (pool '%s' does not exist)", k.pool)
	}
	if err := c.mayAllocate(k, existing); err != nil {
		return nil, err
	}
	if err := c.idFree(k, existing); err != nil {
		return nil, err
	}
	if !validKeys(k.keys) {
		return nil, die("SSH public key validation error")
	}
	set := k.sort(p)
	if err := c.checkDisks(k); err != nil {
		return nil, err
	}
	if err := c.mayCreate(k, set); err != nil {
		return nil, err
	}
	return k, c.mayReadArchive(k)
}

var sshKey = regexp.MustCompile(`^(?:ssh-\S+|ecdsa-\S+|sk-\S+) [A-Za-z0-9+/=]+(?: .*)?$`)

// validKeys accepts authorised keys, one a line.
func validKeys(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !sshKey.MatchString(line) {
			return false
		}
	}
	return true
}

// sort tells disks and other config keys apart and returns both.
func (k *creation) sort(p params) params {
	set := params{}
	k.conf, k.disks = map[string]string{}, map[string]string{}
	for key, value := range p {
		switch {
		case contains(createOptions, key):
			continue
		case isDisk(key):
			k.disks[key] = value
		default:
			k.conf[key] = value
		}
		set[key] = value
	}
	return set
}

// mayAllocate: VM.Allocate on the id or the pool; VM.Backup is enough to restore over an existing container.
func (c *call) mayAllocate(k *creation, existing *container) error {
	w, path := &c.sim.world, fmt.Sprintf("/vms/%d", k.vmid)
	switch {
	case w.allowed(c.user, path, "VM.Allocate"),
		k.pool != "" && w.allowed(c.user, "/pool/"+k.pool, "VM.Allocate"),
		k.restore && c.params.truth("force") && existing != nil && w.allowed(c.user, path, "VM.Backup"):
		return nil
	}
	return errForbidden
}

func (c *call) idFree(k *creation, existing *container) error {
	if existing == nil {
		return nil
	}
	if !k.restore || !c.params.truth("force") || existing.node != c.node {
		return die("CT %d already exists on node '%s'", k.vmid, existing.node.name)
	}
	if existing.running {
		return die("can't overwrite running container")
	}
	if existing.conf["protection"] == "1" {
		return die("unable to restore CT %d - protection mode enabled", k.vmid)
	}
	k.over = existing
	return existing.checkLock()
}

// mayCreate checks the privileges of the options.
func (c *call) mayCreate(k *creation, set params) error {
	if err := c.mayChange(fmt.Sprintf("/vms/%d", k.vmid), k.pool, nil, set, nil, k.unprivil); err != nil {
		return err
	}
	if k.explicit && !k.unprivil && !k.restore && !c.sim.world.release.before(9, 0) {
		if err := c.may("/", "Sys.Modify"); err != nil {
			return err
		}
	}
	if k.ha {
		return c.may("/", "Sys.Console")
	}
	return nil
}

// mayReadArchive: a template needs AllocateSpace or Audit on its storage, a backup AllocateSpace and VM.Backup of its owner.
func (c *call) mayReadArchive(k *creation) error {
	id, name, found := strings.Cut(k.archive, ":")
	if !found {
		if c.user.isRoot() {
			return nil
		}
		return die("Only root can pass arbitrary filesystem paths.")
	}
	if c.sim.world.storage(id) == nil {
		return die("storage '%s' does not exist", id)
	}
	path := "/storage/" + id
	if !k.restore {
		if !strings.HasPrefix(name, "vztmpl/") {
			return die("unable to use volume '%s' - content type needs to be 'vztmpl'", k.archive)
		}
		return c.mayAny(path, "Datastore.AllocateSpace", "Datastore.Audit")
	}
	if !strings.HasPrefix(name, "backup/") {
		return die("unable to use volume '%s' - content type needs to be 'backup'", k.archive)
	}
	if k.over != nil {
		return c.may(fmt.Sprintf("/vms/%d", k.vmid), "VM.Backup")
	}
	if err := c.may(path, "Datastore.AllocateSpace"); err != nil {
		return err
	}
	return c.may(fmt.Sprintf("/vms/%d", backupOwner(name)), "VM.Backup")
}

// checkDisks resolves the storages and checks that they can be used.
func (c *call) checkDisks(k *creation) error {
	for key, value := range k.disks {
		first, rest, more := strings.Cut(value, ",")
		if numberText.MatchString(first) {
			if !c.user.isRoot() {
				return die("Only root can pass arbitrary filesystem paths.")
			}
			first = k.storage + ":" + first
		}
		if more {
			first += "," + rest
		}
		k.disks[key] = first
	}
	if _, has := k.disks["rootfs"]; !has && len(k.disks) > 0 && !k.restore {
		return die("mount points configured, but 'rootfs' not set - aborting")
	}
	for _, key := range sortedKeys(k.disks) {
		if volumeKind(k.disks[key]) != "volume" {
			continue
		}
		id, _, _ := strings.Cut(k.disks[key], ":")
		if _, err := c.usable(id); err != nil {
			return err
		}
	}
	if k.disks["rootfs"] == "" {
		_, err := c.usable(k.storage)
		return err
	}
	return nil
}

// reserve writes the config that holds nothing but the lock: from now on the id is taken.
func (k *creation) reserve(c *call) *container {
	s := c.sim
	if k.over != nil {
		s.change(k.over, func() { k.over.conf["lock"] = "create" })
		return k.over
	}
	seed := hash(s.opt.Seed, "container", strconv.Itoa(k.vmid), strconv.Itoa(s.world.version))
	ct := &container{vmid: k.vmid, node: k.node, seed: seed, conf: map[string]string{"lock": "create"}, pending: map[string]string{}, removing: map[string]bool{}, snaps: map[string]*snapshot{}}
	ct.sample = s.newborn(k.node, c.now)
	ct.reshape(int(3 + seed%25))
	s.world.add(ct)
	s.world.aclChanged()
	return ct
}

// create is the body of vzcreate and vzrestore. When it fails, a new container vanishes without a trace.
func (t *task) create(k *creation, ct *container) error {
	err := t.holding(k.vmid, func() error { return t.build(k, ct) })
	if err == errKilled {
		return err // a killed worker cleans nothing up
	}
	if err != nil {
		t.locked(func() error { t.undo(k, ct); return nil })
		what := "create"
		if k.restore {
			what = "restore"
		}
		return fmt.Errorf("unable to %s CT %d - %w", what, k.vmid, err)
	}
	if !k.start && !k.ha {
		return nil
	}
	return t.locked(func() error {
		t.sim.fork(k.node, k.by, "vzstart", strconv.Itoa(k.vmid), func(start *task) error { return start.startContainer(k.vmid, false) })
		if k.ha {
			t.sim.world.ha[fmt.Sprintf("ct:%d", k.vmid)] = &haResource{vmid: k.vmid, state: "started", maxRelocate: 1, maxRestart: 1}
		}
		return nil
	})
}

func (t *task) undo(k *creation, ct *container) {
	if k.over != nil {
		t.sim.change(ct, func() { delete(ct.conf, "lock") })
		return
	}
	t.sim.world.freeOwned(k.node, k.vmid)
	t.sim.destroy(ct)
}

// build allocates, unpacks and writes the final config.
func (t *task) build(k *creation, ct *container) error {
	conf, from, err := t.baseConfig(k)
	if err != nil {
		return err
	}
	lines, err := t.allocate(k, conf)
	if err != nil {
		return err
	}
	for _, line := range lines {
		t.log("%s", line)
	}
	if from == nil {
		t.log("volume '%s' does not exist", k.archive)
		return fmt.Errorf("volume '%s' does not exist", k.archive)
	}
	_, file, _ := strings.Cut(from.name, "/")
	dir := "template/cache"
	if k.restore {
		dir = "dump"
	}
	t.log("extracting archive '/var/lib/vz/%s/%s'", dir, file)
	if err := t.pause(t.takes(1.5)); err != nil {
		return err
	}
	t.log("Total bytes read: %d (%dMiB, 213MiB/s)", from.size*3, from.size*3>>20)
	if k.restore {
		t.log("merging backed-up and given configuration..")
	}
	t.log("Detected container architecture: amd64")
	if os := conf["ostype"]; (os == "debian" || os == "ubuntu") && !strings.Contains(conf["features"], "nesting=1") {
		t.warn("%s", nestingHint)
	}
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		if err := t.pause(t.takes(0.1)); err != nil {
			return err
		}
		t.log("Creating SSH host key 'ssh_host_%s_key' - this may take some time ...", kind)
		t.log("done: SHA256:%s root@%s", strings.ReplaceAll(uuid(ct.seed, kind), "-", ""), conf["hostname"])
	}
	return t.locked(func() error { t.complete(k, ct, conf); return nil })
}

// baseConfig merges defaults, archive and request.
func (t *task) baseConfig(k *creation) (conf map[string]string, from *volume, err error) {
	t.sim.mu.Lock()
	defer t.sim.mu.Unlock()
	_, from = t.sim.world.volume(k.node, k.archive)
	conf = map[string]string{"arch": "amd64", "memory": "512", "swap": "512", "hostname": fmt.Sprintf("CT%d", k.vmid), "ostype": guessOS(k.archive)}
	if k.restore && from != nil && from.archive != nil {
		t.lines = append(t.lines, fmt.Sprintf("recovering backed-up configuration from '%s'", k.archive), fmt.Sprintf("restoring '%s' now..", k.archive))
		conf, k.box = maps.Clone(from.archive.conf), from.archive.box
		if err := t.mayRestore(k, conf); err != nil {
			return nil, nil, err
		}
	}
	for key, value := range k.conf {
		if strings.HasPrefix(key, "net") {
			conf[key] = t.sim.normalNet(value, k.vmid, key)
			continue
		}
		conf[key] = normalValue(key, value)
	}
	if k.unprivil && (!k.restore || k.explicit) {
		conf["unprivileged"] = "1"
	}
	if from != nil && from.oci {
		asApplication(conf)
	}
	return conf, from, nil
}

// asApplication is what a container made of an OCI image gets: its entry point, environment and host-managed addresses.
func asApplication(conf map[string]string) {
	conf["ostype"], conf["cmode"], conf["entrypoint"] = "unmanaged", "console", "/docker-entrypoint.sh"
	conf["env"] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for key, value := range conf {
		if strings.HasPrefix(key, "net") && !strings.Contains(value, "host-managed") {
			conf[key] = value + ",host-managed=1"
		}
	}
}

// mayRestore checks the bridges of a restored config; it happens in the task, so the call has already said 200.
func (t *task) mayRestore(k *creation, conf map[string]string) error {
	c := &call{sim: t.sim, user: k.by}
	for key, value := range conf {
		if strings.HasPrefix(key, "net") && k.conf[key] == "" {
			if err := c.mayUseBridge(value); err != nil {
				return fmt.Errorf("403 %w", err)
			}
		}
	}
	if !k.unique {
		return nil
	}
	for key := range conf {
		if strings.HasPrefix(key, "net") {
			f := splitProperties(conf[key], "")
			delete(f, "hwaddr")
			conf[key] = t.sim.normalNet(printProperties(f, "name"), k.vmid, key)
		}
	}
	return nil
}

// guessOS reads the distribution off an archive's file name.
func guessOS(archive string) string {
	for _, os := range strings.Fields("debian devuan ubuntu fedora opensuse archlinux alpine gentoo nixos") {
		if strings.Contains(archive, os) {
			return os
		}
	}
	if strings.Contains(archive, "rocky") || strings.Contains(archive, "alma") || strings.Contains(archive, "centos") {
		return "centos"
	}
	return "unmanaged"
}

// allocate makes the volumes of a new container and writes their config lines into conf.
func (t *task) allocate(k *creation, conf map[string]string) (lines []string, err error) {
	t.sim.mu.Lock()
	defer t.sim.mu.Unlock()
	w := &t.sim.world
	disks := maps.Clone(k.disks)
	if disks["rootfs"] == "" {
		size := "4"
		if old := conf["rootfs"]; old != "" {
			size = plain(float64(diskSize(old)) / (1 << 30))
		}
		disks["rootfs"] = k.storage + ":" + size
	}
	if k.over != nil {
		w.freeAll(k.over)
	}
	for _, key := range sortedKeys(disks) {
		f := splitProperties(disks[key], "volume")
		m := newVolume.FindStringSubmatch(f["volume"])
		if m == nil {
			conf[key] = disks[key]
			continue
		}
		gib, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, fmt.Errorf("unable to parse volume size '%s'", m[2])
		}
		st, size := w.storage(m[1]), int64(gib*float64(1<<30))
		if st.used(k.node)+size > st.total*3 {
			return nil, fmt.Errorf("no space left on storage '%s'", st.id)
		}
		f["volume"], f["size"] = st.allocate(k.node, k.vmid, size, time.Now()), printSize(size)
		conf[key] = printProperties(f, "volume")
		lines = append(lines, fmt.Sprintf("Creating filesystem with %d 4k blocks and %d inodes", size/4096, size/16384), "Filesystem UUID: "+uuid(hash(1, f["volume"]), "fs"))
	}
	return lines, nil
}

// complete writes the final config, without lock.
func (t *task) complete(k *creation, ct *container, conf map[string]string) {
	t.sim.change(ct, func() {
		ct.conf, ct.pending, ct.removing = conf, map[string]string{}, map[string]bool{}
		delete(ct.conf, "lock")
		if k.over != nil {
			ct.snaps, ct.parent = map[string]*snapshot{}, ""
		}
		ct.box, ct.rootPassword, ct.rootKeys = copied(k.box), k.password, k.keys
	})
	if k.pool != "" {
		t.sim.world.join(ct, k.pool)
		t.sim.world.aclChanged()
	}
	ct.services = []service{{"sshd", 22}}
}

// destroy removes a container with its disks, grants and HA entry. The world is locked.
func (s *Sim) destroy(ct *container) {
	w := &s.world
	w.freeAll(ct)
	w.remove(ct)
	path := ct.aclPath()
	w.dropGrants(func(g grant) bool { return g.path == path })
	delete(w.ha, fmt.Sprintf("ct:%d", ct.vmid))
	s.endConsole(ct.vmid)
}

// freeAll removes every volume that a container owns, of its snapshots too.
func (w *world) freeAll(ct *container) {
	for key, value := range ct.conf {
		if isDisk(key) && volumeKind(value) == "volume" {
			w.free(ct.node, splitProperties(value, "volume")["volume"])
		}
	}
}

// freeOwned removes every disk that belongs to an id, referenced or not.
func (w *world) freeOwned(n *node, vmid int) {
	for _, st := range w.storages {
		for name, v := range st.set(n) {
			if v.vmid == vmid && v.content == "rootdir" {
				delete(st.set(n), name)
			}
		}
	}
}

// destroyContainer is DELETE /nodes/{node}/lxc/{vmid}.
func destroyContainer(c *call) (any, error) {
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	if err := c.destroyable(ct); err != nil {
		return nil, err
	}
	vmid, force, purge := ct.vmid, c.params.truth("force"), c.params.truth("purge")
	return c.start("vzdestroy", c.params["vmid"], func(t *task) error {
		return t.holding(vmid, func() error { return t.destroyContainer(vmid, force, purge) })
	}), nil
}

func (c *call) destroyable(ct *container) error {
	if ct.conf["protection"] == "1" {
		return die("can't remove CT %d - protection mode enabled", ct.vmid)
	}
	if err := ct.checkLock(); err != nil {
		return err
	}
	if ct.running && !c.params.truth("force") {
		return die("unable to destroy CT %d - container is running", ct.vmid)
	}
	if c.sim.world.haOf(ct) != nil && !c.params.truth("purge") {
		return die("unable to remove CT %d - used in HA resources and purge parameter not set.", ct.vmid)
	}
	return c.needsQuorum()
}

func (t *task) destroyContainer(vmid int, force, purge bool) error {
	var ct *container
	running := false
	err := t.locked(func() (err error) {
		if ct, err = t.onNode(vmid); err != nil {
			return err
		}
		running = ct.running
		if err := ct.checkLock(); err != nil {
			return err
		}
		return ct.volumesActive(&t.sim.world)
	})
	if err != nil {
		return err
	}
	if force && running {
		t.log("forced to stop CT %d before destroying!", vmid)
		if err := t.pause(t.takes(0.5)); err != nil {
			return err
		}
		t.locked(func() error { t.sim.powerOff(ct); return nil })
	}
	t.locked(func() error { t.sim.change(ct, func() { ct.conf["lock"] = "destroyed" }); return nil })
	if err := t.pause(t.takes(0.7)); err != nil {
		return err
	}
	if purge {
		t.log("purging CT %d from related configurations..", vmid)
	}
	return t.locked(func() error { t.sim.destroy(ct); t.sim.world.purgeJobs(vmid, purge); return nil })
}

// volumesActive fails when a volume lies on a storage that is away.
func (ct *container) volumesActive(w *world) error {
	for key, value := range ct.conf {
		if st, _ := w.volume(ct.node, splitProperties(value, "volume")["volume"]); isDisk(key) && st != nil {
			if err := st.active(); err != nil {
				return err
			}
		}
	}
	return nil
}
