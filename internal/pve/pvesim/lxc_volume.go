package pvesim

import (
	"errors"
	"fmt"
	"strings"
)

// resizeDisk is PUT .../resize: it only grows.
func resizeDisk(c *call) (any, error) {
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	disk := c.params["disk"]
	if err := c.mayChange(ct.aclPath(), "", ct, params{"disk": "", "size": c.params["size"]}, nil, ct.conf["unprivileged"] == "1"); err != nil {
		return nil, err
	}
	if err := c.checkDigest(ct); err != nil {
		return nil, err
	}
	if err := ct.checkLock(); err != nil {
		return nil, err
	}
	if ct.conf[disk] == "" {
		return nil, &apiError{status: 500, text: "format error", errors: map[string]string{"mp": errMissing, "volume": errMissing}}
	}
	id, _, _ := strings.Cut(ct.conf[disk], ":")
	if err := c.may("/storage/"+id, "Datastore.AllocateSpace"); err != nil {
		return nil, err
	}
	size, err := newSize(ct.conf[disk], c.params["size"])
	if err != nil {
		return nil, err
	}
	vmid := ct.vmid
	return c.start("resize", c.params["vmid"], func(t *task) error {
		return t.holding(vmid, func() error { return t.resize(vmid, disk, size) })
	}), nil
}

// newSize adds "+2G" to the old size, or takes "10G" as it is.
func newSize(conf, text string) (int64, error) {
	old := diskSize(conf)
	delta, grows := strings.CutPrefix(text, "+")
	n, err := parseSize(delta)
	if err != nil {
		return 0, invalidParam("size", "value does not match the regex pattern")
	}
	if grows {
		n += old
	}
	switch {
	case n < old:
		return 0, die("unable to shrink disk size")
	case n == old:
		return 0, die("disk is already at specified size")
	}
	return n, nil
}

func (t *task) resize(vmid int, disk string, size int64) error {
	if err := t.pause(t.takes(0.5)); err != nil {
		return err
	}
	return t.locked(func() error {
		ct, err := t.onNode(vmid)
		if err != nil {
			return err
		}
		f := splitProperties(ct.conf[disk], "volume")
		if strings.HasSuffix(f["volume"], ".subvol") {
			return errors.New("can't resize this image format")
		}
		if _, v := t.sim.world.volume(ct.node, f["volume"]); v != nil {
			v.size = size
		}
		f["size"] = printSize(size)
		t.sim.change(ct, func() { ct.conf[disk] = printProperties(f, "volume") })
		t.lines = append(t.lines, "Image resized.", "resize2fs 1.47.2 (1-Jan-2025)")
		return nil
	})
}

// moveVolume is POST .../move_volume, to another storage or to another container.
func moveVolume(c *call) (any, error) {
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	key, target := c.params["volume"], c.params["storage"]
	if other := c.params.number("target-vmid", 0); other != 0 {
		return c.reassign(ct, key, other)
	}
	if target == "" {
		return nil, invalidParam("storage", "Either 'storage' or 'target-vmid' has to be set")
	}
	if _, err := c.usable(target); err != nil {
		return nil, err
	}
	if err := ct.checkLock(); err != nil {
		return nil, err
	}
	if ct.running {
		return nil, die("cannot move volumes of a running container")
	}
	if ct.conf[key] == "" || volumeKind(ct.conf[key]) != "volume" {
		return nil, die("unable to move volume '%s' - no such volume", key)
	}
	vmid, drop := ct.vmid, c.params.truth("delete")
	if drop && ct.inSnapshot(splitProperties(ct.conf[key], "volume")["volume"]) {
		return nil, die("you can't move a volume with snapshots and delete the source")
	}
	return c.start("move_volume", c.params["vmid"], func(t *task) error {
		return t.holding(vmid, func() error { return t.moveVolume(vmid, key, target, drop) })
	}), nil
}

func (t *task) moveVolume(vmid int, key, target string, drop bool) error {
	var ct *container
	err := t.locked(func() (err error) {
		if ct, err = t.onNode(vmid); err == nil {
			t.sim.change(ct, func() { ct.conf["lock"] = "disk" })
		}
		return err
	})
	if err != nil {
		return err
	}
	t.log("Number of files: 31,402 (reg: 23,113, dir: 2,704, link: 5,585)")
	if err := t.pause(t.takes(2)); err != nil {
		t.unlock(ct)
		return err
	}
	return t.locked(func() error {
		t.sim.change(ct, func() { ct.relocate(t.sim, key, target, drop) })
		return nil
	})
}

// inSnapshot tells whether a snapshot has the volume.
func (ct *container) inSnapshot(volid string) bool {
	for _, sn := range ct.snaps {
		for key, value := range sn.conf {
			if isDisk(key) && splitProperties(value, "volume")["volume"] == volid {
				return true
			}
		}
	}
	return false
}

// relocate gives a volume a new place; the old one stays as unusedN unless drop.
func (ct *container) relocate(s *Sim, key, target string, drop bool) {
	delete(ct.conf, "lock")
	f := splitProperties(ct.conf[key], "volume")
	old := f["volume"]
	f["volume"] = s.world.storage(target).allocate(ct.node, ct.vmid, diskSize(ct.conf[key]), s.now())
	ct.conf[key] = printProperties(f, "volume")
	if drop {
		s.world.free(ct.node, old)
	} else {
		ct.conf[ct.freeKey("unused")] = old
	}
}

// reassign hands a volume to another container of the same node.
func (c *call) reassign(ct *container, key string, vmid int) (any, error) {
	to := c.sim.world.container(vmid)
	if to == nil || to.node != ct.node {
		return nil, die("Both containers need to be on the same node (%d) / (%d)", ct.vmid, vmid)
	}
	if err := c.may(to.aclPath(), "VM.Config.Disk"); err != nil {
		return nil, err
	}
	if key == "rootfs" || ct.conf[key] == "" {
		return nil, die("cannot reassign volume '%s'", key)
	}
	newKey := c.params["target-volume"]
	if newKey == "" {
		newKey = key
	}
	if to.conf[newKey] != "" {
		return nil, die("target volume '%s' is already in use", newKey)
	}
	value := ct.conf[key]
	id := fmt.Sprintf("%d-%s>%d-%s", ct.vmid, key, vmid, newKey)
	return c.start("move_volume", id, func(t *task) error {
		if err := t.pause(t.takes(0.4)); err != nil {
			return err
		}
		return t.locked(func() error {
			t.sim.change(ct, func() { delete(ct.conf, key) })
			t.sim.change(to, func() { to.conf[newKey] = value })
			return nil
		})
	}), nil
}
