package pvesim

import (
	"regexp"
	"strings"

	"berth/internal/pve/pvesim/shell"
)

// archive is what a backup volume remembers of its container.
type archive struct {
	conf map[string]string
	box  *shell.Box
}

var backupName = regexp.MustCompile(`vzdump-lxc-(\d+)-`)

// backupOwner reads the id of the container off a backup's name; 0 when it is none.
func backupOwner(name string) int {
	if m := backupName.FindStringSubmatch(name); m != nil {
		return atoi(m[1])
	}
	return 0
}

// extractConfig is GET .../vzdump/extractconfig.
func extractConfig(c *call) (any, error) {
	volid := c.params["volume"]
	st, v := c.sim.world.volume(c.node, volid)
	if st == nil {
		id, _, _ := strings.Cut(volid, ":")
		return nil, die("storage '%s' does not exist", id)
	}
	if err := c.mayTouchVolume(st, volid); err != nil {
		return nil, err
	}
	if v == nil || v.archive == nil {
		return nil, die("volume '%s' does not exist", volid)
	}
	return section(v.archive.conf), nil
}

func dumpDefaults(c *call) (any, error) {
	out := obj{"mode": "snapshot", "compress": "0", "storage": "local", "ionice": 7, "lockwait": 180, "stopwait": 10, "remove": 1, "pigz": 0, "zstd": 1, "notification-mode": "auto",
		"prune-backups": obj{"keep-all": "1"}, "mailnotification": "always", "exclude-path": []string{}}
	if id := c.params["storage"]; id != "" {
		out["storage"] = id
	}
	return out, nil
}
