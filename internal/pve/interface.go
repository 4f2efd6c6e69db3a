package pve

import (
	"context"
	"net/netip"
)

// Interface is a network interface inside a running container, lo and those of Docker included.
type Interface struct {
	Name            string           `pve:"name"`
	HardwareAddress string           `pve:"hwaddr"` // lower case
	Inet            netip.Prefix     `pve:"inet"`   // the last of its addresses; all of them are in Addresses
	Inet6           netip.Prefix     `pve:"inet6"`
	Details         []InterfaceRange `pve:"ip-addresses"` // since pve-container 5.2.6
	Odd             []string         `pve:",odd"`
}

// InterfaceRange is one address of an interface.
type InterfaceRange struct {
	Address netip.Addr `pve:"ip-address"`
	Prefix  int        `pve:"prefix"`
	Odd     []string   `pve:",odd"`
}

// Addresses lists all addresses with their prefix lengths, whatever the version tells.
func (i Interface) Addresses() []netip.Prefix {
	var all []netip.Prefix
	for _, d := range i.Details {
		if p := netip.PrefixFrom(d.Address, d.Prefix); p.IsValid() {
			all = append(all, p)
		}
	}
	if all != nil {
		return all
	}
	for _, p := range []netip.Prefix{i.Inet, i.Inet6} {
		if p.IsValid() {
			all = append(all, p)
		}
	}
	return all
}

// Interfaces reads the addresses that a container has now. A stopped container has none; before pve-container 5.0.6
// (8.1) the error is KindUnsupported.
func (c *Client) Interfaces(ctx context.Context, node string, vmid int) ([]Interface, error) {
	return fetch[[]Interface](ctx, c, get("/nodes/{node}/lxc/{vmid}/interfaces", node, vmid))
}
