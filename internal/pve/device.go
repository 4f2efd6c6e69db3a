package pve

import "strings"

// Network is a network interface of a configuration (netN). Zero fields are left out when it is written; keys of a
// configuration that this type does not know are kept, in their place.
type Network struct {
	Name            string   `prop:"name"` // inside the container, such as eth0
	Bridge          string   `prop:"bridge"`
	HardwareAddress string   `prop:"hwaddr"` // made by the server if empty
	IP              string   `prop:"ip"`     // dhcp, manual or address/prefix
	Gateway         string   `prop:"gw"`
	IP6             string   `prop:"ip6"` // auto, dhcp, manual or address/prefix
	Gateway6        string   `prop:"gw6"`
	Firewall        bool     `prop:"firewall"`
	VLAN            int      `prop:"tag"`
	Trunks          []string `prop:"trunks"`
	RateMBps        float64  `prop:"rate"`
	MTU             int      `prop:"mtu"`
	LinkDown        bool     `prop:"link_down"`
	Type            string   `prop:"type"`         // veth
	HostManaged     bool     `prop:"host-managed"` // since 9.1
	source          []property
}

// UnmarshalText reads a property string. It never fails: what it cannot read stays in its place.
func (n *Network) UnmarshalText(text []byte) error {
	*n = Network{}
	n.source = readProperties(string(text), n)
	return nil
}

// String is the property string.
func (n Network) String() string { return writeProperties(n.source, &n) }

// MarshalText writes the property string.
func (n Network) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// Mount is the root file system or a mount point of a configuration (rootfs, mpN). Unknown keys are kept.
type Mount struct {
	// Volume is what is mounted: STORAGE:VOLUME; or STORAGE:GIB to make a new volume of so many GiB; or, for root@pam
	// only, a path on the node (bind mount) or a block device.
	Volume         string   `prop:"volume,default"`
	Path           string   `prop:"mp"` // inside the container; empty for the root file system
	Size           string   `prop:"size"`
	ACL            *bool    `prop:"acl"`
	Options        []string `prop:"mountoptions"` // noatime, nodev, ...
	ReadOnly       bool     `prop:"ro"`
	Quota          bool     `prop:"quota"`
	Replicate      *bool    `prop:"replicate"` // the server's default is true
	Shared         bool     `prop:"shared"`
	Backup         bool     `prop:"backup"` // the root file system always is part of backups
	IDMap          string   `prop:"idmap"`
	KeepAttributes bool     `prop:"keepattrs"`
	source         []property
}

// UnmarshalText reads a property string. It never fails: what it cannot read stays in its place.
func (m *Mount) UnmarshalText(text []byte) error {
	*m = Mount{}
	m.source = readProperties(string(text), m)
	return nil
}

// String is the property string.
func (m Mount) String() string { return writeProperties(m.source, &m) }

// MarshalText writes the property string.
func (m Mount) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Storage is the storage that holds the volume; empty for a bind or device mount.
func (m Mount) Storage() string {
	storage, _, found := strings.Cut(m.Volume, ":")
	if !found || strings.HasPrefix(m.Volume, "/") {
		return ""
	}
	return storage
}

// SizeBytes is the configured size; 0 if there is none, as for a subvolume without a limit.
func (m Mount) SizeBytes() int64 {
	bytes, _ := parseSize(m.Size)
	return bytes
}

// Device is a device of the node that is passed through (devN). Only root@pam may set one.
type Device struct {
	Path      string `prop:"path,default"`
	Mode      string `prop:"mode"` // octal, such as 0660
	UID       *int   `prop:"uid"`
	GID       *int   `prop:"gid"`
	DenyWrite bool   `prop:"deny-write"`
	source    []property
}

// UnmarshalText reads a property string. It never fails: what it cannot read stays in its place.
func (d *Device) UnmarshalText(text []byte) error {
	*d = Device{}
	d.source = readProperties(string(text), d)
	return nil
}

// String is the property string.
func (d Device) String() string { return writeProperties(d.source, &d) }

// MarshalText writes the property string.
func (d Device) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Features are what a container may do beyond the usual. Anything but nesting of an unprivileged container can only
// be set by root@pam.
type Features struct {
	Nesting    bool     `prop:"nesting"`
	KeyCtl     bool     `prop:"keyctl"`
	FUSE       bool     `prop:"fuse"`
	MkNod      bool     `prop:"mknod"`
	ForceRWSys bool     `prop:"force_rw_sys"`
	Mount      []string `prop:"mount"` // file system types
	source     []property
}

// UnmarshalText reads a property string. It never fails: what it cannot read stays in its place.
func (f *Features) UnmarshalText(text []byte) error {
	*f = Features{}
	f.source = readProperties(string(text), f)
	return nil
}

// String is the property string.
func (f Features) String() string { return writeProperties(f.source, &f) }

// MarshalText writes the property string.
func (f Features) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Startup says when a container starts with its node, and how long to wait after it, in seconds.
type Startup struct {
	Order       *int `prop:"order,default"`
	UpSeconds   *int `prop:"up"`
	DownSeconds *int `prop:"down"`
	source      []property
}

// UnmarshalText reads a property string. It never fails: what it cannot read stays in its place.
func (s *Startup) UnmarshalText(text []byte) error {
	*s = Startup{}
	s.source = readProperties(string(text), s)
	return nil
}

// String is the property string.
func (s Startup) String() string { return writeProperties(s.source, &s) }

// MarshalText writes the property string.
func (s Startup) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
