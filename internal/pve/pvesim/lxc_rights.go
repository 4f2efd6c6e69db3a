package pvesim

import (
	"regexp"
	"slices"
	"strings"
)

// mayChange checks what changing or deleting config keys needs, key by key (check_ct_modify_config_perm of
// pve-container 6.1.10). ct is nil for a container that is being created.
func (c *call) mayChange(path, pool string, ct *container, set map[string]string, remove []string, unprivileged bool) error {
	if c.user.isRoot() {
		return nil
	}
	for _, key := range sorted(append(sortedKeys(set), remove...)) {
		value, isSet := set[key]
		if err := c.mayChangeKey(path, pool, ct, key, value, isSet, unprivileged); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) mayChangeKey(path, pool string, ct *container, key, value string, isSet, unprivileged bool) error {
	switch base := strings.TrimRight(key, "0123456789"); base {
	case "cores", "cpulimit", "cpuunits":
		return c.mayOnGuest(path, pool, "VM.Config.CPU")
	case "memory", "swap":
		return c.mayOnGuest(path, pool, "VM.Config.Memory")
	case "rootfs", "mp", "disk", "unused":
		if err := c.mayOnGuest(path, pool, "VM.Config.Disk"); err != nil {
			return err
		}
		if kind := volumeKind(value); isSet && kind != "volume" {
			return forbid("Permission check failed (mount point type %s is only allowed for root@pam)", kind)
		}
		return nil
	case "net":
		if err := c.mayOnGuest(path, pool, "VM.Config.Network"); err != nil {
			return err
		}
		return c.mayUseBridges(ct, key, value)
	case "nameserver", "searchdomain", "hostname":
		return c.mayOnGuest(path, pool, "VM.Config.Network")
	case "features":
		return c.mayChangeFeatures(path, pool, ct, value, unprivileged)
	case "hookscript":
		return forbid("Permission check failed (changing the hookscript is only allowed for root@pam)")
	case "dev":
		return forbid("Permission check failed (configuring device passthrough is only allowed for root@pam)")
	}
	return c.mayOnGuest(path, pool, "VM.Config.Options")
}

// mayOnGuest accepts a privilege on the guest or on the pool it is created in.
func (c *call) mayOnGuest(path, pool, priv string) error {
	if pool != "" && c.sim.world.allowed(c.user, "/pool/"+pool, priv) {
		return nil
	}
	return c.may(path, priv)
}

// volumeKind tells volume, bind and device apart by the first characters.
func volumeKind(conf string) string {
	switch name := splitProperties(conf, "volume")["volume"]; {
	case strings.HasPrefix(name, "/dev/"):
		return "device"
	case strings.HasPrefix(name, "/"):
		return "bind"
	}
	return "volume"
}

// mayUseBridges asks for SDN.Use on the bridge that a NIC had and on the one it gets.
func (c *call) mayUseBridges(ct *container, key, value string) error {
	var lines []string
	if ct != nil {
		lines = append(lines, ct.conf[key])
	}
	for _, line := range append(lines, value) {
		if err := c.mayUseBridge(line); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) mayUseBridge(line string) error {
	f := splitProperties(line, "")
	if f["bridge"] == "" || c.sim.world.release.before(8, 0) {
		return nil
	}
	path := "/sdn/zones/localnetwork/" + f["bridge"]
	if f["tag"] == "" && f["trunks"] == "" {
		return c.may(path, "SDN.Use")
	}
	for _, vlan := range append(splitList(f["trunks"]), splitList(f["tag"])...) {
		if err := c.may(path+"/"+vlan, "SDN.Use"); err != nil {
			return err
		}
	}
	return nil
}

// mayChangeFeatures allows only nesting, and that only on unprivileged containers, with VM.Allocate.
func (c *call) mayChangeFeatures(path, pool string, ct *container, value string, unprivileged bool) error {
	if !unprivileged {
		return forbid("Permission check failed (changing feature flags for privileged container is only allowed for root@pam)")
	}
	old := map[string]string{}
	if ct != nil {
		old = splitProperties(ct.conf["features"], "")
	}
	next := splitProperties(value, "")
	nesting, other := false, false
	for _, name := range slices.Concat(sortedKeys(old), sortedKeys(next)) {
		if old[name] == next[name] {
			continue
		}
		nesting = nesting || name == "nesting"
		other = other || name != "nesting" && name != ""
	}
	if other {
		return forbid("Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)")
	}
	if nesting {
		return c.mayOnGuest(path, pool, "VM.Allocate")
	}
	return nil
}

var newVolume = regexp.MustCompile(`^([^:\s]+):(\d+(?:\.\d+)?)$`)
