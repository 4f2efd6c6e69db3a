package pvesim

import (
	"fmt"
	"regexp"
	"strings"
)

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
