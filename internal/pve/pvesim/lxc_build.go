package pvesim

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// create is the body of vzcreate and vzrestore. When it fails, a new container vanishes without a trace.
func (t *task) create(k *creation, ct *container) error {
	err := t.holding(k.vmid, func() error { return t.build(k, ct) })
	if errors.Is(err, errKilled) {
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
		f["volume"], f["size"] = st.allocate(k.node, k.vmid, size, t.sim.now()), printSize(size)
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
