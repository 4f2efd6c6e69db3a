package berth

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ConfigVersion is a configuration that a container had. Keys and values are as Proxmox writes them; environments (env),
// which may hold secrets, are left out.
type ConfigVersion struct {
	ID     string    // empty: it was just read
	At     time.Time // when Berth first saw it
	Actor  string    // who made it so with Berth; empty: not known
	Digest string    // of Proxmox, then
	Values map[string]string
}

// ConfigChange changes the configuration of a container.
type ConfigChange struct {
	Set   map[string]string `json:"set,omitempty"`   // key to value, as Proxmox writes them: "memory": "1024"
	Unset []string          `json:"unset,omitempty"` // keys that go back to what is usual
}

// Keys lists what is changed, in order.
func (c ConfigChange) Keys() []string {
	keys := append(slices.Collect(maps.Keys(c.Set)), c.Unset...)
	slices.Sort(keys)
	return slices.Compact(keys)
}

var (
	configKey = regexp.MustCompile(`^[a-z][a-z-]*[0-9]{0,3}$`)
	// These are no settings, would hold secrets in the history, or have an action of their own.
	notSettings = []string{"digest", "delete", "revert", "lock", "env", "template", "parent", "snaptime", "snapstate", "lxc", "arch", "unprivileged", "rootfs"}
)

// Validate tells which keys cannot be changed, or not to these values, as Invalid with a message per key. Proxmox may still
// refuse what passes.
func (c ConfigChange) Validate() error {
	fields := map[string]string{}
	for _, key := range c.Keys() {
		if message := checkSetting(key, c.Set[key]); message != "" {
			fields[key] = message
		}
		if !configKey.MatchString(key) || slices.Contains(notSettings, key) {
			fields[key] = "“" + key + "” cannot be changed here."
		}
		if _, set := c.Set[key]; set && slices.Contains(c.Unset, key) {
			fields[key] = "“" + key + "” cannot be changed and unset at once."
		}
	}
	if len(fields) > 0 {
		return InvalidFields(fields)
	}
	return nil
}

// checkSetting says what is wrong with a value; empty: nothing that is known.
func checkSetting(key, value string) string {
	number, err := strconv.ParseFloat(value, 64)
	whole := err == nil && number == math.Trunc(number)
	var wrong bool
	var message string
	switch key {
	case "cores":
		wrong, message = !whole || number < 1 || number > mostCores, "The number of cores is at least one."
	case "cpulimit":
		wrong, message = err != nil || number < 0 || number > mostCores, "The limit is a number of cores, such as 1.5; 0 is none."
	case "cpuunits":
		wrong, message = !whole || number < 0, "The weight is a number, usually 100."
	case "memory":
		wrong, message = !whole || number < minMemoryMiB, "The memory is at least 16 MiB."
	case "swap":
		wrong, message = !whole || number < 0, "The swap space is a number of MiB."
	case "onboot":
		wrong, message = value != "0" && value != "1", "It is 1 or 0."
	case "hostname":
		wrong, message = len(value) > longestHostname || !hostnameForm.MatchString(value), "A hostname has letters, digits and dashes, and starts and ends with a letter or digit."
	}
	if !wrong || value == "" { // an empty one goes back to what is usual
		return ""
	}
	return message
}

// KeyEffect is what is to be known before a key is changed.
type KeyEffect struct {
	Restart   bool   // in a running container it waits for the next start by Proxmox
	RootOnly  string // why only root@pam may change it, so that Berth cannot; empty: others may
	Privilege string // of Proxmox for the container, that it takes (pve-container 6.1.10); empty: one of several
}

// keyPrivileges are the privileges that keys take, by the key without its number.
var keyPrivileges = map[string]string{
	"cores": "VM.Config.CPU", "cpulimit": "VM.Config.CPU", "cpuunits": "VM.Config.CPU", "memory": "VM.Config.Memory", "swap": "VM.Config.Memory",
	"hostname": "VM.Config.Network", "nameserver": "VM.Config.Network", "searchdomain": "VM.Config.Network", "net": "VM.Config.Network",
	"rootfs": "VM.Config.Disk", "mp": "VM.Config.Disk", "features": "VM.Allocate",
	"onboot": "VM.Config.Options", "startup": "VM.Config.Options", "description": "VM.Config.Options", "tags": "VM.Config.Options",
	"protection": "VM.Config.Options", "timezone": "VM.Config.Options", "cmode": "VM.Config.Options", "tty": "VM.Config.Options",
}

// atOnce are the keys that take effect in a running container (pve-container 6.1.10).
var atOnce = []string{"description", "onboot", "startup", "protection", "hostname", "cores", "tags", "cpulimit", "cpuunits", "memory", "swap", "net"}

// EffectOf tells what changing a key to a value means for a container with that configuration. An empty value unsets it.
func EffectOf(key, value string, config map[string]string) KeyEffect {
	base := strings.TrimRight(key, "0123456789")
	e := KeyEffect{Privilege: keyPrivileges[base], Restart: !slices.Contains(atOnce, base) && (base != "mp" || config[key] != "")}
	switch {
	case base == "hookscript" || base == "dev":
		e.RootOnly = "Only root@pam may change it; no API token can."
	case base == "mp" && strings.HasPrefix(value, "/"):
		e.RootOnly = "Only root@pam may mount directories and devices of the node; no API token can."
	case base == "features" && config["unprivileged"] != "1":
		e.RootOnly = "Only root@pam may change the features of a privileged container; no API token can."
	case base == "features" && otherFeatures(value) != otherFeatures(config[key]):
		e.RootOnly = "Only root@pam may change features other than nesting; no API token can."
	}
	return e
}

// otherFeatures are the features but for nesting, in order.
func otherFeatures(value string) string {
	parts := slices.DeleteFunc(strings.Split(value, ","), func(part string) bool {
		name, is, _ := strings.Cut(part, "=")
		return name == "nesting" || is == "" || is == "0"
	})
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// ChangeTo is the change that brings back an older configuration. What it cannot bring back, disks above all, is in left.
func (v ConfigVersion) ChangeTo(older ConfigVersion) (change ConfigChange, left []string) {
	change.Set = map[string]string{}
	keys := slices.Collect(maps.Keys(v.Values))
	for _, key := range slices.Compact(slices.Sorted(slices.Values(slices.AppendSeq(keys, maps.Keys(older.Values))))) {
		was, had := older.Values[key]
		is, has := v.Values[key]
		base := strings.TrimRight(key, "0123456789")
		switch {
		case was == is && had == has || key == "lock":
		case slices.Contains(notSettings, key) || base == "mp" || base == "unused" || EffectOf(key, was, v.Values).RootOnly != "":
			left = append(left, key)
		case had:
			change.Set[key] = was
		default:
			change.Unset = append(change.Unset, key)
		}
	}
	return change, left
}
