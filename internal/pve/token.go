package pve

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Token is an API token. Its secret is not printed by fmt or slog.
type Token struct {
	User   string // USER@REALM
	ID     string
	Secret string
}

var (
	tokenIDForm  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]+$`)
	userNameForm = regexp.MustCompile(`^[^\s:/@!=]+@[A-Za-z][A-Za-z0-9._-]*$`)
	secretForm   = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// ParseToken reads USER@REALM!ID=SECRET, also with the "PVEAPIToken=" that a copied header begins with.
// The error says in plain words which part is wrong; it never contains the secret.
func ParseToken(s string) (Token, error) {
	s = strings.TrimPrefix(strings.TrimSpace(s), "PVEAPIToken=")
	if s == "" {
		return Token{}, errors.New("API token is empty; expected USER@REALM!ID=SECRET")
	}
	name, secret, hasSecret := strings.Cut(s, "=")
	user, id, hasID := strings.Cut(name, "!")
	switch {
	case secretForm.MatchString(s):
		return Token{}, errors.New("API token is only the secret; expected USER@REALM!ID=SECRET")
	case !hasID:
		return Token{}, errors.New("API token has no token id; expected USER@REALM!ID=SECRET, with a ! before the id")
	case !hasSecret || secret == "":
		return Token{}, fmt.Errorf("API token %q has no secret; expected USER@REALM!ID=SECRET", name)
	case !strings.Contains(user, "@"):
		return Token{}, fmt.Errorf("API token user %q has no realm; expected for example %s@pve or root@pam", user, user)
	case !userNameForm.MatchString(user):
		return Token{}, fmt.Errorf("API token user %q is not of the form USER@REALM", user)
	case !tokenIDForm.MatchString(id):
		return Token{}, fmt.Errorf("API token id %q is not valid: two or more letters, digits, dots, dashes, beginning with a letter", id)
	case !secretForm.MatchString(secret):
		return Token{}, fmt.Errorf("secret of API token %q is not a UUID (8-4-4-4-12 hexadecimal digits)", name)
	}
	return Token{User: user, ID: id, Secret: secret}, nil
}

// Name is USER@REALM!ID, which is no secret.
func (t Token) Name() string { return t.User + "!" + t.ID }

// String is the name; the secret stays inside.
func (t Token) String() string { return t.Name() }

// GoString keeps the secret out of %#v.
func (t Token) GoString() string { return "pve.Token(" + t.Name() + ")" }

// MarshalText writes the name only, for loggers.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.Name()), nil }

// header is the value of the Authorization header (pve-http-server AnyEvent.pm, since 6.2).
func (t Token) header() string { return "PVEAPIToken=" + t.Name() + "=" + t.Secret }
