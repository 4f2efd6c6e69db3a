package pvesim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// storage is a definition of storage.cfg and what lies on it: one set of volumes, or one per node when it is not shared.
type storage struct {
	id, kind string
	content  []string
	nodes    []string // that it is on, nil for all
	shared   bool
	total    int64
	base     int64 // used by things that are not simulated
	broken   bool  // defined, but its directory is not there
	disabled bool
	sets     map[string]map[string]*volume // by node name ("" when shared), then by name
}

// volume is a file or disk on a storage.
type volume struct {
	name      string // the part after "STORAGE:"
	content   string // rootdir, vztmpl, backup, iso
	format    string
	vmid      int
	size      int64
	made      time.Time
	notes     string
	protected bool
	archive   *archive // of a backup
	oci       bool     // an image from a registry
}

func (w *world) storage(id string) *storage {
	for _, st := range w.storages {
		if st.id == id {
			return st
		}
	}
	return nil
}

// on tells whether a storage is defined for a node.
func (st *storage) on(n *node) bool { return st.nodes == nil || contains(st.nodes, n.name) }

// set is the volumes that a node sees.
func (st *storage) set(n *node) map[string]*volume {
	key := n.name
	if st.shared {
		key = ""
	}
	if st.sets[key] == nil {
		st.sets[key] = map[string]*volume{}
	}
	return st.sets[key]
}

func (st *storage) used(n *node) int64 {
	sum := st.base
	for _, v := range st.set(n) {
		sum += v.size / 3 // thin: about a third is written
	}
	return min(sum, st.total)
}

// active fails when the storage is defined but cannot be reached.
func (st *storage) active() error {
	if st.broken {
		return die("unable to activate storage '%s' - directory '/mnt/not-there' does not exist or is unreachable", st.id)
	}
	return nil
}

// snapshots tells whether volumes on this storage can be snapshotted.
func (st *storage) snapshots() bool {
	return contains([]string{"zfspool", "lvmthin", "btrfs", "rbd", "cephfs"}, st.kind)
}

func (st *storage) holds(content string) bool { return contains(st.content, content) }

// allocate makes a disk for a container and returns its volume id; names follow the type of the storage.
func (st *storage) allocate(n *node, vmid int, size int64, now time.Time) string {
	set := st.set(n)
	for i := 0; ; i++ {
		name, format := st.diskName(vmid, i, size)
		if set[name] == nil {
			set[name] = &volume{name: name, content: "rootdir", format: format, vmid: vmid, size: size, made: now}
			return st.id + ":" + name
		}
	}
}

func (st *storage) diskName(vmid, i int, size int64) (name, format string) {
	switch st.kind {
	case "zfspool":
		return fmt.Sprintf("subvol-%d-disk-%d", vmid, i), "subvol"
	case "dir", "nfs", "btrfs":
		if size == 0 { // without a limit: a plain directory
			return fmt.Sprintf("%d/subvol-%d-disk-%d.subvol", vmid, vmid, i), "subvol"
		}
		return fmt.Sprintf("%d/vm-%d-disk-%d.raw", vmid, vmid, i), "raw"
	}
	return fmt.Sprintf("vm-%d-disk-%d", vmid, i), "raw"
}

// volume finds what a volume id names, as seen from a node.
func (w *world) volume(n *node, volid string) (*storage, *volume) {
	id, name, _ := strings.Cut(volid, ":")
	st := w.storage(id)
	if st == nil {
		return nil, nil
	}
	return st, st.set(n)[name]
}

// free removes a disk, if it exists.
func (w *world) free(n *node, volid string) {
	if st, v := w.volume(n, volid); v != nil {
		delete(st.set(n), v.name)
	}
}

func (w *world) buildStorages(born time.Time) error {
	rows, err := readTable("storages.txt", 7)
	if err != nil {
		return err
	}
	for _, r := range rows {
		gib, errSize := strconv.ParseInt(r[4], 10, 64)
		percent, errUsed := strconv.ParseInt(r[5], 10, 64)
		if errSize != nil || errUsed != nil {
			return fmt.Errorf("storage %q: size %q, used %q", r[0], r[4], r[5])
		}
		st := &storage{id: r[0], kind: r[1], content: strings.Split(r[2], ","), shared: r[3] == "yes", total: gib << 30, sets: map[string]map[string]*volume{}}
		if r[6] != "*" {
			st.nodes = strings.Split(r[6], ",")
		}
		st.base = st.total / 100 * percent / 2
		w.storages = append(w.storages, st)
	}
	return w.buildTemplates(born)
}

// buildTemplates puts the OS images marked with "*" on every node's local storage.
func (w *world) buildTemplates(born time.Time) error {
	images, err := osImages()
	if err != nil {
		return err
	}
	st := w.storage("local")
	for _, n := range w.nodes {
		for _, img := range images {
			if img.present {
				st.addTemplate(n, img.file, img.size, born.Add(-60*24*time.Hour))
			}
		}
	}
	return nil
}

// addTemplate puts an OS image on a storage.
func (st *storage) addTemplate(n *node, file string, size int64, made time.Time) *volume {
	_, ext, _ := strings.Cut(file, ".tar.")
	format := map[string]string{"zst": "tzst", "gz": "tgz", "xz": "txz", "bz2": "tbz2", "": "tar"}[ext]
	v := &volume{name: "vztmpl/" + file, content: "vztmpl", format: format, size: size, made: made}
	st.set(n)[v.name] = v
	return v
}

// osImage is one line of the download catalogue.
type osImage struct {
	file, os, version, headline string
	size                        int64
	present                     bool
}

func osImages() ([]osImage, error) {
	rows, err := readTable("templates.txt", 5)
	if err != nil {
		return nil, err
	}
	var out []osImage
	for _, r := range rows {
		size, err := strconv.ParseInt(r[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("OS image %q: %w", r[0], err)
		}
		file, present := strings.CutPrefix(r[0], "*")
		out = append(out, osImage{file, r[2], r[3], strings.Join(r[4:], " "), size, present})
	}
	return out, nil
}

func (st *storage) sortedVolumes(n *node) []*volume {
	set := st.set(n)
	out := make([]*volume, 0, len(set))
	for _, name := range sortedKeys(set) {
		out = append(out, set[name])
	}
	return slices.Clip(out)
}
