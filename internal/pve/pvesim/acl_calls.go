package pvesim

import (
	"slices"
	"strings"
)

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
