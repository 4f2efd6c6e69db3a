package pvesim

import (
	"crypto/rand"
	"encoding/binary"
)

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
	if err := c.lockUsers("generating token"); err != nil {
		return nil, err
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
