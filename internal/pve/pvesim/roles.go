package pvesim

import (
	"crypto/rand"
	"encoding/binary"
	"slices"
	"strings"
)

// Roles, grants, tokens and groups: what pveum sets up.

func listRoles(c *call) (any, error) {
	out := []obj{}
	for _, id := range sortedKeys(c.sim.world.roles) {
		_, special := builtinRoles()[id]
		out = append(out, obj{"roleid": id, "privs": strings.Join(c.sim.world.roles[id], ","), "special": flag(special)})
	}
	return out, nil
}

func getRole(c *call) (any, error) {
	privs, known := c.sim.world.roles[c.params["roleid"]]
	if !known {
		return nil, die("role '%s' does not exist", c.params["roleid"])
	}
	out := obj{}
	for _, p := range privs {
		out[p] = 1
	}
	return out, nil
}

func addRole(c *call) (any, error) {
	id := c.params["roleid"]
	if _, known := c.sim.world.roles[id]; known {
		return nil, die("role '%s' already exists", id)
	}
	if strings.HasPrefix(id, "PVE") && !c.sim.world.release.before(8, 0) {
		return nil, invalidParam("roleid", "cannot use role ID starting with the (case-insensitive) 'PVE' namespace")
	}
	c.sim.world.roles[id] = sorted(c.params.list("privs"))
	c.sim.world.aclChanged()
	return nil, nil
}

func changeRole(c *call) (any, error) {
	id := c.params["roleid"]
	have, known := c.sim.world.roles[id]
	if _, special := builtinRoles()[id]; special {
		return nil, die("auto-generated role '%s' cannot be modified", id)
	}
	if !known {
		return nil, die("role '%s' does not exist", id)
	}
	privs := c.params.list("privs")
	if c.params.truth("append") {
		privs = append(privs, have...)
	}
	c.sim.world.roles[id] = sorted(privs)
	c.sim.world.aclChanged()
	return nil, nil
}

func removeRole(c *call) (any, error) {
	id := c.params["roleid"]
	if _, special := builtinRoles()[id]; special {
		return nil, die("auto-generated role '%s' cannot be deleted", id)
	}
	if _, known := c.sim.world.roles[id]; !known {
		return nil, die("role '%s' does not exist", id)
	}
	delete(c.sim.world.roles, id)
	c.sim.world.dropGrants(func(g grant) bool { return g.role == id })
	return nil, nil
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

func listACL(c *call) (any, error) {
	out := []obj{}
	for _, path := range sortedKeys(c.sim.world.acl) {
		if !c.sim.world.allowed(c.user, path, "Permissions.Modify") && !c.sim.world.allowed(c.user, "/access", "Sys.Audit") {
			continue
		}
		for _, g := range c.sim.world.acl[path] {
			out = append(out, obj{"path": g.path, "type": g.kind, "ugid": g.who, "roleid": g.role, "propagate": flag(g.propagate)})
		}
	}
	return out, nil
}

// changeACL is PUT /access/acl: every role for every user, group and token, or their removal.
func changeACL(c *call) (any, error) {
	p, w := c.params, &c.sim.world
	path := "/" + strings.Trim(p["path"], "/")
	subjects := map[string][]string{"user": p.list("users"), "group": p.list("groups"), "token": p.list("tokens")}
	if len(subjects["user"])+len(subjects["group"])+len(subjects["token"]) == 0 {
		return nil, invalid(map[string]string{"users": "property is missing and it is not optional", "groups": "property is missing and it is not optional", "tokens": "property is missing and it is not optional"})
	}
	if err := w.checkSubjects(subjects, p.list("roles")); err != nil {
		return nil, err
	}
	for kind, names := range subjects {
		for _, who := range names {
			for _, role := range p.list("roles") {
				w.revoke(path, kind, who, role)
				if !p.truth("delete") {
					w.acl[path] = append(w.acl[path], grant{path, kind, who, role, !p.has("propagate") || p.truth("propagate")})
				}
			}
		}
	}
	w.aclChanged()
	return nil, nil
}

func (w *world) checkSubjects(subjects map[string][]string, roles []string) error {
	for _, r := range roles {
		if _, known := w.roles[r]; !known {
			return die("role '%s' does not exist", r)
		}
	}
	for _, id := range subjects["user"] {
		if w.users[id] == nil {
			return die("user '%s' does not exist", id)
		}
	}
	for _, id := range subjects["group"] {
		if _, known := w.groups[id]; !known {
			return die("group '%s' does not exist", id)
		}
	}
	for _, id := range subjects["token"] {
		name, tok, _ := strings.Cut(id, "!")
		if u := w.users[name]; u == nil || u.tokens[tok] == nil {
			return die("no such token '%s' for user '%s'", tok, name)
		}
	}
	return nil
}

func (w *world) revoke(path, kind, who, role string) {
	w.acl[path] = slices.DeleteFunc(w.acl[path], func(g grant) bool { return g.kind == kind && g.who == who && g.role == role })
	if len(w.acl[path]) == 0 {
		delete(w.acl, path)
	}
}

// dropGrants removes every grant that matches.
func (w *world) dropGrants(match func(grant) bool) {
	for path, list := range w.acl {
		if list = slices.DeleteFunc(list, match); len(list) == 0 {
			delete(w.acl, path)
		} else {
			w.acl[path] = list
		}
	}
	w.aclChanged()
}

func listTokens(c *call) (any, error) {
	u, err := c.knownUser()
	if err != nil {
		return nil, err
	}
	return u.row(true)["tokens"], nil
}

func (c *call) knownToken() (*user, *token, error) {
	u, err := c.knownUser()
	if err != nil {
		return nil, nil, err
	}
	t := u.tokens[c.params["tokenid"]]
	if t == nil {
		return nil, nil, die("no such token '%s' for user '%s'", c.params["tokenid"], u.id)
	}
	return u, t, nil
}

func getToken(c *call) (any, error) {
	_, t, err := c.knownToken()
	if err != nil {
		return nil, err
	}
	return t.row(), nil
}

// addToken is POST /access/users/{userid}/token/{tokenid}; the secret is shown only here.
func addToken(c *call) (any, error) {
	u, err := c.knownUser()
	if err != nil {
		return nil, err
	}
	id, p := c.params["tokenid"], c.params
	if u.tokens[id] != nil {
		return nil, invalidParam("tokenid", "Token already exists.")
	}
	t := &token{privsep: !p.has("privsep") || p.truth("privsep"), expire: int64(p.number("expire", 0)), comment: p["comment"]}
	t.secret = c.sim.newSecret()
	u.tokens[id] = t
	c.sim.world.aclChanged()
	info := obj{"privsep": flag(t.privsep)} // what was given comes back as text
	for _, key := range []string{"privsep", "expire", "comment"} {
		if p.has(key) {
			info[key] = p[key]
		}
	}
	return obj{"full-tokenid": u.id + "!" + id, "value": t.secret, "info": info}, nil
}

// newSecret is a random UUID.
func (s *Sim) newSecret() string {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return uuid(binary.LittleEndian.Uint64(b[:]), "secret")
}

func changeToken(c *call) (any, error) {
	_, t, err := c.knownToken()
	if err != nil {
		return nil, err
	}
	if c.params.has("privsep") {
		t.privsep = c.params.truth("privsep")
	}
	t.expire = int64(c.params.number("expire", int(t.expire)))
	if c.params.has("comment") {
		t.comment = c.params["comment"]
	}
	row := t.row()
	if c.params.truth("regenerate") {
		t.secret = c.sim.newSecret()
		row["value"], row["full-tokenid"] = t.secret, c.params["userid"]+"!"+c.params["tokenid"]
	}
	c.sim.world.aclChanged()
	return row, nil
}

func removeToken(c *call) (any, error) {
	u, _, err := c.knownToken()
	if err != nil {
		return nil, err
	}
	delete(u.tokens, c.params["tokenid"])
	full := u.id + "!" + c.params["tokenid"]
	c.sim.world.dropGrants(func(g grant) bool { return g.kind == "token" && g.who == full })
	return nil, nil
}

func listGroups(c *call) (any, error) {
	out := []obj{}
	for _, id := range sortedKeys(c.sim.world.groups) {
		var members []string
		for _, uid := range sortedKeys(c.sim.world.users) {
			if contains(c.sim.world.users[uid].groups, id) {
				members = append(members, uid)
			}
		}
		out = append(out, obj{"groupid": id, "users": strings.Join(members, ","), "comment": c.sim.world.groups[id]})
	}
	return out, nil
}

func addGroup(c *call) (any, error) {
	id := c.params["groupid"]
	if _, known := c.sim.world.groups[id]; known {
		return nil, die("create group failed: group '%s' already exists", id)
	}
	c.sim.world.groups[id] = c.params["comment"]
	return nil, nil
}

func removeGroup(c *call) (any, error) {
	id := c.params["groupid"]
	if _, known := c.sim.world.groups[id]; !known {
		return nil, die("delete group failed: group '%s' does not exist", id)
	}
	delete(c.sim.world.groups, id)
	for _, u := range c.sim.world.users {
		u.groups = without(u.groups, id)
	}
	c.sim.world.dropGrants(func(g grant) bool { return g.kind == "group" && g.who == id })
	return nil, nil
}
