package pvesim

import "testing"

// The digests are those that a server gave (pve-firewall 6.0).
func TestDigestOfAFirewallListIsThatOfPVE(t *testing.T) {
	t.Parallel()
	for want, list := range map[string][]params{
		"da39a3ee5e6b4b0d3255bfef95601890afd80709": {{}},
		"bb9ed91416c7ca9fe0bdb701360217e37ab4497f": {{"enable": "1"}},
		"82c60ac07c67e29c0f579b5dc1603872d4efa5c1": {{"type": "in", "action": "ACCEPT", "proto": "tcp", "dport": "22", "enable": "1", "comment": "ssh"}},
	} {
		if got := digestOf(list...); got != want {
			t.Errorf("%v has the digest %s, want %s", list, got, want)
		}
	}
}
