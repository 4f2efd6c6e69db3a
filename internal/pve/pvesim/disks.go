package pvesim

import (
	"strconv"
	"strings"
)

// isDisk is true for rootfs, mpN and unusedN.
func isDisk(key string) bool {
	base := strings.TrimRight(key, "0123456789")
	return key == "rootfs" || base == "mp" && base != key || base == "unused" && base != key
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

// freeKey is the first unused index of a family, such as unused0.
func (ct *container) freeKey(base string) string {
	for i := 0; ; i++ {
		key := base + strconv.Itoa(i)
		if _, taken := ct.conf[key]; !taken {
			return key
		}
	}
}
