package web

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/fleet"
)

// eventRow is an entry of the history as a sentence: actor, what was done, the subject, and what came of it.
type eventRow struct {
	ID, Actor, Does, Subject, Then, Source string
	State                                  statusView
	At, Now                                time.Time
	Exact                                  string
	Container                              templ.SafeURL // empty: it is about none, or it is not known which
	Job, Bulk                              templ.SafeURL // empty: none
	Details                                []fact
}

func (s *Server) newEventRows(r *http.Request, events []berth.Event) []eventRow {
	snapshot, now := s.seen(r), s.now()
	rows := make([]eventRow, 0, len(events))
	for i := range events {
		rows = append(rows, newEventRow(snapshot, &events[i], now))
	}
	return rows
}

func newEventRow(snapshot *fleet.Snapshot, e *berth.Event, now time.Time) eventRow {
	row := eventRow{ID: e.ID, Actor: cmp.Or(e.Actor, "system"), Subject: e.Subject, Source: e.Source, At: e.At, Now: now,
		Exact: e.At.In(now.Location()).Format("2006-01-02 15:04:05 MST"), State: eventState(e), Container: eventContainer(snapshot, e)}
	row.Does, row.Then = eventWords(e)
	if job := e.Details["job"]; job != "" {
		row.Job = templ.SafeURL("/jobs/" + job)
	}
	if bulk := e.Details["bulk"]; bulk != "" {
		row.Bulk = templ.SafeURL("/jobs/" + bulk)
	}
	row.Details = eventDetails(e, row.Exact)
	return row
}

func eventState(e *berth.Event) statusView {
	switch e.Details["state"] {
	case "requested":
		return statusView{Name: "asked for", Class: "tone-stopped", Icon: "clock"}
	case string(berth.JobRunning):
		return statusView{Name: "under way", Class: "tone-creating", Icon: "loader-circle"}
	case string(berth.JobSucceeded):
		return statusView{Name: "done", Class: "tone-running", Icon: "circle-check"}
	case string(berth.JobFailed):
		return statusView{Name: "failed", Class: "tone-error", Icon: "circle-x"}
	case string(berth.JobCancelled):
		return statusView{Name: "cancelled", Class: "tone-stopped", Icon: "circle-x"}
	}
	return statusView{Name: "noted", Class: "tone-stopped", Icon: "scroll-text"}
}

// eventContainer is where the container of an event is found: on its own page while it lives, else on the page of its
// history. A VMID that another one has taken since does not lead to that one.
func eventContainer(snapshot *fleet.Snapshot, e *berth.Event) templ.SafeURL {
	c, lives := snapshot.Find(e.Cluster, e.VMID)
	switch {
	case lives && (e.ContainerID == "" || e.ContainerID == c.ID):
		return templ.SafeURL(containerPath(c))
	case e.ContainerID != "":
		return templ.SafeURL("/containers/" + e.ContainerID)
	}
	return ""
}

// detailNames are the names for people of what events tell, in their order.
var detailNames = []struct{ key, name string }{
	{"message", "Message"}, {"before", "Before"}, {"after", "After"}, {"upid", "Task of Proxmox"},
}

func eventDetails(e *berth.Event, exact string) []fact {
	facts := []fact{{"Time", exact}, {"Through", sourceText(e.Source)}}
	told := map[string]bool{"state": true, "job": true, "bulk": true}
	add := func(label, value string) {
		if value != "" {
			facts = append(facts, fact{label, value})
		}
	}
	for _, d := range detailNames {
		add(d.name, e.Details[d.key])
		told[d.key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(e.Details)) {
		if !told[key] {
			add(capitalisedWord(key), e.Details[key])
		}
	}
	add("Cluster", e.Cluster)
	add("Action", e.Action)
	return facts
}

func sourceText(source string) string {
	switch source {
	case "web":
		return "web interface"
	case "cli":
		return "command line"
	case "api":
		return "API"
	case "proxmox":
		return "Proxmox, outside Berth"
	}
	return cmp.Or(source, "Berth itself")
}

func capitalisedWord(s string) string {
	return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):]
}
