package pve

import (
	"context"
	"path"
	"time"
)

// Realm is a source of accounts.
type Realm struct {
	Name    string   `pve:"realm"`
	Type    string   `pve:"type"` // pam, pve, ldap, ad, openid
	Comment string   `pve:"comment"`
	Default bool     `pve:"default"`
	Odd     []string `pve:",odd"`
}

// Realms lists the realms, in no order. It needs no credentials.
func (c *Client) Realms(ctx context.Context) ([]Realm, error) {
	r := get("/access/domains")
	r.anonymous = true
	return fetch[[]Realm](ctx, c, r)
}

// Permissions are the caller's own rights: path, privilege, and whether it holds for the paths below too.
type Permissions map[string]map[string]bool

// Permissions reads the caller's own rights. For a token with privilege separation they are those that both the token
// and its user have. Rights that come from a pool are listed at the paths of its members.
func (c *Client) Permissions(ctx context.Context) (Permissions, error) {
	return fetch[Permissions](ctx, c, get("/access/permissions"))
}

// PermissionsAt reads the caller's own rights at one path, such as /vms/101.
func (c *Client) PermissionsAt(ctx context.Context, path string) (Permissions, error) {
	query := struct {
		Path string `pve:"path"`
	}{path}
	return fetch[Permissions](ctx, c, get("/access/permissions").with(query))
}

// Has reports whether the caller has a privilege at a path. The nearest listed path decides: rights at a deeper path
// replace those from above.
func (p Permissions) Has(at, privilege string) bool {
	if rights, listed := p[at]; listed {
		_, has := rights[privilege]
		return has
	}
	for at != "/" && at != "." {
		at = path.Dir(at)
		if rights, listed := p[at]; listed {
			return rights[privilege]
		}
	}
	return false
}

// User is an account of Proxmox VE and the groups that it is in.
type User struct {
	ID        string      `pve:"userid"` // USER@REALM
	Groups    []string    `pve:"groups"`
	Enabled   bool        `pve:"enable"`
	Expires   time.Time   `pve:"expire"` // zero: never
	RealmType string      `pve:"realm-type"`
	Comment   string      `pve:"comment"`
	Email     string      `pve:"email"`
	Tokens    []TokenInfo `pve:"tokens"`
	Odd       []string    `pve:",odd"`
}

// Users lists the accounts that the caller may see. Somebody who has signed in always sees their own, whatever their
// privileges (pve-access-control, API2/User.pm).
func (c *Client) Users(ctx context.Context) ([]User, error) {
	query := struct {
		Full bool `pve:"full"`
	}{true}
	return fetch[[]User](ctx, c, get("/access/users").with(query))
}

// TokenInfo is an API token in a list.
type TokenInfo struct {
	ID                  string    `pve:"tokenid"`
	Comment             string    `pve:"comment"`
	Expires             time.Time `pve:"expire"` // zero: never
	PrivilegeSeparation bool      `pve:"privsep"`
	Odd                 []string  `pve:",odd"`
}

// Tokens lists the API tokens of a user (USER@REALM).
func (c *Client) Tokens(ctx context.Context, user string) ([]TokenInfo, error) {
	return fetch[[]TokenInfo](ctx, c, get("/access/users/{user}/token", user))
}

// TokenRequest describes a new API token.
type TokenRequest struct {
	Comment string    `pve:"comment"`
	Expires time.Time `pve:"expire"`
	// PrivilegeSeparation gives the token rights of its own, of those that the user has; the server's default is true.
	PrivilegeSeparation *bool `pve:"privsep"`
}

// CreateToken makes an API token for a user. Its secret is told only here.
func (c *Client) CreateToken(ctx context.Context, user, id string, r TokenRequest) (Token, error) {
	secret, err := fetch[struct {
		Value string `pve:"value"`
	}](ctx, c, post("/access/users/{user}/token/{id}", user, id).with(r))
	return Token{User: user, ID: id, Secret: secret.Value}, err
}

// DeleteToken removes an API token.
func (c *Client) DeleteToken(ctx context.Context, user, id string) error {
	return c.run(ctx, del("/access/users/{user}/token/{id}", user, id))
}
