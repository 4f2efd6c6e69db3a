package web

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"berth"
	"berth/internal/fleet"
)

// getComplete offers ways to go on with the query that is being typed (q, and at: the place of the cursor in bytes).
func (s *Server) getComplete(w http.ResponseWriter, r *http.Request) error {
	text := r.URL.Query().Get("q")
	at, err := strconv.Atoi(r.URL.Query().Get("at"))
	if err != nil || at < 0 || at > len(text) {
		at = len(text)
	}
	snapshot := s.seen(r)
	suggestions := berth.CompleteQuery(text, at, func(field string) []string { return knownValues(snapshot, field) })
	return render(w, r, http.StatusOK, completions(suggestions))
}

// knownValues lists the values that a field has in the snapshot, in natural order.
func knownValues(snapshot *fleet.Snapshot, field string) []string {
	values := map[string]bool{}
	for _, view := range snapshot.Clusters {
		for _, c := range view.Containers {
			for _, v := range valuesOf(c, field) {
				values[v] = true
			}
		}
	}
	delete(values, "")
	return slices.SortedFunc(maps.Keys(values), berth.CompareNatural)
}

func valuesOf(c *berth.Container, field string) []string {
	switch field {
	case "name":
		return []string{c.Hostname}
	case "node":
		return []string{c.Node}
	case "cluster":
		return []string{c.Cluster}
	case "tag":
		return c.Tags
	case "template":
		return []string{c.Template}
	case "pool":
		return []string{c.Pool}
	case "lock":
		return []string{c.Lock}
	case "ha":
		return []string{c.HAState}
	case "service":
		return serviceNames(c)
	}
	return nil
}

func serviceNames(c *berth.Container) []string {
	names := make([]string, 0, len(c.Services))
	for _, s := range c.Services {
		names = append(names, s.Name)
	}
	return names
}
