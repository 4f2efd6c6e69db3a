package pve

import (
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPropertyStringsKeepWhatIsNotChanged(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in     string
		change func(*Network)
		want   string
	}{
		"unchanged":     {"name=eth0,bridge=vmbr0,hwaddr=BC:24:11:B0:FD:EA,ip=dhcp,type=veth,firewall=on", func(*Network) {}, "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:B0:FD:EA,ip=dhcp,type=veth,firewall=on"},
		"changed":       {"ip=dhcp,name=eth0,bridge=vmbr0", func(n *Network) { n.Bridge = "vmbr1" }, "ip=dhcp,name=eth0,bridge=vmbr1"},
		"added":         {"name=eth0", func(n *Network) { n.VLAN, n.Trunks = 7, []string{"1", "2"} }, "name=eth0,tag=7,trunks=1;2"},
		"removed":       {"name=eth0,tag=7,bridge=vmbr0", func(n *Network) { n.VLAN = 0 }, "name=eth0,bridge=vmbr0"},
		"unknown key":   {"name=eth0,colour=blue,tag=7", func(n *Network) { n.VLAN = 8 }, "name=eth0,colour=blue,tag=8"},
		"unreadable":    {"name=eth0,tag=seven", func(n *Network) { n.Bridge = "vmbr0" }, "name=eth0,tag=seven,bridge=vmbr0"},
		"unread, fixed": {"name=eth0,tag=seven", func(n *Network) { n.VLAN = 7 }, "name=eth0,tag=7"},
		"rate":          {"name=eth0,rate=12.50", func(n *Network) { n.LinkDown = true }, "name=eth0,rate=12.50,link_down=1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n Network
			if err := n.UnmarshalText([]byte(test.in)); err != nil {
				t.Fatal(err)
			}
			if test.change(&n); n.String() != test.want {
				t.Errorf("got  %s\nwant %s", n, test.want)
			}
		})
	}
}

func TestMountsKnowTheirStorage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in, storage string
		bytes       int64
		path        string
	}{
		{"local-lvm:vm-100-disk-0,size=8G", "local-lvm", 8 << 30, ""},
		{"tank:101/subvol-101-disk-0.subvol,size=0T", "tank", 0, ""},
		{"mp=/data,volume=tank:102/vm-102-disk-1.raw,size=512M,backup=1", "tank", 512 << 20, "/data"},
		{"/mnt/a:b,mp=/shared,ro=1", "", 0, "/shared"},
		{"tank:4.5", "tank", 0, ""},
		{"tank:x,size=1048576", "tank", 1 << 20, ""},
		{"tank:x,size=-1G", "tank", 0, ""},
		{"tank:x,size=1e30T", "tank", 0, ""},
	}
	for _, test := range tests {
		var m Mount
		if err := m.UnmarshalText([]byte(test.in)); err != nil {
			t.Fatal(err)
		}
		if m.Storage() != test.storage || m.SizeBytes() != test.bytes || m.Path != test.path || m.String() != test.in {
			t.Errorf("%s: got storage %q, %d bytes, path %q, text %s", test.in, m.Storage(), m.SizeBytes(), m.Path, m)
		}
	}
}

func TestNewMountsBeginWithTheVolume(t *testing.T) {
	t.Parallel()
	no := false
	m := Mount{Path: "/data", Volume: "tank:8", Replicate: &no, Options: []string{"noatime", "nodev"}}
	if got, want := m.String(), "tank:8,mp=/data,mountoptions=noatime;nodev,replicate=0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// propertyString is what the types of property strings have in common.
type propertyString interface {
	UnmarshalText([]byte) error
	MarshalText() ([]byte, error)
}

// TestPropertyStringsSurviveReadingAndWriting draws texts with known, unknown and unreadable parts.
func TestPropertyStringsSurviveReadingAndWriting(t *testing.T) {
	t.Parallel()
	part := rapid.StringMatching(`(name|bridge|tag|rate|firewall|volume|mp|size|ro|acl|nesting|mount|order|up|path|uid|new-key)=[a-z0-9:/;._-]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfNDistinct(part, 0, 6, func(s string) string { key, _, _ := strings.Cut(s, "="); return key }).Draw(t, "parts")
		if bare := rapid.StringMatching(`[a-z]{1,4}:[0-9]{1,2}|`).Draw(t, "bare"); bare != "" {
			parts = slices.DeleteFunc(parts, func(p string) bool {
				return strings.HasPrefix(p, "volume=") || strings.HasPrefix(p, "path=") || strings.HasPrefix(p, "order=")
			})
			parts = append(parts, bare)
		}
		text := strings.Join(parts, ",")
		for _, v := range []propertyString{&Network{}, &Mount{}, &Device{}, &Features{}, &Startup{}} {
			if err := v.UnmarshalText([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if got, _ := v.MarshalText(); string(got) != text {
				t.Fatalf("%T: got %s, want %s", v, got, text)
			}
		}
	})
}

// TestNetworksSurviveWritingAndReading draws values in place of texts.
func TestNetworksSurviveWritingAndReading(t *testing.T) {
	t.Parallel()
	word := rapid.StringMatching(`[a-z0-9:/._-]{0,12}`)
	rapid.Check(t, func(t *rapid.T) {
		want := Network{
			Name: word.Draw(t, "name"), Bridge: word.Draw(t, "bridge"), IP: word.Draw(t, "ip"), Gateway6: word.Draw(t, "gw6"),
			Firewall: rapid.Bool().Draw(t, "firewall"), LinkDown: rapid.Bool().Draw(t, "down"),
			VLAN: rapid.IntRange(0, 4094).Draw(t, "tag"), RateMBps: rapid.Float64Range(0, 1e6).Draw(t, "rate"),
			Trunks: rapid.SliceOfN(rapid.StringMatching(`[1-9][0-9]{0,3}`), 1, 3).Draw(t, "trunks"),
		}
		var got Network
		if err := got.UnmarshalText([]byte(want.String())); err != nil {
			t.Fatal(err)
		}
		got.source = nil
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: got %#v, want %#v", want, got, want)
		}
	})
}

// TestFormsSurviveWritingAndReading draws a request, encodes it and reads it back.
func TestFormsSurviveWritingAndReading(t *testing.T) {
	t.Parallel()
	word := rapid.StringMatching(`[a-zA-Z0-9 ;&+%=äé:/._-]{1,12}`)
	rapid.Check(t, func(t *rapid.T) {
		want := ConfigChange{
			Settings: Settings{
				Hostname: word.Draw(t, "hostname"), Description: rapid.Ptr(word, true).Draw(t, "description"),
				OnBoot: rapid.Ptr(rapid.Bool(), true).Draw(t, "onboot"), Cores: rapid.Ptr(rapid.Int(), true).Draw(t, "cores"),
				CPULimit: rapid.Ptr(rapid.Float64Range(0, 8192), true).Draw(t, "cpulimit"),
				Tags:     rapid.SliceOfN(rapid.StringMatching(`[a-z0-9_]{1,8}`), 1, 3).Draw(t, "tags"),
			},
			Delete: []string{"mp0", "net3"},
		}
		sent, err := url.ParseQuery(encodeForm(want).Encode())
		if err != nil {
			t.Fatal(err)
		}
		got, err := formTo[ConfigChange](sent)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Startup{}, property{})); err != nil || diff != "" {
			t.Fatalf("%v, form %v (-want +got):\n%s", err, sent, diff)
		}
	})
}

func FuzzPropertyStrings(f *testing.F) {
	f.Add("name=eth0,bridge=vmbr0,hwaddr=BC:24:11:B0:FD:EA,ip=10.99.0.11/24,type=veth,tag=7,trunks=1;2")
	f.Add("local-lvm:vm-1-disk-0,size=8G,mountoptions=noatime;nodev,acl=,replicate=maybe")
	f.Add(" a = b ,, =x,y=")
	f.Fuzz(func(t *testing.T, text string) {
		for _, v := range []propertyString{&Network{}, &Mount{}} {
			if err := v.UnmarshalText([]byte(text)); err != nil {
				t.Fatal(err)
			}
			once, _ := v.MarshalText()
			if err := v.UnmarshalText(once); err != nil {
				t.Fatal(err)
			}
			if twice, _ := v.MarshalText(); string(once) != string(twice) {
				t.Fatalf("%q: got %q, then %q", text, once, twice)
			}
		}
	})
}
