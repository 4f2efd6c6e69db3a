package berth

import (
	"slices"
	"strings"
)

// Query says which containers are meant. The zero value means all.
type Query struct {
	Text     string   // as typed
	Statuses []Status // any of these; empty: all
	Words    []string // each must occur in the hostname, VMID, a tag or an address
}

// ParseQuery reads a query such as "web status:running,stopped".
func ParseQuery(text string) (Query, error) {
	q := Query{Text: strings.TrimSpace(text)}
	for _, term := range strings.Fields(text) {
		field, values, found := strings.Cut(term, ":")
		if !found {
			q.Words = append(q.Words, strings.ToLower(term))
			continue
		}
		if field != "status" {
			return Query{}, Errorf(Invalid, "“%s:” is not a field to search.", field)
		}
		for _, value := range strings.Split(values, ",") {
			if !slices.Contains(Statuses(), Status(value)) {
				return Query{}, Errorf(Invalid, "“%s” is not a status; choose running, stopped, error, creating or unknown.", value)
			}
			q.Statuses = append(q.Statuses, Status(value))
		}
	}
	return q, nil
}

// Matches tells whether c is meant.
func (q Query) Matches(c *Container) bool {
	if len(q.Statuses) > 0 && !slices.Contains(q.Statuses, c.Status) {
		return false
	}
	for _, word := range q.Words {
		if !strings.Contains(strings.ToLower(c.Hostname), word) {
			return false
		}
	}
	return true
}
