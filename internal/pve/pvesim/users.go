package pvesim

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
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

// checkFactor verifies "totp:123456", one step of 30 s early or late.
func (u *user) checkFactor(answer string, now time.Time) bool {
	code, is := strings.CutPrefix(answer, "totp:")
	if !is || u.totp == nil {
		return false
	}
	for step := int64(-1); step <= 1; step++ {
		if code == totpCode(u.totp, now.Unix()/30+step) {
			return true
		}
	}
	return false
}

// totpCode is RFC 6238 with SHA-1 and six digits.
func totpCode(secret []byte, counter int64) string {
	m := hmac.New(sha1.New, secret)
	binary.Write(m, binary.BigEndian, counter)
	sum := m.Sum(nil)
	at := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%1_000_000)
}

// RequireTOTP gives a user a second factor and returns its secret in base32, as an authenticator app takes it.
func (s *Sim) RequireTOTP(userID string) (secret string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.world.users[userID]
	if u == nil {
		return "", fmt.Errorf("no such user %q", userID)
	}
	u.totp = make([]byte, 20)
	rand.Read(u.totp) // never fails (crypto/rand)
	return base32.StdEncoding.EncodeToString(u.totp), nil
}

// capabilities is the coarse map of privileges that a login answers with, for the web interface.
func (c *call) capabilities(u *user) obj {
	sections := []struct {
		name, path string
		prefixes   []string
	}{
		{"vms", "/vms", []string{"VM.", "Permissions.Modify"}}, {"storage", "/storage", []string{"Datastore.", "Permissions.Modify"}},
		{"access", "/access", []string{"User.", "Group.", "Permissions.Modify"}}, {"nodes", "/nodes", []string{"Sys.", "Permissions.Modify"}},
		{"sdn", "/sdn", []string{"SDN.", "Permissions.Modify"}}, {"mapping", "/mapping", []string{"Mapping.", "Permissions.Modify"}},
		{"dc", "/", []string{"Sys.Audit", "Sys.Modify", "SDN."}},
	}
	out := obj{}
	for _, sec := range sections {
		have := obj{}
		for priv := range c.sim.world.rightsOf(caller{user: u.id}, sec.path) {
			if slices.ContainsFunc(sec.prefixes, func(p string) bool { return strings.HasPrefix(priv, p) }) {
				have[priv] = 1
			}
		}
		out[sec.name] = have
	}
	return out
}

// permissions is GET /access/permissions.
func permissions(c *call) (any, error) {
	who := c.user
	if id := c.params["userid"]; id != "" && id != who.String() {
		if err := c.may("/access", "Sys.Audit"); err != nil {
			return nil, err
		}
		name, tok, _ := strings.Cut(id, "!")
		who = caller{name, tok}
	}
	if path := c.params["path"]; path != "" {
		return obj{path: numbered(c.sim.world.rightsOf(who, path))}, nil
	}
	out := obj{}
	for _, path := range c.sim.world.aclPaths() {
		if r := c.sim.world.rightsOf(who, path); len(r) > 0 {
			out[path] = numbered(r)
		}
	}
	return out, nil
}

func numbered(r rights) obj {
	out := obj{}
	for priv, deep := range r {
		out[priv] = flag(deep)
	}
	return out
}

// aclPaths are the paths that a permission overview lists: the roots, and everything that somebody has a grant on.
func (w *world) aclPaths() []string {
	paths := map[string]bool{"/": true, "/access": true, "/access/groups": true, "/nodes": true, "/pool": true, "/sdn": true, "/storage": true, "/vms": true}
	for p := range w.acl {
		paths[p] = true
	}
	for id, p := range w.pools {
		if w.acl["/pool/"+id] == nil {
			continue
		}
		for vmid := range p.members {
			paths[fmt.Sprintf("/vms/%d", vmid)] = true
		}
	}
	return slices.Sorted(maps.Keys(paths))
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

func listTFA(c *call) (any, error) {
	out := []obj{}
	for _, id := range sortedKeys(c.sim.world.users) {
		u := c.sim.world.users[id]
		if u.totp == nil || id != c.user.user && !c.sim.world.allowedAny(c.user, "/access/groups", "User.Modify", "Sys.Audit") {
			continue
		}
		out = append(out, obj{"userid": id, "entries": []obj{{"id": "totp", "type": "totp", "description": "", "created": 0}}})
	}
	return out, nil
}
