package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/store"
	"berth/internal/web/ui"
)

// auditPage is a page of the history, the newest first.
type auditPage struct {
	Filter  auditFilter
	Actors  []string
	Actions []choiceText
	Sources []string
	Events  []eventRow
	Older   templ.SafeURL // empty: this is the end
	Partly  bool          // what is older was not looked at
	Newest  templ.SafeURL // empty: this is the beginning
	CSV     templ.SafeURL
	Lines   templ.SafeURL
	Only    string // the container that the history is about, if only one
	Zone    string // that Since and Until are in
	Empty   emptyList
}

// auditFilter is what of the history is asked for, as the address says it.
type auditFilter struct {
	Text, Actor, Action, Source string
	Since, Until                string // as in a field for date and time
	ContainerID                 string
	Before                      string // id of the last event of the page before
}

const (
	eventsOnPage = 100
	auditTime    = "2006-01-02T15:04"
)

func parseAuditFilter(values url.Values) auditFilter {
	return auditFilter{Text: strings.TrimSpace(values.Get("q")), Actor: values.Get("actor"), Action: values.Get("action"), Source: values.Get("source"),
		Since: values.Get("since"), Until: values.Get("until"), ContainerID: values.Get("id"), Before: values.Get("before")}
}

// address is that of path for the filter, without the place in the list.
func (f auditFilter) address(path string, more ...string) templ.SafeURL {
	values := url.Values{}
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	set("q", f.Text)
	set("actor", f.Actor)
	set("action", f.Action)
	set("source", f.Source)
	set("since", f.Since)
	set("until", f.Until)
	set("id", f.ContainerID)
	for i := 0; i+1 < len(more); i += 2 {
		set(more[i], more[i+1])
	}
	return templ.SafeURL(addressOf(path, values))
}

// narrow tells whether the filter leaves anything out.
func (f auditFilter) narrow() bool { return f.address("") != "" }

// of gives the filter for the store. Text that names a container, like home:101, means what happened to that one. Times
// are in the zone. Returns Invalid if a time cannot be read.
func (f auditFilter) of(zone *time.Location) (store.EventFilter, error) {
	filter := store.EventFilter{Actor: f.Actor, Action: f.Action, Source: f.Source, ContainerID: f.ContainerID, Text: f.Text}
	if cluster, vmid, err := parseContainerID(f.Text); err == nil {
		filter.Text, filter.Container = "", berth.ContainerKey(cluster, vmid)
	}
	var err error
	if filter.Since, err = parseAuditTime(f.Since, zone); err != nil {
		return filter, err
	}
	filter.Until, err = parseAuditTime(f.Until, zone)
	return filter, err
}

func parseAuditTime(text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{auditTime, auditTime + ":05", time.DateOnly} {
		if at, err := time.ParseInLocation(form, text, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, berth.Errorf(berth.Invalid, "“%s” is no time; write it like 2026-03-31T14:00.", text)
}

// getAudit shows who did what.
func (s *Server) getAudit(w http.ResponseWriter, r *http.Request) error {
	f := parseAuditFilter(r.URL.Query())
	filter, err := f.of(s.now().Location())
	if err != nil {
		return err
	}
	events, further, err := s.actions.Events(r.Context(), actorOf(r), filter, f.Before, eventsOnPage+1)
	if err != nil {
		return err
	}
	choices, err := s.eventChoices(r, events)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, audit(s.frame(r, "Audit", ui.Audit), s.newAuditPage(r, f, events, further, choices)))
}

// eventChoices are those of the whole history for whoever may know all of it, else those of the events that are shown.
func (s *Server) eventChoices(r *http.Request, shown []berth.Event) (store.EventChoices, error) {
	if accessOf(r).Everywhere().Includes(berth.RoleAdmin) {
		return s.store.EventChoices(r.Context())
	}
	var c store.EventChoices
	for i := range shown {
		c.Actors, c.Actions = append(c.Actors, shown[i].Actor), append(c.Actions, shown[i].Action)
	}
	slices.Sort(c.Actors)
	slices.Sort(c.Actions)
	c.Actors, c.Actions = slices.Compact(c.Actors), slices.Compact(c.Actions)
	return c, nil
}

func (s *Server) newAuditPage(r *http.Request, f auditFilter, events []berth.Event, further string, choices store.EventChoices) auditPage {
	p := auditPage{Filter: f, Actors: choices.Actors, Sources: []string{"web", "cli", "api", "proxmox"}, Zone: s.now().Format("MST"),
		CSV: f.address("/audit/export", "format", "csv"), Lines: f.address("/audit/export", "format", "jsonl")}
	if f.Actor != "" && !slices.Contains(p.Actors, f.Actor) { // so that the field says what the list is narrowed to
		p.Actors = append(p.Actors, f.Actor)
	}
	if f.Action != "" && !slices.Contains(choices.Actions, f.Action) {
		choices.Actions = append(choices.Actions, f.Action)
	}
	for _, action := range choices.Actions {
		p.Actions = append(p.Actions, choiceText{Text: strings.ReplaceAll(action, ".", ": "), Value: action})
	}
	if further != "" {
		p.Older, p.Partly = f.address("/audit", "before", further), true
	}
	if len(events) > eventsOnPage {
		events = events[:eventsOnPage]
		p.Older = f.address("/audit", "before", events[len(events)-1].ID)
	}
	if f.Before != "" {
		p.Newest = f.address("/audit")
	}
	p.Events = s.newEventRows(r, events)
	if f.ContainerID != "" && len(events) > 0 {
		p.Only = events[0].Subject
	}
	if len(events) == 0 {
		p.Empty = emptyAudit(f)
	}
	if len(events) == 0 && p.Partly {
		p.Empty = emptyList{Icon: "search", Title: "Nothing yet", Text: "There is nothing for you among the latest entries of the history; what is older was not looked at.", Action: "Look further back", Href: p.Older}
		p.Older = ""
	}
	return p
}

func emptyAudit(f auditFilter) emptyList {
	if f.narrow() || f.Before != "" {
		return emptyList{Icon: "search", Title: "Nothing in the history matches", Text: "Nobody did such a thing in that time.", Action: "Show the whole history", Href: "/audit"}
	}
	return emptyList{Icon: "scroll-text", Title: "Nothing has happened yet", Text: "Every request and every outcome is kept here, with who asked for it; also what others do to containers outside Berth."}
}
