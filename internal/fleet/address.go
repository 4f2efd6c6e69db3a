package fleet

import (
	"net/netip"
	"strings"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

// nicsOf gives the network interfaces of a configuration in the order of their numbers.
func nicsOf(c *pve.ContainerConfig) []store.NIC {
	var nics []store.NIC
	for i := range maxNICs {
		if n, ok := c.Networks[i]; ok {
			nics = append(nics, store.NIC{Name: n.Name, MAC: strings.ToLower(n.HardwareAddress), IP: n.IP, IP6: n.IP6})
		}
	}
	return nics
}

const maxNICs = 32 // net0 to net31 (pve-container)

// configuredAddresses are the static addresses of a configuration, for containers that do not run and those whose node
// cannot tell more.
func configuredAddresses(nics []store.NIC) []berth.Address {
	var all []berth.Address
	for _, n := range nics {
		for _, text := range []string{n.IP, n.IP6} {
			if prefix, err := netip.ParsePrefix(text); err == nil {
				all = append(all, berth.Address{Interface: n.Name, Prefix: prefix, Source: berth.AddressStatic})
			}
		}
	}
	return all
}

// addressesOf are the addresses that a running container has towards others: those of the interfaces that carry the
// hardware address of a configured one, IPv4 before IPv6, without loopback and link-local ones. What Docker, bridges
// and tunnels inside have is of no use from outside, and their hardware addresses are not in the configuration.
//
// Without a configuration (it takes one more privilege when it has an environment) the names of the interfaces decide.
func addressesOf(nics []store.NIC, interfaces []pve.Interface) []berth.Address {
	if len(nics) == 0 {
		return addressesByName(interfaces)
	}
	var all []berth.Address
	for i := range nics {
		for _, in := range interfaces {
			if nics[i].MAC != "" && strings.EqualFold(in.HardwareAddress, nics[i].MAC) {
				all = appendAddresses(all, in, func(a netip.Prefix) berth.AddressSource { return sourceOf(&nics[i], a) })
			}
		}
	}
	return all
}

func addressesByName(interfaces []pve.Interface) []berth.Address {
	var all []berth.Address
	for _, in := range interfaces {
		if !isInnerInterface(in.Name) {
			all = appendAddresses(all, in, func(netip.Prefix) berth.AddressSource { return "" })
		}
	}
	return all
}

func isInnerInterface(name string) bool {
	for _, prefix := range []string{"lo", "docker", "br-", "veth", "virbr", "lxcbr", "lxdbr", "incusbr", "podman", "cni", "flannel", "cali", "tun", "tap", "wg", "tailscale"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func appendAddresses(all []berth.Address, in pve.Interface, source func(netip.Prefix) berth.AddressSource) []berth.Address {
	addresses := in.Addresses()
	for _, v4 := range []bool{true, false} {
		for _, a := range addresses {
			if a.Addr().Unmap().Is4() == v4 && isOutward(a.Addr()) {
				all = append(all, berth.Address{Interface: in.Name, Prefix: a, Source: source(a)})
			}
		}
	}
	return all
}

func isOutward(a netip.Addr) bool {
	return !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast() && !a.IsUnspecified()
}

// sourceOf tells where an address of a configured interface comes from. IPv6 addresses other than the configured one come
// from router advertisements, unless the interface is left to the system inside ("manual").
func sourceOf(n *store.NIC, a netip.Prefix) berth.AddressSource {
	if a.Addr().Unmap().Is4() {
		if n.IP == "dhcp" {
			return berth.AddressDynamic
		}
		return berth.AddressStatic
	}
	if configured, err := netip.ParsePrefix(n.IP6); err == nil && configured.Addr() == a.Addr() || n.IP6 == "manual" {
		return berth.AddressStatic
	}
	return berth.AddressDynamic
}

// lacksLease tells whether an interface waits for an IPv4 address by DHCP, which takes a container seconds after its start.
func lacksLease(nics []store.NIC, addresses []berth.Address) bool {
	for _, n := range nics {
		if n.IP == "dhcp" && !hasV4(addresses, n.Name) {
			return true
		}
	}
	return false
}

func hasV4(addresses []berth.Address, name string) bool {
	for _, a := range addresses {
		if a.Interface == name && a.Prefix.Addr().Is4() {
			return true
		}
	}
	return false
}
