package pvesim

import (
	"fmt"
	"strconv"
	"strings"
)

// normalValue is the stored form of simple values.
func normalValue(key, value string) string {
	switch key {
	case "tags":
		tags := splitList(strings.ToLower(value))
		return strings.Join(sorted(tags), ";")
	case "description":
		if value != "" && !strings.HasSuffix(value, "\n") {
			value += "\n"
		}
	case "features":
		return printProperties(splitProperties(value, ""), "")
	}
	return value
}

// normalNet completes a NIC: hardware address and type are filled in, the name comes first.
func (s *Sim) normalNet(value string, vmid int, key string) string {
	f := splitProperties(value, "")
	if f["hwaddr"] == "" {
		h := hash(s.opt.Seed, "mac", strconv.Itoa(vmid), key, strconv.Itoa(s.world.version))
		f["hwaddr"] = fmt.Sprintf("BC:24:11:%02X:%02X:%02X", byte(h), byte(h>>8), byte(h>>16))
	}
	if f["type"] == "" {
		f["type"] = "veth"
	}
	return printProperties(f, "name")
}

// printProperties writes a property string: one key first, the default key without its name, the rest in order.
func printProperties(f map[string]string, first string) string {
	var parts []string
	if first == "volume" {
		parts = append(parts, f[first])
	} else if first != "" {
		parts = append(parts, first+"="+f[first])
	}
	for _, key := range sortedKeys(f) {
		if key != first && key != "" {
			parts = append(parts, key+"="+f[key])
		}
	}
	return strings.Join(parts, ",")
}

// printSize writes bytes in the largest unit that divides them; nothing is "0T".
func printSize(n int64) string {
	if n == 0 {
		return "0T"
	}
	unit := ""
	for _, u := range []string{"K", "M", "G", "T"} {
		if n%1024 != 0 {
			break
		}
		n, unit = n/1024, u
	}
	return strconv.FormatInt(n, 10) + unit
}
