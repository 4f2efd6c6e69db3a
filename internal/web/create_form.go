package web

import (
	"net/url"
	"strconv"
	"strings"

	"berth"
)

// createForm is the form for a new container as it was filled in, by the names of its fields. Those are the fields of
// berth.CreateSpec; ipv4 and ipv6 say how an address is found, and the fields ip and ip6 only hold one that is typed.
type createForm struct{ url.Values }

const (
	noAddress     = "none"
	staticAddress = "static"
)

// createField is a field that can be wrong, and what it is called.
type createField struct{ name, label string }

// createFields are in the order of the form.
var createFields = []createField{
	{"cluster", "Cluster"}, {"node", "Node"}, {"vmid", "VMID"}, {"pool", "Pool"}, {"image", "OS image"}, {"hostname", "Hostname"}, {"tags", "Tags"},
	{"password", "Password of root"}, {"keys", "SSH keys of root"}, {"cores", "CPU cores"}, {"memory", "Memory in MiB"}, {"disk", "Disk in GiB"},
	{"swap", "Swap in MiB"}, {"storage", "Storage of the disk"}, {"bridge", "Bridge"}, {"ip", "IPv4 address"}, {"gateway", "IPv4 gateway"}, {"vlan", "VLAN"},
	{"ip6", "IPv6 address"}, {"gateway6", "IPv6 gateway"}, {"unprivileged", "Unprivileged"}, {"nesting", "Nesting"},
}

// newCreateForm is the form with the values of a spec, without its secrets.
func newCreateForm(spec berth.CreateSpec) createForm {
	f := createForm{url.Values{}}
	for name, text := range map[string]string{"cluster": spec.Cluster, "node": spec.Node, "image": spec.Image, "hostname": spec.Hostname,
		"tags": strings.Join(spec.Tags, ", "), "pool": spec.Pool, "storage": spec.DiskStorage, "bridge": spec.Bridge, "gateway": spec.Gateway, "gateway6": spec.Gateway6} {
		f.Set(name, text)
	}
	for name, n := range map[string]int{"vmid": spec.VMID, "cores": spec.Cores, "memory": spec.MemoryMiB, "disk": spec.DiskGiB, "vlan": spec.VLAN} {
		if n != 0 {
			f.Set(name, strconv.Itoa(n))
		}
	}
	if spec.SwapMiB != nil {
		f.Set("swap", strconv.Itoa(*spec.SwapMiB))
	}
	for name, on := range map[string]bool{"unprivileged": spec.Unprivileged, "nesting": spec.Nesting, "onboot": spec.OnBoot, "start": spec.Start} {
		if on {
			f.Set(name, "1")
		}
	}
	f.setAddress("ipv4", "ip", spec.IP)
	f.setAddress("ipv6", "ip6", spec.IP6)
	return f
}

func (f createForm) setAddress(how, field, address string) {
	switch address {
	case "":
		f.Set(how, noAddress)
	case "dhcp", "auto":
		f.Set(how, address)
	default:
		f.Set(how, staticAddress)
		f.Set(field, address)
	}
}

// spec is what the form asks for, and by field what in it cannot be read.
func (f createForm) spec() (spec berth.CreateSpec, unread map[string]string) {
	unread = map[string]string{}
	number := func(name string) int {
		text := strings.TrimSpace(f.Get(name))
		n, err := strconv.Atoi(text)
		if err != nil && text != "" {
			unread[name] = "This is not a whole number."
		}
		return n
	}
	spec = berth.CreateSpec{Key: f.Get("key"), Cluster: f.Get("cluster"), Node: f.Get("node"), VMID: number("vmid"), Image: f.Get("image"),
		Hostname: strings.TrimSpace(f.Get("hostname")), Password: f.Get("password"), SSHKeys: strings.TrimSpace(f.Get("keys")), Pool: strings.TrimSpace(f.Get("pool")),
		Cores: number("cores"), MemoryMiB: number("memory"), DiskStorage: f.Get("storage"), DiskGiB: number("disk"), Bridge: f.Get("bridge"),
		Unprivileged: f.Has("unprivileged"), Nesting: f.Has("nesting"), OnBoot: f.Has("onboot"), Start: f.Has("start")}
	if tags := names(f.Get("tags")); len(tags) > 0 {
		spec.Tags = tags
	}
	if swap := number("swap"); strings.TrimSpace(f.Get("swap")) != "" {
		spec.SwapMiB = &swap
	}
	if spec.Bridge != "" {
		spec.VLAN = number("vlan")
		spec.IP, spec.Gateway = f.address("ipv4", "ip", "gateway", unread)
		spec.IP6, spec.Gateway6 = f.address("ipv6", "ip6", "gateway6", unread)
	}
	return spec, unread
}

// address reads how the container gets its address; what was typed and then hidden by another choice does not count.
func (f createForm) address(how, field, gatewayField string, unread map[string]string) (address, gateway string) {
	switch chosen := f.Get(how); chosen {
	case noAddress, "":
		return "", ""
	case staticAddress:
		address = strings.TrimSpace(f.Get(field))
		if address == "" || address == "dhcp" || address == "auto" {
			unread[field] = "Give an address with the length of its network."
		}
		return address, strings.TrimSpace(f.Get(gatewayField))
	default:
		return chosen, ""
	}
}
