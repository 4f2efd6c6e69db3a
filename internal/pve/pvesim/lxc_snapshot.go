package pvesim

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"berth/internal/pve/pvesim/shell"
)

// snapshot is a frozen state: the config and what is inside.
type snapshot struct {
	conf   map[string]string
	parent string
	at     time.Time
	text   string // description
	box    *shell.Box
	state  string // "prepare" or "delete" while in the making
}

func (sn *snapshot) shown() map[string]string {
	conf := maps.Clone(sn.conf)
	delete(conf, "description")
	delete(conf, "lock")
	conf["snaptime"] = strconv.FormatInt(sn.at.Unix(), 10)
	if sn.text != "" {
		conf["description"] = sn.text
	}
	if sn.parent != "" {
		conf["parent"] = sn.parent
	}
	if sn.state != "" {
		conf["snapstate"] = sn.state
	}
	return conf
}

func (sn *snapshot) section() string { return section(sn.shown()) }

func listSnapshots(c *call) (any, error) {
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	out := []obj{}
	for _, name := range sortedKeys(ct.snaps) {
		sn := ct.snaps[name]
		row := obj{"name": name, "description": sn.text, "snaptime": sn.at.Unix()}
		if sn.parent != "" {
			row["parent"] = sn.parent
		}
		if sn.state != "" {
			row["snapstate"] = sn.state
		}
		out = append(out, row)
	}
	now := obj{"name": "current", "description": "You are here!", "digest": ct.digest(), "running": flag(ct.running)}
	if ct.parent != "" {
		now["parent"] = ct.parent
	}
	return append(out, now), nil
}

// createSnapshot is POST .../snapshot: only the reserved names are refused at once.
func createSnapshot(c *call) (any, error) {
	name := c.params["snapname"]
	if name == "current" || name == "vzdump" {
		return nil, die("unable to use snapshot name '%s' (reserved name)", name)
	}
	vmid, text := c.params.number("vmid", 0), normalValue("description", c.params["description"])
	return c.start("vzsnapshot", c.params["vmid"], func(t *task) error {
		return t.holding(vmid, func() error { return t.snapshot(vmid, name, text) })
	}), nil
}

func (t *task) snapshot(vmid int, name, text string) error {
	var ct *container
	err := t.locked(func() (err error) {
		if ct, err = t.onNode(vmid); err != nil {
			return err
		}
		if err := ct.snapshotable(t.sim, name, t.pid); err != nil {
			return err
		}
		t.sim.change(ct, func() { ct.conf["lock"] = "snapshot" })
		return nil
	})
	if err != nil {
		return err
	}
	if err := t.pause(t.takes(0.6)); err != nil {
		t.unlock(ct)
		return err
	}
	return t.locked(func() error {
		t.sim.change(ct, func() {
			delete(ct.conf, "lock")
			ct.snaps[name] = &snapshot{conf: maps.Clone(ct.conf), parent: ct.parent, at: t.sim.now(), text: text, box: copied(ct.box)}
			ct.parent = name
		})
		return nil
	})
}

func (t *task) unlock(ct *container) {
	t.locked(func() error { t.sim.change(ct, func() { delete(ct.conf, "lock") }); return nil })
}

func (ct *container) snapshotable(s *Sim, name string, pid int) error {
	switch {
	case ct.isTemplate():
		return errors.New("you can't take a snapshot if it's a template")
	case ct.lock() != "":
		return ct.checkLock()
	case ct.snaps[name] != nil:
		return fmt.Errorf("snapshot name '%s' already used", name)
	case !ct.feature(&s.world):
		return errors.New("snapshot feature is not available")
	}
	return s.writable(ct, pid)
}

// feature tells whether every volume can be snapshotted; a bind mount never can.
func (ct *container) feature(w *world) bool {
	for key, value := range ct.conf {
		if key != "rootfs" && !strings.HasPrefix(key, "mp") {
			continue
		}
		if st, _ := w.volume(ct.node, splitProperties(value, "volume")["volume"]); volumeKind(value) != "volume" || st == nil || !st.snapshots() {
			return false
		}
	}
	return true
}

func hasFeature(c *call) (any, error) {
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	able := ct.feature(&c.sim.world)
	if c.params["feature"] == "copy" {
		able = !ct.running || c.params.has("snapname")
	}
	if name := c.params["snapname"]; name != "" && ct.snaps[name] == nil {
		return nil, die("snapshot '%s' does not exist", name)
	}
	return obj{"hasFeature": flag(able)}, nil
}

func deleteSnapshot(c *call) (any, error) {
	vmid, name := c.params.number("vmid", 0), c.params["snapname"]
	return c.start("vzdelsnapshot", c.params["vmid"], func(t *task) error {
		return t.holding(vmid, func() error {
			return t.onSnapshot(vmid, name, "snapshot-delete", 0.5, func(ct *container, sn *snapshot) { ct.forget(name, sn) })
		})
	}), nil
}

// onSnapshot locks the container, waits, and lets f change it, for delete and rollback.
func (t *task) onSnapshot(vmid int, name, lock string, weight float64, f func(*container, *snapshot)) error {
	var ct *container
	var sn *snapshot
	err := t.locked(func() (err error) {
		if ct, err = t.onNode(vmid); err != nil {
			return err
		}
		if sn = ct.snaps[name]; sn == nil {
			return fmt.Errorf("snapshot '%s' does not exist", name)
		}
		if err := ct.checkLock(); err != nil {
			return err
		}
		if err := t.sim.writable(ct, t.pid); err != nil {
			return err
		}
		t.sim.change(ct, func() { ct.conf["lock"] = lock })
		return nil
	})
	if err != nil {
		return err
	}
	if err := t.pause(t.takes(weight)); err != nil {
		t.unlock(ct)
		return err
	}
	return t.locked(func() error {
		t.sim.change(ct, func() { delete(ct.conf, "lock"); f(ct, sn) })
		return nil
	})
}

// forget removes a snapshot and joins its children to its parent.
func (ct *container) forget(name string, sn *snapshot) {
	for _, other := range ct.snaps {
		if other.parent == name {
			other.parent = sn.parent
		}
	}
	if ct.parent == name {
		ct.parent = sn.parent
	}
	delete(ct.snaps, name)
}

// rollback stops a running container hard and leaves it stopped, unless start was asked for.
func rollback(c *call) (any, error) {
	vmid, name, start := c.params.number("vmid", 0), c.params["snapname"], c.params.truth("start")
	return c.start("vzrollback", c.params["vmid"], func(t *task) error {
		err := t.holding(vmid, func() error {
			if err := t.rollbackPossible(vmid, name); err != nil {
				return err
			}
			return t.onSnapshot(vmid, name, "rollback", 1, func(ct *container, sn *snapshot) {
				ct.conf, ct.pending, ct.removing = maps.Clone(sn.conf), map[string]string{}, map[string]bool{}
				ct.parent, ct.box = name, copied(sn.box)
				ct.running, ct.started = false, 0
				t.sim.endConsole(vmid)
			})
		})
		if err != nil || !start {
			return err
		}
		return t.locked(func() error {
			t.sim.fork(t.node, t.user, "vzstart", strconv.Itoa(vmid), func(s *task) error { return s.startContainer(vmid, false) })
			return nil
		})
	}), nil
}

// rollbackPossible fails when a disk on ZFS has a newer snapshot (pve-storage ZFSPoolPlugin.pm, volume_rollback_is_possible).
func (t *task) rollbackPossible(vmid int, name string) error {
	return t.locked(func() error {
		ct, err := t.onNode(vmid)
		if err != nil || ct.snaps[name] == nil {
			return err // that there is no such snapshot is said by what comes next
		}
		for key, value := range ct.snaps[name].conf {
			volid := splitProperties(value, "volume")["volume"]
			st, _ := t.sim.world.volume(ct.node, volid)
			if !isDisk(key) || st == nil || st.kind != "zfspool" {
				continue
			}
			for _, other := range ct.snaps {
				if other.at.After(ct.snaps[name].at) {
					return fmt.Errorf("can't rollback, '%s' is not most recent snapshot on '%s'", name, volid)
				}
			}
		}
		return nil
	})
}

func (c *call) knownSnapshot() (*container, *snapshot, error) {
	ct, err := c.guest()
	if err != nil {
		return nil, nil, err
	}
	sn := ct.snaps[c.params["snapname"]]
	if sn == nil {
		return nil, nil, die("snapshot '%s' does not exist", c.params["snapname"])
	}
	return ct, sn, nil
}

func getSnapshotConfig(c *call) (any, error) {
	_, sn, err := c.knownSnapshot()
	if err != nil {
		return nil, err
	}
	return showConfig(sn.shown()), nil
}

func setSnapshotConfig(c *call) (any, error) {
	ct, sn, err := c.knownSnapshot()
	if err != nil {
		return nil, err
	}
	if err := ct.checkLock(); err != nil {
		return nil, err
	}
	if err := c.sim.writable(ct, 1000); err != nil {
		return nil, err
	}
	sn.text = normalValue("description", c.params["description"])
	return nil, nil
}
