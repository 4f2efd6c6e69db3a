package pvesim

import (
	"fmt"
	"strconv"
	"strings"
)

// listContent is GET .../content; rows are filtered again by what the caller may do with them.
func listContent(c *call) (any, error) {
	st, err := c.knownStorage()
	if err != nil {
		return nil, err
	}
	if err := st.active(); err != nil {
		return nil, err
	}
	out := []obj{}
	for _, v := range st.sortedVolumes(c.node) {
		wanted := (!c.params.has("content") || v.content == c.params["content"]) && (!c.params.has("vmid") || strconv.Itoa(v.vmid) == c.params["vmid"])
		if wanted && c.seesVolume(st, v) {
			out = append(out, v.row(st))
		}
	}
	return out, nil
}

func (c *call) seesVolume(st *storage, v *volume) bool {
	w, at, owner := &c.sim.world, "/storage/"+st.id, fmt.Sprintf("/vms/%d", v.vmid)
	if w.allowed(c.user, at, "Datastore.Allocate") {
		return true
	}
	switch v.content {
	case "backup":
		return w.allowed(c.user, at, "Datastore.AllocateSpace") && w.allowed(c.user, owner, "VM.Backup")
	case "rootdir":
		return w.allowed(c.user, at, "Datastore.Audit") && w.allowed(c.user, owner, "VM.Config.Disk")
	}
	return true
}

func (v *volume) row(st *storage) obj {
	row := obj{"volid": st.id + ":" + v.name, "content": v.content, "format": v.format, "size": v.size, "ctime": v.made.Unix()}
	switch v.content {
	case "rootdir":
		row["vmid"], row["parent"], row["used"] = v.vmid, nil, v.size/3
	case "backup":
		row["vmid"], row["subtype"] = v.vmid, "lxc"
		if line, _, _ := strings.Cut(v.notes, "\n"); line != "" {
			row["notes"] = line
		}
		if v.protected {
			row["protected"] = 1
		}
	}
	return row
}

// knownVolume finds the volume of the path, "STORE:name" or just the name.
func (c *call) knownVolume() (*storage, *volume, string, error) {
	volid := c.params["volume"]
	if !strings.Contains(volid, ":") {
		volid = c.params["storage"] + ":" + volid
	}
	st, v := c.sim.world.volume(c.node, volid)
	if st == nil {
		id, _, _ := strings.Cut(volid, ":")
		return nil, nil, volid, die("storage '%s' does not exist", id)
	}
	return st, v, volid, nil
}

// mayTouchVolume checks reading and changing of one volume by its kind.
func (c *call) mayTouchVolume(st *storage, volid string) error {
	_, name, _ := strings.Cut(volid, ":")
	at := "/storage/" + st.id
	if !strings.HasPrefix(name, "backup/") {
		if c.sim.world.allowed(c.user, at, "Datastore.Allocate") {
			return nil
		}
		if strings.HasPrefix(name, "vztmpl/") || strings.HasPrefix(name, "iso/") {
			return c.mayAny(at, "Datastore.AllocateSpace", "Datastore.Audit")
		}
		return c.may(at, "Datastore.Allocate")
	}
	if err := c.may(at, "Datastore.AllocateSpace"); err != nil {
		return err
	}
	if c.sim.world.allowed(c.user, at, "Datastore.Allocate") {
		return nil
	}
	return c.may(fmt.Sprintf("/vms/%d", backupOwner(name)), "VM.Backup")
}

func getVolume(c *call) (any, error) {
	st, v, volid, err := c.knownVolume()
	if err != nil {
		return nil, err
	}
	if err := c.mayTouchVolume(st, volid); err != nil {
		return nil, err
	}
	if v == nil {
		return nil, die("volume '%s' does not exist", volid)
	}
	row := obj{"format": "raw", "size": v.size, "used": v.size, "path": st.pathOf(v)}
	if v.content == "backup" {
		row["protected"] = flag(v.protected)
		if v.notes != "" {
			row["notes"] = v.notes
		}
	}
	return row, nil
}

func (st *storage) pathOf(v *volume) string {
	base := map[string]string{"dir": "/mnt/" + st.id, "nfs": "/mnt/pve/" + st.id}[st.kind]
	if st.id == "local" {
		base = "/var/lib/vz"
	}
	_, file, _ := strings.Cut(v.name, "/")
	switch v.content {
	case "vztmpl":
		return base + "/template/cache/" + file
	case "iso":
		return base + "/template/iso/" + file
	case "backup":
		return base + "/dump/" + file
	}
	return "/dev/" + st.id + "/" + v.name
}

func changeVolume(c *call) (any, error) {
	st, v, volid, err := c.knownVolume()
	if err != nil {
		return nil, err
	}
	if err := c.mayTouchVolume(st, volid); err != nil {
		return nil, err
	}
	if v == nil {
		return nil, die("volume '%s' does not exist", volid)
	}
	if c.params.has("notes") {
		v.notes = c.params["notes"]
	}
	if c.params.has("protected") {
		v.protected = c.params.truth("protected")
	}
	return nil, nil
}

// deleteVolume is DELETE on a volume: task imgdel; protected ones fail in the task.
func deleteVolume(c *call) (any, error) {
	st, _, volid, err := c.knownVolume()
	if err != nil {
		return nil, err
	}
	_, name, _ := strings.Cut(volid, ":")
	if err := c.mayTouchVolume(st, volid); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(name, "backup/") {
		if err := c.may("/storage/"+st.id, "Datastore.Allocate"); err != nil {
			return nil, err
		}
	}
	id := st.id
	if owner := backupOwner(name); owner != 0 {
		id = fmt.Sprintf("%d@%s", owner, st.id)
	}
	node := c.node
	return c.start("imgdel", id, func(t *task) error {
		if err := t.pause(t.takes(0.2)); err != nil {
			return err
		}
		return t.locked(func() error { return t.deleteVolume(st, node, name) })
	}), nil
}

func (t *task) deleteVolume(st *storage, n *node, name string) error {
	v := st.set(n)[name]
	switch {
	case v == nil:
		return fmt.Errorf("unable to delete '%s:%s' - volume does not exist", st.id, name)
	case v.protected:
		return fmt.Errorf("cannot remove protected volume '%s' on '%s'", name, st.id)
	}
	delete(st.set(n), name)
	t.lines = append(t.lines, fmt.Sprintf("Removed volume '%s:%s'", st.id, name))
	return nil
}
