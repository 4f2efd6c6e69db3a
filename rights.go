package berth

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// Rights is what the API token of a cluster may do there: by path of Proxmox, such as /vms or /storage/local, its
// privileges, and whether each holds for the paths below too. A path that is not listed has what the nearest one above
// it passes down; rights at a deeper path replace those from above (pve-access-control 9.1).
type Rights map[string]map[string]bool

// Has tells whether the token has a privilege at a path.
func (r Rights) Has(at, privilege string) bool {
	if here, listed := r[at]; listed {
		_, has := here[privilege]
		return has
	}
	for at != "/" && at != "." {
		at = path.Dir(at)
		if here, listed := r[at]; listed {
			return here[privilege]
		}
	}
	return false
}

// Lacking gives those of the privileges that the token has not at a path.
func (r Rights) Lacking(at string, privileges ...string) []string {
	var lacking []string
	for _, p := range privileges {
		if !r.Has(at, p) {
			lacking = append(lacking, p)
		}
	}
	return lacking
}

// OnSome tells whether the token has all of the privileges at one of the paths at least.
func (r Rights) OnSome(paths []string, privileges ...string) bool {
	return slices.ContainsFunc(paths, func(at string) bool { return len(r.Lacking(at, privileges...)) == 0 })
}

// GuestPath is the path of a container's rights.
func GuestPath(vmid int) string { return "/vms/" + strconv.Itoa(vmid) }

// StoragePath is the path of a storage's rights.
func StoragePath(storage string) string { return "/storage/" + storage }

// Listed gives the paths that are listed below a prefix such as "/vms/".
func (r Rights) Listed(prefix string) []string {
	var paths []string
	for at := range r {
		if strings.HasPrefix(at, prefix) {
			paths = append(paths, at)
		}
	}
	slices.Sort(paths)
	return paths
}
