package pvesim

import (
	"strings"
	"time"
)

// user is an account. Passwords are kept as they are: this is a simulator.
type user struct {
	id       string
	password string
	disabled bool
	expire   int64 // epoch seconds, 0 for never
	comment  string
	email    string
	groups   []string
	totp     []byte // secret of the second factor, nil for none
	tokens   map[string]*token
}

type token struct {
	secret  string
	privsep bool
	expire  int64
	comment string
}

func (u *user) active(now time.Time) bool {
	return !u.disabled && (u.expire == 0 || now.Unix() < u.expire)
}

// listUsers is GET /access/users.
func listUsers(c *call) (any, error) {
	out := []obj{}
	if !c.sim.world.allowedAny(c.user, "/access/groups", "User.Modify", "Sys.Audit") {
		if u := c.sim.world.users[c.user.user]; u != nil && c.user.token == "" {
			out = append(out, u.row(c.params.truth("full")))
		}
		return out, nil
	}
	for _, id := range sortedKeys(c.sim.world.users) {
		u := c.sim.world.users[id]
		if c.params.has("enabled") && c.params.truth("enabled") == u.disabled {
			continue
		}
		out = append(out, u.row(c.params.truth("full")))
	}
	return out, nil
}

func (u *user) row(full bool) obj {
	_, realm, _ := strings.Cut(u.id, "@")
	o := obj{"userid": u.id, "enable": flag(!u.disabled), "expire": u.expire, "realm-type": realm}
	if u.comment != "" {
		o["comment"] = u.comment
	}
	if u.email != "" {
		o["email"] = u.email
	}
	if full {
		o["groups"] = strings.Join(u.groups, ",")
		tokens := []obj{}
		for _, name := range sortedKeys(u.tokens) {
			row := u.tokens[name].row()
			row["tokenid"] = name
			tokens = append(tokens, row)
		}
		o["tokens"] = tokens
	}
	return o
}

func (t *token) row() obj {
	o := obj{"expire": t.expire, "privsep": flag(t.privsep)}
	if t.comment != "" {
		o["comment"] = t.comment
	}
	return o
}

func addUser(c *call) (any, error) {
	id := c.params["userid"]
	if c.sim.world.users[id] != nil {
		return nil, die("create user failed: user '%s' already exists", id)
	}
	_, realm, _ := strings.Cut(id, "@")
	if realm != "pam" && realm != "pve" {
		return nil, die("create user failed: domain '%s' does not exist", realm)
	}
	u := &user{id: id, password: c.params["password"], tokens: map[string]*token{}}
	c.sim.world.users[id] = u
	return nil, u.update(c)
}

func (u *user) update(c *call) error {
	p := c.params
	if p.has("enable") {
		u.disabled = !p.truth("enable")
	}
	u.expire = int64(p.number("expire", int(u.expire)))
	if p.has("comment") {
		u.comment = p["comment"]
	}
	if p.has("email") {
		u.email = p["email"]
	}
	if p.has("groups") {
		for _, g := range p.list("groups") {
			if _, known := c.sim.world.groups[g]; !known {
				return die("group '%s' does not exist", g)
			}
		}
		if !p.truth("append") {
			u.groups = nil
		}
		u.groups = append(u.groups, p.list("groups")...)
	}
	c.sim.world.aclChanged()
	return nil
}

// knownUser finds the user of the path.
func (c *call) knownUser() (*user, error) {
	u := c.sim.world.users[c.params["userid"]]
	if u == nil {
		return nil, die("no such user ('%s')", c.params["userid"])
	}
	return u, nil
}

func changeUser(c *call) (any, error) {
	u, err := c.knownUser()
	if err != nil {
		return nil, err
	}
	return nil, u.update(c)
}

func getUser(c *call) (any, error) {
	u, err := c.knownUser()
	if err != nil {
		return nil, err
	}
	row := u.row(false)
	delete(row, "userid")
	delete(row, "realm-type")
	row["groups"] = append([]string{}, u.groups...)
	tokens := obj{}
	for name, t := range u.tokens {
		tokens[name] = t.row()
	}
	row["tokens"] = tokens
	return row, nil
}

func removeUser(c *call) (any, error) {
	u, err := c.knownUser()
	if err != nil {
		return nil, err
	}
	w := &c.sim.world
	delete(w.users, u.id)
	w.dropGrants(func(g grant) bool {
		return g.kind == "user" && g.who == u.id || g.kind == "token" && strings.HasPrefix(g.who, u.id+"!")
	})
	return nil, nil
}

func setPassword(c *call) (any, error) {
	u, err := c.knownUser()
	if err != nil {
		return nil, err
	}
	if u.id == "root@pam" && !c.user.isRoot() {
		return nil, forbid("Permission check failed")
	}
	u.password = c.params["password"]
	return nil, nil
}
