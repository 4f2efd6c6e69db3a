package pvesim

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// cloning is a clone on its way into its task.
type cloning struct {
	from     *container
	conf     map[string]string // what is copied: the current config or a snapshot's
	to       *container
	full     bool
	storage  string
	target   *node
	hostname string
	text     string
	pool     string
	snap     string
}

// cloneContainer is POST .../clone. The task carries the id of the source.
func cloneContainer(c *call) (any, error) {
	if err := c.needsQuorum(); err != nil {
		return nil, err
	}
	k, err := c.readCloning()
	if err != nil {
		return nil, err
	}
	newID := c.params.number("newid", 0)
	if other := c.sim.world.container(newID); other != nil {
		return nil, die("CT %d already exists on node '%s'", newID, other.node.name)
	}
	if err := c.checkCloning(k); err != nil {
		return nil, err
	}
	seed := hash(c.sim.opt.Seed, "clone", strconv.Itoa(newID), strconv.Itoa(c.sim.world.version))
	k.to = &container{vmid: newID, node: k.target, seed: seed, made: c.sim.clock(c.now), conf: map[string]string{"lock": "create"}, pending: map[string]string{}, removing: map[string]bool{}, snaps: map[string]*snapshot{}}
	k.to.sample = c.sim.newborn(k.target, c.now)
	k.to.services, k.to.box = k.from.services, copied(k.from.box)
	k.to.reshape(int(k.from.shape.load * 100))
	c.sim.world.add(k.to)
	c.sim.world.aclChanged()
	c.sim.change(k.from, func() { k.from.conf["lock"] = "disk" })
	return c.start("vzclone", c.params["vmid"], func(t *task) error { return t.clone(k) }), nil
}

func (c *call) readCloning() (*cloning, error) {
	p := c.params
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	if err := ct.checkLock(); err != nil {
		return nil, err
	}
	k := &cloning{from: ct, conf: ct.conf, full: p.truth("full") || !ct.isTemplate(), storage: p["storage"], target: c.node,
		hostname: p["hostname"], text: p["description"], pool: p["pool"], snap: p["snapname"]}
	if name := p["target"]; name != "" {
		if k.target = c.sim.world.node(name); k.target == nil {
			return nil, die("no such cluster node '%s'", name)
		}
	}
	if k.snap != "" {
		sn := ct.snaps[k.snap]
		if sn == nil {
			return nil, die("snapshot '%s' does not exist", k.snap)
		}
		k.conf = sn.conf
	}
	if !k.full && k.storage != "" {
		return nil, invalidParam("storage", "parameter 'storage' not allowed for linked clones")
	}
	return k, nil
}

func (c *call) checkCloning(k *cloning) error {
	if k.pool != "" && c.sim.world.pools[k.pool] == nil {
		return forbid("Permission check failed (pool '%s' does not exist)", k.pool)
	}
	if k.full && k.from.running && k.snap == "" {
		return die("Full clone of a running container is only possible from a snapshot")
	}
	for _, key := range sortedKeys(k.conf) {
		value := k.conf[key]
		if strings.HasPrefix(key, "net") && key != "nameserver" {
			if err := c.mayUseBridge(value); err != nil && !c.user.isRoot() {
				return err
			}
		}
		if key != "rootfs" && !strings.HasPrefix(key, "mp") {
			continue
		}
		if err := c.cloneable(k, key, value); err != nil {
			return err
		}
	}
	return nil
}

// cloneable checks one volume of the source.
func (c *call) cloneable(k *cloning, key, value string) error {
	if kind := volumeKind(value); kind != "volume" {
		return die("unable to clone mountpoint '%s' (type %s)", key, kind)
	}
	name := splitProperties(value, "volume")["volume"]
	id, _, _ := strings.Cut(name, ":")
	st := c.sim.world.storage(id)
	if st == nil {
		return die("storage '%s' does not exist", id)
	}
	if !k.full && !st.snapshots() {
		return die("Linked clone feature for '%s' is not available", name)
	}
	if k.storage != "" {
		id = k.storage
		if st = c.sim.world.storage(id); st == nil {
			return die("storage '%s' does not exist", id)
		}
	}
	if k.target != c.node && !st.shared {
		return die("Cannot do %s clones on a %srunning container without snapshots and to a non-shared storage", "full", "")
	}
	return c.may("/storage/"+id, "Datastore.AllocateSpace")
}

func (t *task) clone(k *cloning) error {
	t.log("creating a clone of container %d with ID %d", k.from.vmid, k.to.vmid)
	err := t.copyDisks(k)
	return t.locked(func() error {
		t.sim.change(k.from, func() { delete(k.from.conf, "lock") })
		if err != nil {
			t.sim.world.freeOwned(k.target, k.to.vmid)
			t.sim.destroy(k.to)
			return fmt.Errorf("clone failed: %w", err)
		}
		t.sim.change(k.to, func() { delete(k.to.conf, "lock") })
		if k.pool != "" {
			t.sim.world.join(k.to, k.pool)
			t.sim.world.aclChanged()
		}
		return nil
	})
}

// copyDisks fills the new config: own volumes, new hardware addresses.
func (t *task) copyDisks(k *cloning) error {
	conf := maps.Clone(k.conf)
	for _, key := range []string{"lock", "template", "parent"} {
		delete(conf, key)
	}
	for _, key := range sortedKeys(conf) {
		if key == "rootfs" || strings.HasPrefix(key, "mp") {
			name := splitProperties(conf[key], "volume")["volume"]
			t.log("create full clone of mountpoint %s (%s)", key, name)
			if err := t.pause(t.takes(1.5)); err != nil {
				return err
			}
			t.log("Number of files: 31,402 (reg: 23,113, dir: 2,704, link: 5,585)")
			t.log("Total transferred file size: %d bytes", diskSize(conf[key])/9)
		}
	}
	return t.locked(func() error {
		w := &t.sim.world
		for key, value := range conf {
			switch base := strings.TrimRight(key, "0123456789"); {
			case isDisk(key) && base != "unused":
				f := splitProperties(value, "volume")
				id, _, _ := strings.Cut(f["volume"], ":")
				if k.storage != "" {
					id = k.storage
				}
				f["volume"] = w.storage(id).allocate(k.target, k.to.vmid, diskSize(value), t.sim.now())
				conf[key] = printProperties(f, "volume")
			case base == "unused":
				delete(conf, key)
			case base == "net":
				f := splitProperties(value, "")
				delete(f, "hwaddr")
				conf[key] = t.sim.normalNet(printProperties(f, "name"), k.to.vmid, key)
			}
		}
		t.nameClone(k, conf)
		t.sim.change(k.to, func() { conf["lock"] = "create"; k.to.conf = conf })
		return nil
	})
}

func (t *task) nameClone(k *cloning, conf map[string]string) {
	conf["hostname"] = fmt.Sprintf("Copy-of-CT-%s", conf["hostname"])
	if k.hostname != "" {
		conf["hostname"] = k.hostname
	}
	if k.text != "" {
		conf["description"] = normalValue("description", k.text)
	}
}

// makeTemplate is POST .../template: it answers null although a task runs.
func makeTemplate(c *call) (any, error) {
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	switch {
	case len(ct.snaps) > 0:
		return nil, die("unable to create template, because CT contains snapshots")
	case ct.lock() != "":
		return nil, ct.checkLock()
	case ct.isTemplate():
		return nil, die("you can't convert a template to a template")
	case ct.running:
		return nil, die("you can't convert a CT to template if the CT is running")
	}
	if err := c.needsQuorum(); err != nil {
		return nil, err
	}
	vmid := ct.vmid
	c.start("vztemplate", c.params["vmid"], func(t *task) error {
		return t.holding(vmid, func() error {
			if err := t.pause(t.takes(0.3)); err != nil {
				return err
			}
			return t.locked(func() error {
				ct, err := t.onNode(vmid)
				if err != nil {
					return err
				}
				t.sim.change(ct, func() { ct.conf["template"] = "1"; ct.renameDisks(&t.sim.world) })
				return nil
			})
		})
	})
	return nil, nil
}

// renameDisks gives the disks of a template their base names.
func (ct *container) renameDisks(w *world) {
	for key, value := range ct.conf {
		st, v := w.volume(ct.node, splitProperties(value, "volume")["volume"])
		if !isDisk(key) || v == nil {
			continue
		}
		old := v.name
		v.name = strings.NewReplacer("subvol-", "basevol-", "vm-", "base-").Replace(old)
		delete(st.set(ct.node), old)
		st.set(ct.node)[v.name] = v
		ct.conf[key] = strings.Replace(value, old, v.name, 1)
	}
}
