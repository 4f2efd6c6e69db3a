package berth

import (
	"slices"
	"strings"
)

// Finding is what the permission doctor says of one feature of Berth on a cluster.
type Finding struct {
	Feature  string // in words: "Start, shut down, stop, reboot"
	State    FindingState
	Where    string   // where it works, if not everywhere: "storage local"
	Missing  []string // "VM.PowerMgmt on /vms"
	Commands []string // that grant what is missing, for a shell of a node
}

// FindingState is whether a feature works.
type FindingState string

// The states of a feature.
const (
	FeatureWorks    FindingState = "works"
	FeaturePartly   FindingState = "partly"    // in some places only
	FeatureMissing  FindingState = "missing"   // the token lacks privileges
	FeatureRootOnly FindingState = "root only" // Proxmox lets no API token do this
)

// need is privileges that a feature takes in a kind of place, and the role that Berth proposes for them there.
type need struct {
	place      placeKind
	privileges []string
	role       string
}

type placeKind int

const (
	atRoot     placeKind = iota // /
	atGuests                    // /vms, or a container, or a pool
	atBackups                   // a storage that holds backups
	atImages                    // a storage that holds OS images
	atDisks                     // a storage for disks of containers
	atNetworks                  // a bridge
)

// features is what Berth does, with what each thing takes (measured on Proxmox VE 9.2).
var features = []struct {
	title string
	needs []need
}{
	{"See containers", []need{{atGuests, []string{"VM.Audit"}, "BerthWatch"}}},
	{"See nodes and their load", []need{{atRoot, []string{"Sys.Audit"}, "BerthWatch"}}},
	{"See the tasks of others", []need{{atRoot, []string{"Sys.Audit"}, "BerthWatch"}}},
	{"See storages", []need{{atDisks, []string{"Datastore.Audit"}, "BerthWatch"}}},
	{"Start, shut down, stop, reboot", []need{{atGuests, []string{"VM.PowerMgmt"}, "BerthOperate"}}},
	{"Console", []need{{atGuests, []string{"VM.Console"}, "BerthOperate"}}},
	{"Take and remove snapshots", []need{{atGuests, []string{"VM.Snapshot"}, "BerthOperate"}}},
	{"Roll back to a snapshot", []need{{atGuests, []string{"VM.Snapshot.Rollback"}, "BerthOperate"}}},
	{"Back up, and see backups", []need{{atGuests, []string{"VM.Backup"}, "BerthOperate"}, {atBackups, []string{"Datastore.AllocateSpace", "Datastore.Audit"}, "BerthSpace"}}},
	{"Change resources", []need{{atGuests, []string{"VM.Config.CPU", "VM.Config.Memory"}, "BerthCreate"}}},
	{"Change the network", []need{{atGuests, []string{"VM.Config.Network"}, "BerthCreate"}, {atNetworks, []string{"SDN.Use"}, "BerthBridge"}}},
	{"Change options, tags and notes", []need{{atGuests, []string{"VM.Config.Options"}, "BerthCreate"}}},
	{"Add, grow and move disks", []need{{atGuests, []string{"VM.Config.Disk", "VM.Config.Options"}, "BerthCreate"}, {atDisks, []string{"Datastore.AllocateSpace", "Datastore.Audit"}, "BerthSpace"}}},
	{"Create containers", []need{{atGuests, []string{"VM.Allocate", "VM.Config.Disk", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options"}, "BerthCreate"},
		{atDisks, []string{"Datastore.AllocateSpace", "Datastore.Audit"}, "BerthSpace"}, {atImages, []string{"Datastore.Audit"}, "BerthImages"}, {atNetworks, []string{"SDN.Use"}, "BerthBridge"}}},
	{"Download OS images", []need{{atImages, []string{"Datastore.AllocateTemplate", "Datastore.Audit"}, "BerthImages"}}},
	{"Clone", []need{{atGuests, []string{"VM.Clone", "VM.Allocate"}, "BerthCreate"}, {atDisks, []string{"Datastore.AllocateSpace", "Datastore.Audit"}, "BerthSpace"}}},
	{"Migrate to another node", []need{{atGuests, []string{"VM.Migrate"}, "BerthCreate"}}},
	{"Delete", []need{{atGuests, []string{"VM.Allocate"}, "BerthCreate"}}},
}

// rootOnly is what Proxmox lets only root@pam itself do (pve-container 6.1: PVE::LXC::check_ct_modify_config_perm).
var rootOnly = []string{"Features other than nesting (keyctl, fuse, mount)", "Bind mounts and device passthrough", "Hook scripts", "Skipping locks"}

// Diagnose tells for every feature whether the token of a cluster may use it, and how to grant what is missing.
func Diagnose(c Cluster, r Rights, storages []Storage) []Finding {
	d := diagnosis{rights: r, storages: storages}
	d.grants.User, d.grants.Token = splitToken(c.TokenID)
	var findings []Finding
	for _, f := range features {
		findings = append(findings, d.examine(f.title, f.needs))
	}
	for _, title := range rootOnly {
		findings = append(findings, Finding{Feature: title, State: FeatureRootOnly})
	}
	return findings
}

type diagnosis struct {
	rights   Rights
	storages []Storage
	grants   Grants
}

// examine looks at each need: where it is met, and if nowhere, what is missing at the place that is meant.
func (d *diagnosis) examine(title string, needs []need) Finding {
	f := Finding{Feature: title, State: FeatureWorks}
	for _, n := range needs {
		paths, proposed := d.places(n.place)
		met := slices.DeleteFunc(slices.Clone(paths), func(at string) bool { return len(d.rights.Lacking(at, n.privileges...)) > 0 })
		switch {
		case len(met) == 0:
			f.State = FeatureMissing
			f.Missing = append(f.Missing, strings.Join(d.rights.Lacking(proposed, n.privileges...), ", ")+" on "+proposed)
			f.Commands = append(f.Commands, d.commands(place{proposed, n.role})...)
		case len(met) < len(paths) && f.State == FeatureWorks:
			f.State, f.Where = FeaturePartly, wherePaths(met)
		}
	}
	if f.State == FeatureMissing {
		f.Where = ""
	}
	return f
}

func wherePaths(paths []string) string {
	const most = 4
	text := strings.Join(paths[:min(most, len(paths))], ", ")
	if len(paths) > most {
		text += ", …"
	}
	return text
}

// places gives the paths where a need can be met, and the one to propose when it is met nowhere.
func (d *diagnosis) places(kind placeKind) (paths []string, proposed string) {
	switch kind {
	case atRoot:
		return []string{"/"}, "/"
	case atGuests:
		return append([]string{"/vms"}, d.rights.Listed("/vms/")...), "/vms"
	case atNetworks:
		return append([]string{localNetwork}, d.rights.Listed(localNetwork+"/")...), localNetwork
	}
	content := map[placeKind]string{atBackups: "backup", atImages: "vztmpl", atDisks: "rootdir"}[kind]
	for _, s := range d.storages {
		if slices.Contains(s.Content, content) && !slices.Contains(paths, StoragePath(s.Name)) {
			paths = append(paths, StoragePath(s.Name))
		}
	}
	if len(paths) == 0 { // no such storage is known, or the token sees none
		return []string{StoragePath("local")}, StoragePath("local")
	}
	return paths, paths[0]
}

// commands grant a role at a place to user and token.
func (d *diagnosis) commands(p place) []string {
	role := slices.IndexFunc(proposedRoles, func(r struct{ name, privileges string }) bool { return r.name == p.role })
	return []string{roleCommand(p.role, proposedRoles[role].privileges), p.userCommand(d.grants), p.tokenCommand(d.grants)}
}
