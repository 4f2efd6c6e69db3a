package berth

import (
	"strings"
	"unicode/utf8"
)

// SavedView is a way to look at the fleet that somebody keeps under a name.
type SavedView struct {
	ID      string
	OwnerID string
	Owner   string // name of its user
	Name    string
	Params  string // query part of the dashboard's address: q, sort, group
	Shared  bool   // everybody sees it; only its owner changes it
}

const maxViewName = 60

// Validate tells what is wrong with the view's own fields, as Invalid.
func (v *SavedView) Validate() error {
	if name := strings.TrimSpace(v.Name); name == "" || utf8.RuneCountInString(name) > maxViewName {
		return InvalidFields(map[string]string{"name": "A view's name has 1 to 60 characters."})
	}
	return nil
}
