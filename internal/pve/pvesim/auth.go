package pvesim

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// caller is who makes a request: a user, or one of the user's API tokens. The zero value is nobody.
type caller struct {
	user  string // "root@pam"
	token string // token name without the user, or ""
}

// String is how PVE writes the caller in task ids: "root@pam" or "root@pam!berth".
func (u caller) String() string {
	if u.token == "" {
		return u.user
	}
	return u.user + "!" + u.token
}

// isRoot is true for a ticket of root@pam only; tokens of root are not root.
func (u caller) isRoot() bool { return u.user == "root@pam" && u.token == "" }

// ticketLife is how long tickets are good; a little clock skew is allowed the other way.
const (
	ticketLife = 2 * time.Hour
	ticketSkew = 5 * time.Minute
)

// signingKeys sign tickets, CSRF tokens and console tickets.
type signingKeys struct{ secret []byte }

func newSigningKeys() signingKeys {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails (crypto/rand)
	return signingKeys{secret}
}

// sign makes a signature as long as PVE's RSA ones.
func (k signingKeys) sign(text string) string {
	var sig []byte
	for i := range 4 {
		m := hmac.New(sha512.New, k.secret)
		fmt.Fprintf(m, "%d:%s", i, text)
		sig = m.Sum(sig)
	}
	return base64.StdEncoding.EncodeToString(sig)
}

func (k signingKeys) ticket(prefix, subject string, now time.Time, secret string) string {
	text := fmt.Sprintf("%s:%08X", prefix, now.Unix())
	if subject != "" {
		text = fmt.Sprintf("%s:%s:%08X", prefix, subject, now.Unix())
	}
	return text + "::" + k.sign(text+secret)
}

// verify returns the subject and the age of a ticket with the given prefix.
func (k signingKeys) verify(prefix, ticket string, now time.Time, secret string) (subject string, age time.Duration, ok bool) {
	text, sig, found := strings.Cut(ticket, "::")
	if !found || subtle.ConstantTimeCompare([]byte(sig), []byte(k.sign(text+secret))) != 1 {
		return "", 0, false
	}
	rest, isKind := strings.CutPrefix(text, prefix+":")
	if !isKind {
		return "", 0, false
	}
	stamp := rest
	if at := strings.LastIndex(rest, ":"); at >= 0 {
		subject, stamp = rest[:at], rest[at+1:]
	}
	made, err := strconv.ParseInt(stamp, 16, 64)
	return subject, now.Sub(time.Unix(made, 0)), err == nil
}

func (k signingKeys) csrfToken(user string, now time.Time) string {
	stamp := fmt.Sprintf("%08X", now.Unix())
	m := hmac.New(sha256.New, k.secret)
	m.Write([]byte("csrf:" + stamp + ":" + user))
	return stamp + ":" + base64.RawStdEncoding.EncodeToString(m.Sum(nil))
}

func (k signingKeys) checkCSRF(token, user string, now time.Time) bool {
	stamp, _, _ := strings.Cut(token, ":")
	made, err := strconv.ParseInt(stamp, 16, 64)
	if err != nil {
		return false
	}
	at := time.Unix(made, 0)
	return now.Sub(at) < ticketLife && subtle.ConstantTimeCompare([]byte(token), []byte(k.csrfToken(user, at))) == 1
}

var (
	cookieText = regexp.MustCompile(`(?:^|\s)PVEAuthCookie=([^;]*)`)
	tokenText  = regexp.MustCompile(`^PVEAPIToken[= ](.*)$`)
	tokenValue = regexp.MustCompile(`^([^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+)!([A-Za-z][A-Za-z0-9.\-_]+)=(\S+)$`)
)

// credentials are the ticket or the token of a request; the cookie wins.
func (c *call) credentials() (ticket, token string) {
	header := c.req.Header.Get("Authorization")
	if m := cookieText.FindStringSubmatch(c.req.Header.Get("Cookie")); m != nil {
		return unescapePath(m[1]), ""
	}
	if m := cookieText.FindStringSubmatch(header); m != nil {
		return unescapePath(m[1]), ""
	}
	if m := tokenText.FindStringSubmatch(header); m != nil {
		return "", unescapePath(m[1])
	}
	return "", ""
}

// authenticate finds the caller; calls that are open to the world need none.
func (c *call) authenticate() error {
	if c.route != nil && c.route.world {
		return nil
	}
	ticket, token := c.credentials()
	switch {
	case token != "":
		return c.byToken(token)
	case ticket != "":
		return c.byTicket(ticket)
	}
	return unauthenticated("No ticket")
}

// rejected is the answer to bad credentials: one text since 2026, a specific one before.
func (c *call) rejected(old string, args ...any) error {
	if c.sim.world.release.before(9, 1) {
		return unauthenticated(fmt.Sprintf(old, args...))
	}
	return unauthenticated("Authentication failed!")
}

func (c *call) byToken(text string) error {
	m := tokenValue.FindStringSubmatch(text)
	if m == nil {
		return c.rejected("no token ID specified")
	}
	u := c.sim.world.users[m[1]]
	if u == nil || !u.active(c.now) {
		return c.rejected("no such user ('%s')", m[1])
	}
	t := u.tokens[m[2]]
	switch {
	case t == nil:
		return c.rejected("no such token '%s' for user '%s'", m[2], m[1])
	case t.expire != 0 && c.now.Unix() >= t.expire:
		return c.rejected("token '%s' access expired", m[2])
	case subtle.ConstantTimeCompare([]byte(t.secret), []byte(m[3])) != 1:
		return c.rejected("invalid token value!")
	}
	c.user = caller{u.id, m[2]}
	return nil
}

func (c *call) byTicket(ticket string) error {
	user, age, ok := c.sim.keys.verify("PVE", ticket, c.now, "")
	u := c.sim.world.users[user]
	if !ok || age >= ticketLife || age < -ticketSkew || u == nil || !u.active(c.now) {
		return c.rejected("permission denied - invalid PVE ticket")
	}
	c.user = caller{user: user}
	upload := c.route != nil && c.route.upload
	if c.method != "GET" && !upload && !c.sim.keys.checkCSRF(c.req.Header.Get("CSRFPreventionToken"), user, c.now) {
		return unauthenticated("Permission denied - invalid csrf token")
	}
	return nil
}

var errLogin = &apiError{status: 401, text: "authentication failure"}

// createTicket is POST /access/ticket: log in, answer a second factor, or renew.
func createTicket(c *call) (any, error) {
	name := c.params["username"]
	if realm := c.params["realm"]; realm != "" && !strings.HasSuffix(name, "@"+realm) {
		name += "@" + realm
	}
	u := c.sim.world.users[name]
	if u == nil || !u.active(c.now) {
		return nil, errLogin
	}
	full, err := c.login(u)
	if err != nil {
		return nil, err
	}
	if c.params.has("path") {
		return c.verifyPrivileges(u)
	}
	c.sim.world.logLine(c, "pvedaemon", "root@pam", 6, "successful auth for user '%s'", name)
	answer := obj{"username": name, "CSRFPreventionToken": c.sim.keys.csrfToken(name, c.now)}
	if !full {
		answer["ticket"] = c.sim.keys.ticket("PVE", `!tfa!{"totp"%3Atrue}`, c.now, name)
		answer["NeedTFA"] = 1
		return answer, nil
	}
	answer["ticket"] = c.sim.keys.ticket("PVE", name, c.now, "")
	answer["cap"] = c.capabilities(u)
	if w := &c.sim.world; w.inCluster() && w.allowed(caller{user: name}, "/", "Sys.Audit") {
		answer["clustername"] = w.name
	}
	return answer, nil
}

// login checks the password, ticket or second factor; full is false when a second factor is still missing.
func (c *call) login(u *user) (full bool, err error) {
	secret, now := c.params["password"], c.now
	if challenge := c.params["tfa-challenge"]; challenge != "" {
		_, age, ok := c.sim.keys.verify("PVE", challenge, now, u.id)
		if c.params.has("otp") || !ok || age >= ticketLife || !u.checkFactor(secret, now) {
			return false, errLogin
		}
		return true, nil
	}
	if owner, age, ok := c.sim.keys.verify("PVE", secret, now, ""); ok {
		if age >= ticketLife || owner != u.id && owner != "root@pam" {
			return false, errLogin
		}
		return true, nil
	}
	if u.password == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(u.password)) != 1 {
		return false, errLogin
	}
	if u.totp == nil {
		return true, nil
	}
	if otp := c.params["otp"]; otp != "" {
		if !u.checkFactor(otp, now) {
			return false, errLogin
		}
		return true, nil
	}
	return false, nil
}

// verifyPrivileges is the old way of other daemons to ask: may this user do that?
func (c *call) verifyPrivileges(u *user) (any, error) {
	for _, priv := range c.params.list("privs") {
		if !c.sim.world.allowed(caller{user: u.id}, c.params["path"], priv) {
			return nil, forbid("Permission check failed (%s, %s)", c.params["path"], c.params["privs"])
		}
	}
	return obj{"username": u.id}, nil
}

// domains is GET /access/domains: the realms, open to the world.
func domains(c *call) (any, error) {
	return []obj{
		{"realm": "pam", "type": "pam", "comment": "Linux PAM standard authentication"},
		{"realm": "pve", "type": "pve", "comment": "Proxmox VE authentication server"},
	}, nil
}
