package pvesim

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// format is a named value format of PVE with the text it refuses with.
type format struct {
	valid func(string) bool
	text  string
}

func pattern(expr, text string) format {
	re := regexp.MustCompile("^(?:" + expr + ")$")
	return format{re.MatchString, text}
}

const dnsLabel = `[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?`

// formats that the calls of this package use; the texts are PVE's (pve-common 9.2.1).
var formats = map[string]format{
	"pve-vmid":             pattern(`[1-9][0-9]{2,8}`, "value does not look like a valid VM ID"),
	"pve-node":             pattern(dnsLabel, "value does not look like a valid node name"),
	"dns-name":             pattern(dnsLabel+`(?:\.`+dnsLabel+`)*`, "value does not look like a valid DNS name"),
	"pve-storage-id":       pattern(`[a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]`, "storage ID 'x' contains illegal characters"),
	"pve-configid":         pattern(`[a-zA-Z][a-zA-Z0-9_-]+`, "invalid configuration ID 'x'"),
	"pve-poolid":           pattern(`[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+){0,2}`, "value 'x' does not look like a valid pool name"),
	"pve-userid":           pattern(`[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+`, "value 'x' does not look like a valid user name"),
	"pve-tokenid":          pattern(`[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+![A-Za-z][A-Za-z0-9.\-_]+`, "value 'x' does not look like a valid token ID"),
	"pve-groupid":          pattern(`[A-Za-z0-9.\-_]+`, "group name 'x' contains invalid characters"),
	"pve-roleid":           pattern(`[A-Za-z0-9.\-_]+`, "role name 'x' contains invalid characters"),
	"pve-realm":            pattern(`[A-Za-z][A-Za-z0-9.\-_]+`, "value 'x' does not look like a valid realm"),
	"pve-iface":            pattern(`[a-zA-Z][a-zA-Z0-9_]{1,20}(?:[:.]\d+)?`, "invalid network interface name 'x'"),
	"pve-volume-id":        pattern(`[^\s:]+:\S+`, "unable to parse volume ID 'x'"),
	"pve-tag":              pattern(`(?i)[a-z0-9_][a-z0-9_\-+.]*`, "invalid characters in tag"),
	"mac-addr":             pattern(`(?i)[a-f0-9][02468ace](?::[a-f0-9]{2}){5}`, "value does not look like a valid unicast MAC address"),
	"disk-size":            pattern(`\d+(?:\.\d+)?[KMGT]?`, "value does not look like a valid disk size: x"),
	"pve-lxc-mp-string":    pattern(`[^\x00]+`, "value does not look like a valid mount point"),
	"pve-startup-order":    pattern(`(?:(?:order=)?\d+|up=\d+|down=\d+)(?:,(?:(?:order=)?\d+|up=\d+|down=\d+))*`, "unable to parse startup options"),
	"pve-calendar-event":   pattern(`\S.*`, "invalid calendar event 'x'"),
	"email-opt":            pattern(`(?:[^\s@]+@[^\s@]+)?`, "value does not look like a valid email address"),
	"ipv4":                 {isIPv4, "value does not look like a valid IPv4 address"},
	"ipv6":                 {isIPv6, "value does not look like a valid IPv6 address"},
	"CIDR":                 {isPrefix, "value does not look like a valid CIDR network"},
	"pve-ipv4-config":      {func(v string) bool { return v == "dhcp" || v == "manual" || isPrefix4(v) }, "value does not look like a valid ipv4 network configuration"},
	"pve-ipv6-config":      {func(v string) bool { return v == "dhcp" || v == "auto" || v == "manual" || isPrefix6(v) }, "value does not look like a valid ipv6 network configuration"},
	"lxc-ip-with-ll-iface": {func(v string) bool { return v == "host" || isIPv4(v) || isIPv6(strings.SplitN(v, "%", 2)[0]) }, "value does not look like a valid IP address"},
	"pve-lxc-dev-string":   pattern(`/dev/.+`, "device path has to start with /dev"),
	"pve-ct-timezone":      pattern(`host|UTC|[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+)*`, "invalid time zone 'x'"),
	"pve-priv":             {func(v string) bool { return contains(privileges, v) }, "invalid privilege 'x'"},
}

func isIPv4(v string) bool { a, err := netip.ParseAddr(v); return err == nil && a.Is4() }
func isIPv6(v string) bool {
	a, err := netip.ParseAddr(v)
	return err == nil && a.Is6() && a.Zone() == ""
}
func isPrefix(v string) bool  { _, err := netip.ParsePrefix(v); return err == nil }
func isPrefix4(v string) bool { p, err := netip.ParsePrefix(v); return err == nil && p.Addr().Is4() }
func isPrefix6(v string) bool { p, err := netip.ParsePrefix(v); return err == nil && p.Addr().Is6() }

// checkFormat returns what is wrong with a value of a named format, or "". Formats that this package does not
// know are accepted.
func checkFormat(name, value string) string {
	if base, isList := strings.CutSuffix(name, "-list"); isList {
		for _, v := range splitList(value) {
			if text := checkFormat(base, v); text != "" {
				return text
			}
		}
		return ""
	}
	f, known := formats[name]
	if !known || f.valid(value) {
		return ""
	}
	return strings.ReplaceAll(f.text, "'x'", "'"+value+"'")
}
