package pvesim

import (
	"slices"
	"strings"
)

// grant is one line of the access control list.
type grant struct {
	path      string
	kind      string // "user", "group" or "token"
	who       string
	role      string
	propagate bool
}

// rights are privileges, with true for those that hold below the path too.
type rights map[string]bool

// roles that PVE brings along; their privileges cannot be changed.
var privileges = strings.Fields(`Datastore.Allocate Datastore.AllocateSpace Datastore.AllocateTemplate Datastore.Audit Group.Allocate
	Mapping.Audit Mapping.Modify Mapping.Use Permissions.Modify Pool.Allocate Pool.Audit Realm.Allocate Realm.AllocateUser
	SDN.Allocate SDN.Audit SDN.Use Sys.AccessNetwork Sys.Audit Sys.Console Sys.Incoming Sys.Modify Sys.PowerMgmt Sys.Syslog
	User.Modify VM.Allocate VM.Audit VM.Backup VM.Clone VM.Config.CDROM VM.Config.CPU VM.Config.Cloudinit VM.Config.Disk
	VM.Config.HWType VM.Config.Memory VM.Config.Network VM.Config.Options VM.Console VM.GuestAgent.Audit
	VM.GuestAgent.FileRead VM.GuestAgent.FileSystemMgmt VM.GuestAgent.FileWrite VM.GuestAgent.Unrestricted VM.Migrate
	VM.PowerMgmt VM.Replicate VM.Snapshot VM.Snapshot.Rollback`)

func builtinRoles() map[string][]string {
	return map[string][]string{
		"Administrator":     privileges,
		"NoAccess":          nil,
		"PVEAdmin":          without(privileges, "Permissions.Modify", "Realm.Allocate", "Sys.Modify", "Sys.PowerMgmt", "Sys.Incoming"),
		"PVEAuditor":        strings.Fields("Datastore.Audit Mapping.Audit Pool.Audit SDN.Audit Sys.Audit VM.Audit VM.GuestAgent.Audit"),
		"PVEDatastoreAdmin": strings.Fields("Datastore.Allocate Datastore.AllocateSpace Datastore.AllocateTemplate Datastore.Audit"),
		"PVEDatastoreUser":  strings.Fields("Datastore.AllocateSpace Datastore.Audit"),
		"PVEPoolAdmin":      strings.Fields("Pool.Allocate Pool.Audit"),
		"PVEPoolUser":       strings.Fields("Pool.Audit"),
		"PVESDNAdmin":       strings.Fields("SDN.Allocate SDN.Audit SDN.Use"),
		"PVESDNUser":        strings.Fields("SDN.Audit SDN.Use"),
		"PVESysAdmin":       strings.Fields("Sys.Audit Sys.Console Sys.Syslog"),
		"PVETemplateUser":   strings.Fields("VM.Audit VM.Clone"),
		"PVEUserAdmin":      strings.Fields("Group.Allocate Realm.AllocateUser User.Modify"),
		"PVEVMAdmin":        startingWith(privileges, "VM."),
		"PVEVMUser": strings.Fields("VM.Audit VM.Backup VM.Config.CDROM VM.Config.Cloudinit VM.Console VM.GuestAgent.Audit " +
			"VM.GuestAgent.FileRead VM.GuestAgent.FileSystemMgmt VM.GuestAgent.FileWrite VM.PowerMgmt"),
	}
}

func without(list []string, drop ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(v string) bool { return contains(drop, v) })
}

func startingWith(list []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(v string) bool { return !strings.HasPrefix(v, prefix) })
}

// rolesOf collects the roles of one ACL subject along the path. A role set deeper replaces the inherited ones;
// a user's own roles win over those of the groups.
func (w *world) rolesOf(u caller, path string) map[string]bool {
	roles := map[string]bool{}
	var groups []string
	if owner := w.users[u.user]; owner != nil && u.token == "" {
		groups = owner.groups
	}
	for _, at := range pathPrefixes(path) {
		own, group := map[string]bool{}, map[string]bool{}
		for _, g := range w.acl[at] {
			if at != path && !g.propagate {
				continue
			}
			switch {
			case g.kind == "token" && u.token != "" && g.who == u.String(), g.kind == "user" && u.token == "" && g.who == u.user:
				own[g.role] = g.propagate
			case g.kind == "group" && contains(groups, g.who):
				group[g.role] = g.propagate
			}
		}
		if len(own) > 0 {
			roles = own
		} else if len(group) > 0 {
			roles = group
		}
	}
	return roles
}

// pathPrefixes are "/", "/vms", "/vms/100".
func pathPrefixes(path string) []string {
	out := []string{"/"}
	at := ""
	for _, part := range splitPath(path) {
		at += "/" + part
		out = append(out, at)
	}
	return out
}

// rightsOf are the privileges of a caller at a path. A token with privilege separation has what both it and its
// user have; a member of a pool adds what is granted on the pool.
func (w *world) rightsOf(u caller, path string) rights {
	if u.user == "root@pam" && u.token == "" {
		return w.everything
	}
	key := w.rightsKey(u, path)
	if r, ok := w.rightsCache[key]; ok {
		return r
	}
	r := w.findRights(u, path)
	w.rightsCache[key] = r
	return r
}

// rightsKey names a set of rights in the cache. Guests without grants of their own share one set per pool.
func (w *world) rightsKey(u caller, path string) string {
	if strings.HasPrefix(path, "/vms/") && w.acl[path] == nil {
		path = "/vms/ in pool " + w.poolOf(path)
	}
	return u.String() + " " + path
}

func (w *world) findRights(u caller, path string) rights {
	if u.token != "" {
		user := w.rightsOf(caller{user: u.user}, path)
		t := w.users[u.user].tokens[u.token]
		if t == nil || !t.privsep {
			return user
		}
		own := w.grantedRights(u, path)
		both := rights{}
		for priv, deep := range own {
			if userDeep, has := user[priv]; has {
				both[priv] = deep && userDeep
			}
		}
		return both
	}
	return w.grantedRights(u, path)
}

func (w *world) grantedRights(u caller, path string) rights {
	roles := w.rolesOf(u, path)
	if _, none := roles["NoAccess"]; none {
		return rights{}
	}
	out := rights{}
	w.addRoles(out, roles, true)
	if pool := w.poolOf(path); pool != "" {
		more := w.rolesOf(u, "/pool/"+pool)
		if _, none := more["NoAccess"]; none {
			return rights{}
		}
		w.addRoles(out, more, false)
	}
	return out
}

func (w *world) addRoles(out rights, roles map[string]bool, deep bool) {
	for role, propagate := range roles {
		for _, priv := range w.roles[role] {
			out[priv] = out[priv] || propagate && deep
		}
	}
}

// poolOf is the pool of a guest or storage path, or "".
func (w *world) poolOf(path string) string {
	parts := splitPath(path)
	if len(parts) != 2 {
		return ""
	}
	switch parts[0] {
	case "vms":
		if ct := w.container(atoi(parts[1])); ct != nil {
			return ct.pool
		}
	case "storage":
		for id, p := range w.pools {
			if p.storages[parts[1]] {
				return id
			}
		}
	}
	return ""
}

func (w *world) allowed(u caller, path, priv string) bool {
	_, ok := w.rightsOf(u, path)[priv]
	return ok
}

func (w *world) allowedAny(u caller, path string, privs ...string) bool {
	return slices.ContainsFunc(privs, func(p string) bool { return w.allowed(u, path, p) })
}

// aclChanged forgets derived rights.
func (w *world) aclChanged() { w.rightsCache = map[string]rights{} }
