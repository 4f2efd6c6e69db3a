package berth

import (
	"errors"
	"net/netip"
	"strings"
	"time"
)

const addressCharacters = "0123456789abcdef.:"

// addressFits tells whether p fits one of the addresses of c.
func addressFits(c *Container, p pattern) bool {
	var buffer [48]byte
	for i := range c.Addresses {
		if p.fits(string(c.Addresses[i].Prefix.Addr().Unmap().AppendTo(buffer[:0]))) {
			return true
		}
	}
	return false
}

// readAddress reads an address, a network, or how addresses begin.
func readAddress(_ string, p pattern) (alternative, error) {
	text, plain := p.text()
	if plain && strings.Contains(text, "/") {
		return readNetwork(text)
	}
	if strings.Trim(strings.Join(p, ""), addressCharacters) != "" {
		return alternative{}, errors.New("is not an address, a network such as 10.0.3.0/24, or the beginning of an address")
	}
	if address, err := netip.ParseAddr(text); err == nil && plain {
		address = address.Unmap()
		return addressAlternative(address.String(), func(a netip.Addr) bool { return a == address }), nil
	}
	shown := p.valueText()
	if plain {
		p = pattern{text, ""}
	}
	return alternative{shown, func(c *Container, _ time.Time) bool { return addressFits(c, p) }}, nil
}

func readNetwork(text string) (alternative, error) {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return alternative{}, errors.New("is not a network such as 10.0.3.0/24 or fd00::/64")
	}
	network = network.Masked()
	return addressAlternative(network.String(), network.Contains), nil
}

func addressAlternative(text string, is func(netip.Addr) bool) alternative {
	return alternative{text, func(c *Container, _ time.Time) bool {
		for i := range c.Addresses {
			if is(c.Addresses[i].Prefix.Addr().Unmap()) {
				return true
			}
		}
		return false
	}}
}
