package fleet

import (
	"cmp"
	"regexp"
	"strings"

	"berth"
	"berth/internal/pve"
)

var (
	newVolume = regexp.MustCompile(`^[^:/]+:[0-9.]+$`) // STORAGE:GIB
	// volumeNumber is a VMID in the name of a volume, as in local-lvm:vm-101-disk-0 or local:101/vm-101-disk-0.raw.
	volumeNumber = regexp.MustCompile(`[:/](?:[a-z]+-)?(\d+)\b`)
)

// mayMount refuses those who do not see everything the disks of containers that they may not act on: they would read them.
// A new disk is fine, and so is one that the container has now.
func (a *Actions) mayMount(by berth.Actor, c *berth.Container, change berth.ConfigChange, values map[string]string) error {
	if by.Access.Everywhere().Includes(berth.RoleOperator) {
		return nil
	}
	has := map[string]bool{}
	for key, value := range values {
		if holdsDisk(key) {
			has[volumeIn(value)] = true
		}
	}
	for key, value := range change.Set {
		volume := volumeIn(value)
		if holdsDisk(key) && !has[volume] && !newVolume.MatchString(volume) && !a.ownVolume(by, c, volume) {
			return berth.Errorf(berth.Forbidden, "Your role may not mount %s; it takes the role %s on its container.", cmp.Or(volume, value), berth.RoleOperator)
		}
	}
	return nil
}

func holdsDisk(key string) bool {
	switch strings.TrimRight(key, "0123456789") {
	case "rootfs", "mp", "unused":
		return true
	}
	return false
}

// volumeIn is the volume of a disk as a configuration writes it.
func volumeIn(value string) string {
	var m pve.Mount
	_ = m.UnmarshalText([]byte(value)) // never fails
	return m.Volume
}

// ownVolume tells whether the actor may act on every container that the name of a volume tells of.
func (a *Actions) ownVolume(by berth.Actor, c *berth.Container, volume string) bool {
	owners := volumeNumber.FindAllStringSubmatch(volume, -1)
	for _, owner := range owners {
		_, other, err := a.find(by.Access, c.Cluster+"/"+owner[1])
		if err != nil || !by.Access.On(other).Includes(berth.RoleOperator) {
			return false
		}
	}
	return len(owners) > 0
}
