package berth

import (
	"strings"
	"time"
	"unicode/utf8"
)

// TokenPrefix begins every API token, so that those who look for leaked secrets recognise one.
const TokenPrefix = "berth_"

// APIToken is a key with which a program acts for a user. What it may do is never more than what the user may do at the
// time; the key itself is not part of it.
type APIToken struct {
	ID          string
	UserID      string
	User        string // name
	Name        string
	Grant       Grant
	CreatedAt   time.Time
	ExpiresAt   time.Time // zero: never
	UsedAt      time.Time // zero: never; to the minute
	UsedAddress string    // from where it was used last
}

const maxTokenName = 60

// Validate tells what is wrong with the token's own fields at the given time, as Invalid with a message per field.
func (t *APIToken) Validate(now time.Time) error {
	fields := map[string]string{}
	if name := strings.TrimSpace(t.Name); name == "" || utf8.RuneCountInString(name) > maxTokenName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		fields["name"] = "A token's name has 1 to 60 characters."
	}
	if !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(now) {
		fields["expires"] = "A token expires in the future."
	}
	if _, err := NewAccess(t.Grant); err != nil {
		fields["role"] = "A token has a role and a scope: " + err.Error()
	}
	if len(fields) == 0 {
		return nil
	}
	return InvalidFields(fields)
}

// Expired tells whether the token does not work any more at the given time.
func (t *APIToken) Expired(now time.Time) bool {
	return !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(now)
}
