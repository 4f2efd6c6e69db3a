package berth

import (
	"regexp"
	"time"
)

// User is an account of a person.
type User struct {
	ID        string
	Name      string
	Role      Role // that they were given everywhere, not as a member of a group; empty: none
	CreatedAt time.Time
}

// Group is people who share what they have been given.
type Group struct {
	ID        string
	Name      string
	CreatedAt time.Time
}

// Validate tells what is wrong with the group's own fields, as Invalid.
func (g *Group) Validate() error {
	if !userName.MatchString(g.Name) {
		return InvalidFields(map[string]string{"name": "A group's name has 1 to 64 letters, digits and . _ @ + -, and starts with a letter or digit."})
	}
	return nil
}

var userName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$`)

// Validate tells what is wrong with the user's own fields, as Invalid with a message per field.
func (u *User) Validate() error {
	fields := map[string]string{}
	if !userName.MatchString(u.Name) {
		fields["name"] = "A user's name has 1 to 64 letters, digits and . _ @ + -, and starts with a letter or digit."
	}
	if _, ok := roleRank[u.Role]; !ok && u.Role != "" {
		fields["role"] = "A role is one of viewer, operator, admin."
	}
	if len(fields) == 0 {
		return nil
	}
	return InvalidFields(fields)
}

// Role is what a user may do.
type Role string

// The roles; each may do what the one before it may.
const (
	RoleViewer   Role = "viewer"   // see
	RoleOperator Role = "operator" // and act on containers
	RoleAdmin    Role = "admin"    // and change Berth itself
)

var roleRank = map[Role]int{RoleViewer: 1, RoleOperator: 2, RoleAdmin: 3}

// Includes tells whether r may do everything that other may.
func (r Role) Includes(other Role) bool {
	return roleRank[r] > 0 && roleRank[r] >= roleRank[other]
}
