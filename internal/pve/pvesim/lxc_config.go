package pvesim

import (
	"crypto/sha1"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// integerKeys and booleanKeys come out as JSON numbers; everything else, cpulimit too, as text.
var (
	integerKeys = strings.Fields("cores cpuunits memory swap tty")
	booleanKeys = strings.Fields("console debug onboot protection template unprivileged")
)

// typed is a config value as the API shows it.
func typed(key, value string) any {
	if contains(integerKeys, key) || contains(booleanKeys, key) || key == "snaptime" {
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return n
		}
	}
	return value
}

// digest is the SHA-1 of the whole config file: any change, of a lock or a snapshot too, alters it.
func (ct *container) digest() string {
	sum := sha1.Sum([]byte(ct.file()))
	return hex.EncodeToString(sum[:])
}

// file is the config as it lies in /etc/pve: current values, pending ones, snapshots.
func (ct *container) file() string {
	var b strings.Builder
	b.WriteString(section(ct.conf))
	if ct.parent != "" {
		b.WriteString("parent: " + ct.parent + "\n")
	}
	if len(ct.pending)+len(ct.removing) > 0 {
		b.WriteString("\n[pve:pending]\n" + section(ct.pending))
		if len(ct.removing) > 0 {
			b.WriteString("delete: " + joinComma(sortedKeys(ct.removing)) + "\n")
		}
	}
	for _, name := range sortedKeys(ct.snaps) {
		b.WriteString("\n[" + name + "]\n" + ct.snaps[name].section())
	}
	return b.String()
}

// section writes keys and values; the description becomes comment lines in front.
func section(conf map[string]string) string {
	var b strings.Builder
	if d := conf["description"]; d != "" {
		for _, line := range strings.Split(strings.TrimSuffix(d, "\n"), "\n") {
			b.WriteString("#" + line + "\n")
		}
	}
	for _, key := range sortedKeys(conf) {
		if key != "description" {
			b.WriteString(key + ": " + conf[key] + "\n")
		}
	}
	return b.String()
}

// applyPending makes waiting changes effective, at start.
func (ct *container) applyPending() {
	maps.Copy(ct.conf, ct.pending)
	for key := range ct.removing {
		delete(ct.conf, key)
	}
	ct.pending, ct.removing = map[string]string{}, map[string]bool{}
}

// envGuard is PVE's slip: a config with an env key is unreadable without VM.Config.Options.
func (c *call) envGuard(ct *container) error {
	if ct.conf["env"] == "" {
		return nil
	}
	return c.may(ct.aclPath(), "VM.Config.Options")
}

// getConfig is GET .../config. Without current=1 it already shows pending changes.
func getConfig(c *call) (any, error) {
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	if err := c.envGuard(ct); err != nil {
		return nil, err
	}
	if c.params.has("snapshot") && c.params.truth("current") {
		return nil, invalid(map[string]string{"snapshot": "cannot use 'snapshot' parameter with 'current'"})
	}
	conf := maps.Clone(ct.conf)
	switch name := c.params["snapshot"]; {
	case name != "":
		snap := ct.snaps[name]
		if snap == nil {
			return nil, die("snapshot '%s' does not exist", name)
		}
		conf = snap.shown()
	case !c.params.truth("current"):
		maps.Copy(conf, ct.pending)
		for key := range ct.removing {
			delete(conf, key)
		}
	}
	out := showConfig(conf)
	if c.params["snapshot"] == "" && ct.parent != "" {
		out["parent"] = ct.parent
	}
	out["digest"] = ct.digest()
	return out, nil
}

func showConfig(conf map[string]string) obj {
	out := obj{}
	for key, value := range conf {
		out[key] = typed(key, value)
	}
	return out
}

func getPending(c *call) (any, error) {
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	if err := c.envGuard(ct); err != nil {
		return nil, err
	}
	keys := slices.Concat(sortedKeys(ct.conf), sortedKeys(ct.pending), sortedKeys(ct.removing))
	out := []obj{}
	for _, key := range sorted(keys) {
		row := obj{"key": key}
		if v, has := ct.conf[key]; has {
			row["value"] = typed(key, v)
		}
		if v, has := ct.pending[key]; has {
			row["pending"] = typed(key, v)
		}
		if ct.removing[key] {
			row["delete"] = 1
		}
		out = append(out, row)
	}
	return append(out, obj{"key": "digest", "value": ct.digest()}), nil
}
