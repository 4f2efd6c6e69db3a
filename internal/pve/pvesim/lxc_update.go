package pvesim

import (
	"maps"
	"slices"
	"strings"
)

// hotplug are the keys that take effect in a running container; the rest waits for the next start by PVE.
var hotplug = strings.Fields("description onboot startup protection hostname hookscript cores tags lock cpulimit cpuunits memory swap net")

// updateConfig is PUT .../config: synchronous, all keys or none.
func updateConfig(c *call) (any, error) {
	p := maps.Clone(c.params)
	for _, name := range []string{"node", "vmid", "digest"} {
		delete(p, name)
	}
	if len(p) == 0 {
		return nil, die("no options specified")
	}
	remove, revert := splitList(p["delete"]), splitList(p["revert"])
	delete(p, "delete")
	delete(p, "revert")
	if err := c.checkKeys(p, remove, revert); err != nil {
		return nil, err
	}
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	if err := c.mayChange(ct.aclPath(), "", ct, p, remove, ct.conf["unprivileged"] == "1"); err != nil {
		return nil, err
	}
	if err := c.updatable(ct, p, remove); err != nil {
		return nil, err
	}
	next, err := c.prepare(ct, p)
	if err != nil {
		return nil, err
	}
	c.sim.change(ct, func() { ct.merge(c.sim, next, remove, revert) })
	return nil, nil
}

// checkKeys refuses unknown keys in delete and revert, and keys that are set and deleted at once.
func (c *call) checkKeys(set params, remove, revert []string) error {
	for _, key := range remove {
		if set.has(key) {
			return invalidParam("delete", "you can't use '-%s' and -delete %s' at the same time", key, key)
		}
		if !c.isConfigKey(key) {
			return invalidParam("delete", "unknown option '%s'", key)
		}
	}
	for _, key := range revert {
		if !c.isConfigKey(key) {
			return invalidParam("revert", "unknown option '%s'", key)
		}
	}
	return nil
}

func (c *call) isConfigKey(key string) bool {
	return lookup(c.route.properties, key) != nil && !contains([]string{"delete", "revert", "digest", "node", "vmid"}, key)
}

// updatable checks lock, digest and the keys that cannot be changed.
func (c *call) updatable(ct *container, set params, remove []string) error {
	if err := ct.checkLock(); err != nil {
		return err
	}
	if err := c.checkDigest(ct); err != nil {
		return err
	}
	if set.has("unprivileged") {
		return die("unable to modify read-only option: 'unprivileged'")
	}
	for _, key := range remove {
		if contains([]string{"rootfs", "memory", "ostype"}, key) {
			return die("unable to delete required option '%s'", key)
		}
	}
	for _, key := range slices.Concat(sortedKeys(set), remove) {
		if isDisk(key) && ct.conf["protection"] == "1" {
			return die("can't update CT %d drive '%s' - protection mode enabled", ct.vmid, key)
		}
	}
	return c.sim.writable(ct, 1000+ct.vmid)
}

func (c *call) checkDigest(ct *container) error {
	if d := c.params["digest"]; d != "" && d != ct.digest() {
		return die("detected modified configuration - file changed by other user? Try again.")
	}
	return nil
}

// prepare brings values into the form that the config file keeps, and allocates new volumes.
func (c *call) prepare(ct *container, set params) (map[string]string, error) {
	out := map[string]string{}
	for _, key := range sortedKeys(set) {
		value := set[key]
		switch base := strings.TrimRight(key, "0123456789"); {
		case base == "net" && base != key:
			if ct.running && !contains(ct.node.bridges, splitProperties(value, "")["bridge"]) {
				return nil, invalidParam(key, "unable to hotplug %s: bridge '%s' does not exist\n", key, splitProperties(value, "")["bridge"])
			}
			value = c.sim.normalNet(value, ct.vmid, key)
		case isDisk(key) && volumeKind(value) == "volume":
			stored, err := c.newDisk(ct, value)
			if err != nil {
				return nil, err
			}
			value = stored
		default:
			value = normalValue(key, value)
		}
		out[key] = value
	}
	return out, nil
}

// merge applies a prepared change: at once where possible, else as pending.
func (ct *container) merge(s *Sim, set map[string]string, remove, revert []string) {
	for _, key := range revert {
		delete(ct.pending, key)
		delete(ct.removing, key)
	}
	for _, key := range remove {
		ct.drop(s, key)
	}
	for key, value := range set {
		delete(ct.removing, key)
		delete(ct.pending, key)
		if ct.live(key) {
			ct.conf[key] = value
		} else if ct.conf[key] != value {
			ct.pending[key] = value
		}
	}
	if ct.conf["description"] == "" {
		delete(ct.conf, "description")
	}
}

// live tells whether a key takes effect now: always when stopped, a new mount point also when running.
func (ct *container) live(key string) bool {
	base := strings.TrimRight(key, "0123456789")
	_, exists := ct.conf[key]
	isNew := !exists && (base == "mp" || base == "dev")
	return !ct.running || contains(hotplug, key) || contains(hotplug, base) || base == "unused" || isNew
}

// drop deletes a key. A mount point becomes unusedN; deleting unusedN destroys the volume.
func (ct *container) drop(s *Sim, key string) {
	delete(ct.pending, key)
	value, has := ct.conf[key]
	if !has {
		return
	}
	if ct.running && !ct.live(key) {
		ct.removing[key] = true
		return
	}
	delete(ct.conf, key)
	name := splitProperties(value, "volume")["volume"]
	switch base := strings.TrimRight(key, "0123456789"); {
	case base == "mp" && volumeKind(value) == "volume":
		ct.conf[ct.freeKey("unused")] = name
	case base == "unused":
		s.world.free(ct.node, name)
	}
}
