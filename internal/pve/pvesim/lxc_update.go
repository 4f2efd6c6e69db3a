package pvesim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
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

// isDisk is true for rootfs, mpN and unusedN.
func isDisk(key string) bool {
	base := strings.TrimRight(key, "0123456789")
	return key == "rootfs" || base == "mp" && base != key || base == "unused" && base != key
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

// normalValue is the stored form of simple values.
func normalValue(key, value string) string {
	switch key {
	case "tags":
		tags := splitList(strings.ToLower(value))
		return strings.Join(sorted(tags), ";")
	case "description":
		if value != "" && !strings.HasSuffix(value, "\n") {
			value += "\n"
		}
	case "features":
		return printProperties(splitProperties(value, ""), "")
	}
	return value
}

// normalNet completes a NIC: hardware address and type are filled in, the name comes first.
func (s *Sim) normalNet(value string, vmid int, key string) string {
	f := splitProperties(value, "")
	if f["hwaddr"] == "" {
		h := hash(s.opt.Seed, "mac", strconv.Itoa(vmid), key, strconv.Itoa(s.world.version))
		f["hwaddr"] = fmt.Sprintf("BC:24:11:%02X:%02X:%02X", byte(h), byte(h>>8), byte(h>>16))
	}
	if f["type"] == "" {
		f["type"] = "veth"
	}
	return printProperties(f, "name")
}

// printProperties writes a property string: one key first, the default key without its name, the rest in order.
func printProperties(f map[string]string, first string) string {
	var parts []string
	if first == "volume" {
		parts = append(parts, f[first])
	} else if first != "" {
		parts = append(parts, first+"="+f[first])
	}
	for _, key := range sortedKeys(f) {
		if key != first && key != "" {
			parts = append(parts, key+"="+f[key])
		}
	}
	return strings.Join(parts, ",")
}

// newDisk allocates STORE:SIZE, or checks a volume that exists, and returns the config line.
func (c *call) newDisk(ct *container, value string) (string, error) {
	f := splitProperties(value, "volume")
	m := newVolume.FindStringSubmatch(f["volume"])
	if m == nil {
		if _, v := c.sim.world.volume(ct.node, f["volume"]); v == nil {
			return "", die("volume '%s' does not exist", f["volume"])
		}
		return printProperties(f, "volume"), nil
	}
	st, err := c.usable(m[1])
	if err != nil {
		return "", err
	}
	gib, err := strconv.ParseFloat(m[2], 64)
	if err != nil {
		return "", die("unable to parse volume size '%s'", m[2])
	}
	size := int64(gib * float64(1<<30))
	f["volume"], f["size"] = st.allocate(ct.node, ct.vmid, size, c.now), printSize(size)
	return printProperties(f, "volume"), nil
}

// usable finds a storage that may hold container disks and that the caller may fill.
func (c *call) usable(id string) (*storage, error) {
	st := c.sim.world.storage(id)
	switch {
	case st == nil:
		return nil, die("storage '%s' does not exist", id)
	case st.disabled:
		return nil, die("storage '%s' is disabled", id)
	case !st.on(c.node):
		return nil, die("storage '%s' is not available on node '%s'", id, c.node.name)
	case !st.holds("rootdir"):
		return nil, invalidParam("storage", "storage '%s' does not support container directories", id)
	}
	if err := c.may("/storage/"+id, "Datastore.AllocateSpace"); err != nil {
		return nil, err
	}
	return st, st.active()
}

// printSize writes bytes in the largest unit that divides them; nothing is "0T".
func printSize(n int64) string {
	if n == 0 {
		return "0T"
	}
	unit := ""
	for _, u := range []string{"K", "M", "G", "T"} {
		if n%1024 != 0 {
			break
		}
		n, unit = n/1024, u
	}
	return strconv.FormatInt(n, 10) + unit
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

// freeKey is the first unused index of a family, such as unused0.
func (ct *container) freeKey(base string) string {
	for i := 0; ; i++ {
		key := base + strconv.Itoa(i)
		if _, taken := ct.conf[key]; !taken {
			return key
		}
	}
}
