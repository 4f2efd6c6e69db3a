package pvesim

import (
	"strings"
)

// may checks all privileges at a path inside a handler.
func (c *call) may(path string, privs ...string) error {
	for _, p := range privs {
		if !c.sim.world.allowed(c.user, path, p) {
			return forbid("Permission check failed (%s, %s)", path, p)
		}
	}
	return nil
}

func (c *call) mayAny(path string, privs ...string) error {
	if !c.sim.world.allowedAny(c.user, path, privs...) {
		return forbid("Permission check failed (%s, %s)", path, strings.Join(privs, "|"))
	}
	return nil
}

var errForbidden = &apiError{status: 403, text: "Permission check failed"}

// checkPermissions evaluates the permission entry of the route; it happens before parameters are checked.
func (c *call) checkPermissions() error {
	switch {
	case c.route.world:
		return nil
	case c.route.rootOnly:
		if !c.user.isRoot() {
			return errForbidden
		}
		return nil
	case c.route.check != nil:
		return c.evaluate(c.route.check.([]any))
	}
	return nil
}

// evaluate follows exec_api2_perm_check of pve-access-control 9.1.1: an "or" that fails says no more than that.
func (c *call) evaluate(check []any) error {
	switch check[0] {
	case "and":
		for _, sub := range check[1:] {
			if err := c.evaluate(sub.([]any)); err != nil {
				return err
			}
		}
		return nil
	case "or":
		for _, sub := range check[1:] {
			if c.evaluate(sub.([]any)) == nil {
				return nil
			}
		}
		return errForbidden
	case "perm":
		return c.evaluatePerm(check)
	case "perm-modify":
		return c.mayModifyPermissions(c.fill(check[1].(string)))
	case "userid-param":
		return c.mayActAs(check[1].(string))
	case "userid-group":
		return c.mayAny("/access/groups", texts(check[1])...)
	}
	return errForbidden
}

func (c *call) evaluatePerm(check []any) error {
	path, privs, anyOf := c.fill(check[1].(string)), texts(check[2]), false
	for i := 3; i+1 < len(check); i += 2 {
		switch check[i] {
		case "any":
			anyOf = true
		case "require_param":
			if !c.params.has(check[i+1].(string)) {
				return errForbidden
			}
		}
	}
	if pool, is := strings.CutPrefix(path, "/pool/"); is && c.route.path == "/nodes/{node}/lxc/{vmid}/clone" && c.sim.world.pools[pool] == nil {
		return errForbidden
	}
	if anyOf {
		return c.mayAny(path, privs...)
	}
	return c.may(path, privs...)
}

// fill puts request parameters into a path such as "/vms/{vmid}".
func (c *call) fill(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if name, is := strings.CutPrefix(p, "{"); is {
			parts[i] = strings.TrimPrefix(c.params[strings.TrimSuffix(name, "}")], "/")
		}
	}
	return strings.TrimSuffix(strings.Join(parts, "/"), " ")
}

func texts(list any) []string {
	var out []string
	for _, v := range list.([]any) {
		out = append(out, v.(string))
	}
	return out
}

// mayActAs is "userid-param": self, or a privilege on the realm of the user.
func (c *call) mayActAs(what string) error {
	if what == "self" {
		if c.params["userid"] != c.user.user {
			return errForbidden
		}
		return nil
	}
	_, realm, _ := strings.Cut(c.params["userid"], "@")
	return c.may("/access/realm/"+realm, what)
}

// mayModifyPermissions is the rule for ACL changes: Permissions.Modify there, or the allocate privilege of the section.
func (c *call) mayModifyPermissions(path string) error {
	privs := []string{"Permissions.Modify"}
	switch first := splitPath(path); {
	case len(first) == 0:
	case first[0] == "storage":
		privs = append(privs, "Datastore.Allocate")
	case first[0] == "vms":
		privs = append(privs, "VM.Allocate")
	case first[0] == "pool":
		privs = append(privs, "Pool.Allocate")
	}
	if path == "" {
		path = "/"
	}
	return c.mayAny(path, privs...)
}
