package pvesim

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// guest finds the container of the path on the node of the path. Away, or never there: the same 500.
func (c *call) guest() (*container, error) {
	ct := c.sim.world.container(c.params.number("vmid", 0))
	if ct == nil || ct.node != c.node {
		return nil, noConfig(c.node, c.params["vmid"])
	}
	return ct, nil
}

func noConfig(n *node, vmid string) error {
	return die("Configuration file 'nodes/%s/lxc/%s.conf' does not exist", n.name, vmid)
}

// listContainers is GET /nodes/{node}/lxc: live, not sampled.
func listContainers(c *call) (any, error) {
	out := []obj{}
	for _, ct := range c.node.sortedGuests() {
		if c.sim.world.allowed(c.user, ct.aclPath(), "VM.Audit") {
			out = append(out, c.liveRow(ct))
		}
	}
	return out, nil
}

// liveRow is what vmstatus of pve-container 6.1.10 knows about one container.
func (c *call) liveRow(ct *container) obj {
	sh, r := ct.shape, c.sim.world.release
	row := obj{"vmid": ct.vmid, "type": "lxc", "status": "stopped", "name": sh.name, "cpus": sh.cpus, "cpu": 0, "uptime": 0,
		"mem": 0, "maxmem": sh.memory, "swap": 0, "maxswap": sh.swap, "disk": 0, "maxdisk": sh.disk,
		"netin": 0, "netout": 0, "diskread": 0, "diskwrite": 0}
	if r.before(8, 2) {
		row["vmid"] = strconv.Itoa(ct.vmid)
	}
	for _, key := range []string{"lock", "tags"} {
		if v := ct.conf[key]; v != "" {
			row[key] = v
		}
	}
	if sh.template {
		row["template"] = 1
	}
	if ct.running {
		c.addLiveFigures(row, ct)
	}
	return row
}

func (c *call) addLiveFigures(row obj, ct *container) {
	f := ct.shape.figuresAt(ct.seed, c.sim.clock(c.now), ct.started)
	row["status"], row["pid"], row["uptime"], row["cpu"] = "running", ct.pid, f.uptime, f.cpu
	row["mem"], row["swap"], row["disk"], row["maxdisk"] = f.mem, f.swap, f.disk, ct.shape.usable()
	row["netin"], row["netout"], row["diskread"], row["diskwrite"] = f.netin, f.netout, f.read, f.write
	if c.sim.world.release.before(9, 0) {
		return
	}
	text := func(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }
	row["pressurecpusome"], row["pressurecpufull"] = text(f.pressureCPU), text(0)
	row["pressureiosome"], row["pressureiofull"] = text(f.pressureIO), text(f.pressureIO/2)
	row["pressurememorysome"], row["pressurememoryfull"] = text(0), text(0)
}

func statusCurrent(c *call) (any, error) {
	ct, err := c.guest()
	if err != nil {
		return nil, err
	}
	row := c.liveRow(ct)
	row["ha"] = c.sim.world.haInfo(ct)
	return row, nil
}

// interfaces is GET .../interfaces: null unless the container runs, on any vmid.
func interfaces(c *call) (any, error) {
	ct, err := c.guest()
	if err != nil || !ct.running {
		return nil, nil //nolint:nilerr // as Proxmox VE: 200 and null on any vmid
	}
	out := []obj{c.ifaceRow("lo", "00:00:00:00:00:00", []string{"127.0.0.1/8", "::1/128"})}
	for _, n := range ct.nics() {
		out = append(out, c.ifaceRow(n.name, strings.ToLower(n.hwaddr), c.addresses(ct, n)))
	}
	return out, nil
}

// nic is a parsed netN line.
type nic struct{ key, name, bridge, hwaddr, ip, ip6, gw, tag string }

func (ct *container) nics() []nic {
	var out []nic
	for i := range 32 {
		key := fmt.Sprintf("net%d", i)
		if line := ct.conf[key]; line != "" {
			f := splitProperties(line, "")
			out = append(out, nic{key, f["name"], f["bridge"], f["hwaddr"], f["ip"], f["ip6"], f["gw"], f["tag"]})
		}
	}
	return out
}

// splitProperties reads "key=value,key=value"; the default key may omit its name.
func splitProperties(line, defaultKey string) map[string]string {
	out := map[string]string{}
	for _, part := range strings.Split(line, ",") {
		key, value, named := strings.Cut(part, "=")
		if !named {
			key, value = defaultKey, part
		}
		out[key] = value
	}
	return out
}

// dhcpDelay is how long a container waits for its lease after it started.
const dhcpDelay = 2 * time.Second

// addresses are what a NIC has got inside the running container, IPv4 first.
func (c *call) addresses(ct *container, n nic) []string {
	var out []string
	up := c.sim.clock(c.now) - ct.started
	switch {
	case n.ip == "dhcp" && up >= dhcpDelay:
		out = append(out, fmt.Sprintf("10.0.%d.%d/24", 128+ct.vmid/200%100, 10+ct.vmid%200))
	case isPrefix(n.ip):
		out = append(out, n.ip)
	}
	switch {
	case (n.ip6 == "auto" || n.ip6 == "dhcp") && up >= dhcpDelay:
		out = append(out, slaac("fd00:b::", n.hwaddr)+"/64")
	case isPrefix(n.ip6):
		out = append(out, n.ip6)
	}
	return append(out, slaac("fe80::", n.hwaddr)+"/64")
}

// slaac is the address that a MAC gives in a /64 network.
func slaac(network, mac string) string {
	b := netip.MustParseAddr(network).As16()
	var hw [6]byte
	fmt.Sscanf(mac, "%02X:%02X:%02X:%02X:%02X:%02X", &hw[0], &hw[1], &hw[2], &hw[3], &hw[4], &hw[5])
	copy(b[8:], []byte{hw[0] ^ 2, hw[1], hw[2], 0xff, 0xfe, hw[3], hw[4], hw[5]})
	return netip.AddrFrom16(b).String()
}

// ifaceRow shows one interface; prefixes are text, and of several addresses the last one is inet or inet6.
func (c *call) ifaceRow(name, mac string, addrs []string) obj {
	row := obj{"name": name, "hwaddr": mac}
	list := []obj{}
	for _, a := range addrs {
		p := netip.MustParsePrefix(a)
		kind := "inet"
		if p.Addr().Is6() {
			kind = "inet6"
		}
		row[kind] = a
		list = append(list, obj{"ip-address": p.Addr().String(), "ip-address-type": kind, "prefix": strconv.Itoa(p.Bits())})
	}
	if !c.sim.world.release.before(8, 4) {
		row["hardware-address"], row["ip-addresses"] = mac, list
	}
	return row
}
