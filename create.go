package berth

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode/utf8"
)

// CreateSpec is a container that is to be made, from an OS image or from a backup. Errors name its fields as its JSON does.
type CreateSpec struct {
	Key     string `json:"-"` // a UUID, optional: of several requests with the same key one makes a container, and all get its job
	Cluster string `json:"cluster"`
	Node    string `json:"node"`
	VMID    int    `json:"vmid,omitempty"`   // 0: the next free one
	Image   string `json:"image,omitempty"`  // volume of an OS image: local:vztmpl/NAME
	Backup  string `json:"backup,omitempty"` // or volume of a backup: local:backup/NAME; what is zero below then is as in the backup

	KeepMACs bool `json:"keepMACs,omitempty"` // of a backup: it has the hardware addresses of the original, which then must not run

	Hostname string   `json:"hostname,omitempty"`
	Password string   `json:"-"` // of root; sealed while it is needed
	SSHKeys  string   `json:"-"` // one per line; sealed while they are needed
	Tags     []string `json:"tags,omitempty"`
	Pool     string   `json:"pool,omitempty"`

	Cores       int    `json:"cores,omitempty"` // 0: all of the node
	MemoryMiB   int    `json:"memory,omitempty"`
	SwapMiB     *int   `json:"swap,omitempty"` // nil: as Proxmox likes
	DiskStorage string `json:"storage,omitempty"`
	DiskGiB     int    `json:"disk,omitempty"`

	Bridge   string `json:"bridge,omitempty"` // empty: no network
	VLAN     int    `json:"vlan,omitempty"`   // 0: none
	IP       string `json:"ip,omitempty"`     // dhcp, address/prefix, or empty for none
	Gateway  string `json:"gateway,omitempty"`
	IP6      string `json:"ip6,omitempty"` // auto, dhcp, address/prefix, or empty for none
	Gateway6 string `json:"gateway6,omitempty"`

	Unprivileged bool `json:"unprivileged,omitempty"`
	Nesting      bool `json:"nesting,omitempty"`
	OnBoot       bool `json:"onboot,omitempty"`
	Start        bool `json:"start,omitempty"` // start it when it is made
}

// NewCreateSpec gives the values that most people want.
func NewCreateSpec() CreateSpec {
	swap := 512
	return CreateSpec{Cores: 1, MemoryMiB: 512, SwapMiB: &swap, DiskGiB: 8, Bridge: "vmbr0", IP: "dhcp", Unprivileged: true, Nesting: true, Start: true}
}

// Container is what would be made, as far as the spec says what it is.
func (s *CreateSpec) Container() *Container {
	return &Container{Cluster: s.Cluster, Node: s.Node, VMID: s.VMID, Hostname: s.Hostname, Tags: s.Tags, Pool: s.Pool}
}

var (
	hostnameForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`)
	sshKeyForm   = regexp.MustCompile(`^(?:ssh-\S+|ecdsa-\S+|sk-\S+) [A-Za-z0-9+/=]+(?: .*)?$`)
	imageForm    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]*:vztmpl/\S+$`)
	backupForm   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]*:backup/\S+$`)
	keyForm      = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	tagForm      = regexp.MustCompile(`^[a-z0-9_][a-z0-9_+.-]*$`)
)

const (
	minVMID, maxVMID  = 100, 999999999
	minMemoryMiB      = 16
	shortestPassword  = 5
	mostCores         = 8192
	mostDiskGiB       = 128 << 10
	lastVLAN          = 4094
	longestHostname   = 253
	longestSSHKeyList = 32 << 10
)

// Validate tells what is wrong, as Invalid with a message per field. Proxmox may still refuse what passes.
func (s *CreateSpec) Validate() error {
	fields := map[string]string{}
	wrong := func(is bool, field, message string) {
		if is && fields[field] == "" {
			fields[field] = message
		}
	}
	fresh := s.Backup == ""
	wrong(s.Key != "" && !keyForm.MatchString(s.Key), "key", "A key is a UUID in small letters.")
	wrong(s.Cluster == "", "cluster", "Choose a cluster.")
	wrong(s.Node == "", "node", "Choose a node.")
	wrong(s.VMID != 0 && (s.VMID < minVMID || s.VMID > maxVMID), "vmid", "A VMID is a number from 100 to 999999999.")
	wrong(fresh && !imageForm.MatchString(s.Image), "image", "Choose an OS image.")
	wrong(!fresh && !backupForm.MatchString(s.Backup), "backup", "Choose a backup.")
	wrong((fresh || s.Hostname != "") && (len(s.Hostname) > longestHostname || !hostnameForm.MatchString(s.Hostname)), "hostname",
		"A hostname has letters, digits and dashes, and starts and ends with a letter or digit.")
	for _, tag := range s.Tags {
		wrong(!tagForm.MatchString(tag), "tags", "A tag has small letters, digits, dashes, dots, plus signs and underscores: “"+clipped(tag)+"” does not.")
	}
	s.checkSignIn(fresh, wrong)
	s.checkSizes(fresh, wrong)
	s.checkNetwork(wrong)
	if len(fields) > 0 {
		return InvalidFields(fields)
	}
	return nil
}

func (s *CreateSpec) checkSignIn(fresh bool, wrong func(bool, string, string)) {
	wrong(fresh && s.Password == "" && strings.TrimSpace(s.SSHKeys) == "", "password", "Give a password or an SSH key: otherwise nobody can sign in.")
	wrong(s.Password != "" && utf8.RuneCountInString(s.Password) < shortestPassword, "password", "A password has at least five characters.")
	wrong(len(s.SSHKeys) > longestSSHKeyList, "keys", "These are too many keys.")
	for line := range strings.Lines(s.SSHKeys) {
		line = strings.TrimSpace(line)
		wrong(line != "" && !strings.HasPrefix(line, "#") && !sshKeyForm.MatchString(line), "keys", "Each line is a public SSH key, such as “ssh-ed25519 AAAA... you@laptop”.")
	}
}

func (s *CreateSpec) checkSizes(fresh bool, wrong func(bool, string, string)) {
	wrong(s.Cores < 0 || s.Cores > mostCores, "cores", "The number of cores is at least one.")
	wrong((fresh || s.MemoryMiB != 0) && s.MemoryMiB < minMemoryMiB, "memory", "The memory is at least 16 MiB.")
	wrong(s.SwapMiB != nil && *s.SwapMiB < 0, "swap", "The swap space cannot be negative.")
	wrong(!pveName.MatchString(s.DiskStorage), "storage", "Choose a storage for the disk.")
	wrong((fresh || s.DiskGiB != 0) && (s.DiskGiB < 1 || s.DiskGiB > mostDiskGiB), "disk", "The disk has at least 1 GiB.")
}

func (s *CreateSpec) checkNetwork(wrong func(bool, string, string)) {
	wrong(s.VLAN < 0 || s.VLAN > lastVLAN, "vlan", "A VLAN is a number from 1 to 4094.")
	wrong(s.Bridge != "" && !pveName.MatchString(s.Bridge), "bridge", "The name of a bridge "+pveNameRule)
	wrong(s.Bridge == "" && (s.IP != "" || s.IP6 != ""), "bridge", "An address needs a bridge.")
	wrong(s.IP != "" && s.IP != "dhcp" && !isPrefix(s.IP, netip.Addr.Is4), "ip", "An address is written with the length of its network: 10.0.0.5/24.")
	wrong(s.Gateway != "" && !isAddress(s.Gateway, netip.Addr.Is4), "gateway", "A gateway is an address without a slash: 10.0.0.1.")
	wrong(s.Gateway != "" && (s.IP == "" || s.IP == "dhcp"), "gateway", "A gateway goes with a static address only.")
	wrong(s.IP6 != "" && s.IP6 != "auto" && s.IP6 != "dhcp" && !isPrefix(s.IP6, netip.Addr.Is6), "ip6", "An address is written with the length of its network: fd00::5/64.")
	wrong(s.Gateway6 != "" && !isAddress(s.Gateway6, netip.Addr.Is6), "gateway6", "A gateway is an address without a slash: fd00::1.")
	wrong(s.Gateway6 != "" && (s.IP6 == "" || s.IP6 == "auto" || s.IP6 == "dhcp"), "gateway6", "A gateway goes with a static address only.")
}

func isPrefix(text string, family func(netip.Addr) bool) bool {
	p, err := netip.ParsePrefix(text)
	return err == nil && family(p.Addr())
}

func isAddress(text string, family func(netip.Addr) bool) bool {
	a, err := netip.ParseAddr(text)
	return err == nil && a.Zone() == "" && family(a)
}

// CreateChoices is what a node offers for a new container.
type CreateChoices struct {
	VMID       int             // the next free one; 0: not known
	Images     []ImageChoice   // by name
	Appliances []Appliance     // OS images that can be fetched, by name; those that are there already are left out
	ImageStore []string        // storages that OS images can be fetched to
	Storages   []StorageChoice // for disks
	Bridges    []BridgeChoice
	Pools      []string
	PoolNeeded bool     // the token may create in a pool only
	Unknown    []string // what could not be found out, as sentences for people
}

// ImageChoice is an OS image on a storage.
type ImageChoice struct {
	Volume, Name string
	SizeBytes    int64
}

// Appliance is an OS image of Proxmox's catalogue.
type Appliance struct {
	Name, OS, Version, Headline string
}

// StorageChoice is a storage for disks.
type StorageChoice struct {
	Name, Type string
	FreeBytes  int64
	Shared     bool // the same on all its nodes
}

// BridgeChoice is what a network interface can be connected to.
type BridgeChoice struct {
	Name, Comment string
	VLANAware     bool
}
