package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/fleet"
)

// timeline is what happened to one container: the history of Berth together with the tasks of Proxmox.
type timeline struct {
	Path    string // of the part
	Kinds   []menuLink
	Events  []eventRow
	Older   templ.SafeURL
	Problem string // why the tasks of Proxmox are not among them
	Only    string // the kind that is shown; empty: all
}

// kinds are what the timeline can be narrowed to. An action belongs to the first kind that has its word.
var kinds = []struct {
	name, title string
	words       []string
}{
	{"power", "Power", []string{"start", "stop", "shutdown", "reboot", "suspend", "resume"}},
	{"config", "Configuration", []string{"config", "protection", "onboot", "resize", "move-volume", "template"}},
	{"snapshots", "Snapshots", []string{"snapshot", "snapshot-delete", "rollback"}},
	{"backups", "Backups", []string{"backup", "backup-delete", "restore"}},
	{"place", "Created, moved, deleted", []string{"create", "clone", "migrate", "move", "delete", "appear", "vanish", "replaced", "clean-up"}},
	{"other", "Other", nil},
}

const timelineShown = 200

func kindOf(action string) string {
	word := strings.TrimPrefix(action, "container.")
	for _, k := range kinds {
		if slices.Contains(k.words, word) {
			return k.name
		}
	}
	return "other"
}

// readTimeline joins the history with tasks of Proxmox that are not in it: those from before Berth was there, and those that
// still run. What Berth itself asked for is in the history as a job.
func (s *Server) readTimeline(r *http.Request, d *fleet.Detail) timeline {
	told, events := map[string]bool{}, slices.Clone(d.Events)
	for i := range events {
		told[events[i].Details["upid"]] = true
	}
	for i := range d.Tasks {
		if t := &d.Tasks[i]; !t.Own && !told[t.UPID] {
			events = append(events, fleet.TaskEvent(t, d.Container))
		}
	}
	slices.SortStableFunc(events, func(a, b berth.Event) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	return s.newTimeline(r, d, events)
}

func (s *Server) newTimeline(r *http.Request, d *fleet.Detail, events []berth.Event) timeline {
	path := containerPath(d.Container) + "/events"
	v := timeline{Only: r.URL.Query().Get("kind"), Problem: d.Problems[fleet.PartTasks]}
	link := func(name, title string) {
		query := url.Values{}
		for key, value := range map[string]string{"kind": name, "list": cameFrom(r)} {
			if value != "" {
				query.Set(key, value)
			}
		}
		address := url.URL{Path: path, RawQuery: query.Encode()}
		v.Kinds = append(v.Kinds, menuLink{Text: title, Href: templ.SafeURL(address.String()), Selected: v.Only == name})
	}
	link("", "All")
	for _, k := range kinds {
		link(k.name, k.title)
	}
	v.Path = path + "/now?" + url.Values{"kind": {v.Only}}.Encode()
	if v.Only != "" {
		events = slices.DeleteFunc(events, func(e berth.Event) bool { return kindOf(e.Action) != v.Only })
	}
	if len(events) > timelineShown {
		events = events[:timelineShown]
		v.Older = historyOf(d.Container)
	}
	v.Events = s.newEventRows(r, events)
	return v
}

// getEventsTab shows what the database knows; the tasks of Proxmox come after it.
func (s *Server) getEventsTab(w http.ResponseWriter, r *http.Request) error {
	return s.getTab(w, r, "events", func(d *fleet.Detail) templ.Component {
		return timelinePanel(s.readTimeline(r, d))
	}, fleet.PartEvents)
}

func (s *Server) showTimeline(d *fleet.Detail, r *http.Request) (templ.Component, error) {
	return timelinePanel(s.readTimeline(r, d)), nil
}
