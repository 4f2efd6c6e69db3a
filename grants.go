package berth

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Purpose is what Berth is to do with a cluster; each includes the one before it.
type Purpose string

// The purposes.
const (
	PurposeWatch   Purpose = "watch"   // see everything
	PurposeOperate Purpose = "operate" // and start, stop, snapshot, back up, open consoles
	PurposeCreate  Purpose = "create"  // and create, change, clone, restore and delete
)

// Purposes lists every purpose, the smallest first.
func Purposes() []Purpose { return []Purpose{PurposeWatch, PurposeOperate, PurposeCreate} }

// The roles that Berth proposes, with the privileges that each takes, as measured call by call on Proxmox VE 9.2. A role
// at a deeper path replaces the one from above, so every deeper one repeats the right to see.
var proposedRoles = []struct {
	name, privileges string
}{
	{"BerthWatch", "VM.Audit,Sys.Audit,Datastore.Audit,Pool.Audit,SDN.Audit"},
	{"BerthOperate", "VM.Audit,VM.PowerMgmt,VM.Console,VM.Snapshot,VM.Snapshot.Rollback,VM.Backup"},
	{"BerthCreate", "VM.Audit,VM.PowerMgmt,VM.Console,VM.Snapshot,VM.Snapshot.Rollback,VM.Backup,VM.Allocate,VM.Clone,VM.Migrate,VM.Config.Disk,VM.Config.CPU,VM.Config.Memory,VM.Config.Network,VM.Config.Options"},
	{"BerthSpace", "Datastore.Audit,Datastore.AllocateSpace"},
	{"BerthImages", "Datastore.Audit,Datastore.AllocateSpace,Datastore.AllocateTemplate"},
	{"BerthBridge", "SDN.Audit,SDN.Use"},
}

// Grants is what to let Berth do on a cluster, for the commands that grant just that.
type Grants struct {
	Purpose  Purpose
	User     string   // USER@REALM; empty: berth@pve
	Token    string   // id of the token; empty: berth
	Backups  []string // storages that hold backups and OS images
	Disks    []string // storages for the disks of new containers
	Bridges  []string // bridges for new containers; empty: all of the local network
	Pool     string   // operate and create only in this pool; empty: everywhere
	Existing bool     // user and token are there already
}

var (
	userID      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,59}@[A-Za-z][A-Za-z0-9._-]{1,31}$`)
	tokenID     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{1,62}$`)
	pveName     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,99}$`)
	pveNameRule = "has letters, digits, dots, dashes and underscores, and starts with a letter."
)

// withDefaults fills in what was left open.
func (g Grants) withDefaults() Grants {
	if g.User == "" {
		g.User = "berth@pve"
	}
	if g.Token == "" {
		g.Token = "berth"
	}
	return g
}

// Validate tells what is wrong, as Invalid with a message per field. What passes is safe to paste into a shell.
func (g Grants) Validate() error {
	g = g.withDefaults()
	fields := map[string]string{}
	if !slices.Contains(Purposes(), g.Purpose) {
		fields["purpose"] = "Berth can watch, operate or create."
	}
	if !userID.MatchString(g.User) {
		fields["user"] = "A user of Proxmox VE is written as NAME@REALM, such as berth@pve."
	}
	if !tokenID.MatchString(g.Token) {
		fields["token"] = "The id of a token has at least two letters, digits, dots, dashes and underscores."
	}
	check := func(field, what string, names ...string) {
		for _, name := range names {
			if name != "" && !pveName.MatchString(name) {
				fields[field] = "“" + name + "” cannot be " + what + ": a name " + pveNameRule
			}
		}
	}
	check("backups", "a storage", g.Backups...)
	check("disks", "a storage", g.Disks...)
	check("bridges", "a bridge", g.Bridges...)
	check("pool", "a pool", g.Pool)
	if len(fields) > 0 {
		return InvalidFields(fields)
	}
	return nil
}

// Commands gives the commands for a shell of a node that make roles, user and token and grant what is wanted, to user and
// token, because a token has only what both have. The last one prints the secret. Running them again is harmless, except
// that a token that is there already is not made again. Validate first.
func (g Grants) Commands() []string {
	g = g.withDefaults()
	grants := g.places()
	var lines []string
	for _, role := range proposedRoles {
		if slices.ContainsFunc(grants, func(p place) bool { return p.role == role.name }) {
			lines = append(lines, roleCommand(role.name, role.privileges))
		}
	}
	if !g.Existing {
		lines = append(lines, "pveum user add "+g.User+" --comment Berth 2>/dev/null || true")
	}
	for _, p := range grants {
		lines = append(lines, p.userCommand(g))
	}
	if !g.Existing {
		lines = append(lines, fmt.Sprintf("pveum user token add %s %s --privsep 1", g.User, g.Token))
	}
	for _, p := range grants {
		lines = append(lines, p.tokenCommand(g))
	}
	return lines
}

// roleCommand makes the role, or gives it the privileges if it is there.
func roleCommand(name, privileges string) string {
	return fmt.Sprintf("pveum role add %[1]s --privs %[2]s 2>/dev/null || pveum role modify %[1]s --privs %[2]s", name, privileges)
}

// place is a role at a path.
type place struct{ path, role string }

func (p place) userCommand(g Grants) string {
	return fmt.Sprintf("pveum acl modify %s --users %s --roles %s", p.path, g.User, p.role)
}

func (p place) tokenCommand(g Grants) string {
	return fmt.Sprintf("pveum acl modify %s --tokens '%s!%s' --roles %s", p.path, g.User, g.Token, p.role)
}

func (g Grants) places() []place {
	places := []place{{"/", "BerthWatch"}}
	guests := "/vms"
	if g.Pool != "" {
		guests = "/pool/" + g.Pool
	}
	switch g.Purpose {
	case PurposeOperate:
		places = append(places, place{guests, "BerthOperate"})
		for _, s := range g.Backups {
			places = append(places, place{StoragePath(s), "BerthSpace"})
		}
	case PurposeCreate:
		places = append(places, place{guests, "BerthCreate"})
		for _, s := range g.Backups {
			places = append(places, place{StoragePath(s), "BerthImages"})
		}
		for _, s := range g.Disks {
			if !slices.Contains(g.Backups, s) {
				places = append(places, place{StoragePath(s), "BerthSpace"})
			}
		}
		for _, path := range bridgePaths(g.Bridges) {
			places = append(places, place{path, "BerthBridge"})
		}
	}
	return places
}

const localNetwork = "/sdn/zones/localnetwork"

// bridgePaths are the paths of the rights of bridges; without any, of all of them.
func bridgePaths(bridges []string) []string {
	if len(bridges) == 0 {
		return []string{localNetwork}
	}
	paths := make([]string, len(bridges))
	for i, b := range bridges {
		paths[i] = localNetwork + "/" + b
	}
	return paths
}

// splitToken takes USER@REALM!ID apart.
func splitToken(name string) (user, id string) {
	user, id, _ = strings.Cut(name, "!")
	return user, id
}
