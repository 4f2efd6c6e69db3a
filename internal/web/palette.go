package web

import (
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/fleet"
)

// paletteItem is something that the command palette can do.
type paletteItem struct {
	Title, Detail, Icon string
	Href                templ.SafeURL // where it leads
	Command             string        // or what the page itself does: refresh, theme-dark, ...
}

const paletteLength = 12

// getPalette finds pages, commands and containers by what was typed.
func (s *Server) getPalette(w http.ResponseWriter, r *http.Request) error {
	typed := strings.TrimSpace(r.URL.Query().Get("q"))
	items := matchingCommands(typed, mayCreate(r))
	items = append(items, s.paletteContainers(s.seen(r), typed, paletteLength-min(len(items), paletteLength/2))...)
	return render(w, r, http.StatusOK, paletteItems(items))
}

func matchingCommands(typed string, mayCreate bool) []paletteItem {
	all := []paletteItem{
		{Title: "Containers", Detail: "page", Icon: "container", Href: "/"},
		{Title: "Nodes", Detail: "page", Icon: "server", Href: "/nodes"},
		{Title: "Jobs", Detail: "page", Icon: "list-checks", Href: "/jobs"},
		{Title: "Audit", Detail: "page: who did what", Icon: "scroll-text", Href: "/audit"},
		{Title: "Running containers", Detail: "filter", Icon: "circle-play", Href: "/?q=status%3Arunning"},
		{Title: "Stopped containers", Detail: "filter", Icon: "circle-stop", Href: "/?q=status%3Astopped"},
		{Title: "Busiest containers", Detail: "sorted by CPU", Icon: "cpu", Href: "/?sort=-cpu"},
		{Title: "Refresh now", Detail: "asks every cluster", Icon: "refresh-cw", Command: "refresh"},
		{Title: "Light theme", Detail: "command", Icon: "sun", Command: "theme-light"},
		{Title: "Dark theme", Detail: "command", Icon: "moon", Command: "theme-dark"},
		{Title: "Keyboard shortcuts", Detail: "command", Icon: "command", Command: "keys"},
	}
	if mayCreate {
		all = append(all, paletteItem{Title: "New container", Detail: "page", Icon: "plus", Href: "/containers/new"})
	}
	var found []paletteItem
	for _, item := range all {
		if strings.Contains(strings.ToLower(item.Title), strings.ToLower(typed)) {
			found = append(found, item)
		}
	}
	return found
}

// paletteContainers finds containers with the query language; text that it cannot read is searched as it is.
func (s *Server) paletteContainers(seen *fleet.Snapshot, typed string, limit int) []paletteItem {
	if typed == "" {
		return nil
	}
	for _, o := range offers {
		if rest, ok := o.typed(typed); ok {
			return s.paletteActions(seen, o, rest, limit)
		}
	}
	q, err := berth.ParseQuery(typed)
	if err != nil {
		if q, err = berth.ParseQuery(berth.QuoteValue(typed)); err != nil {
			return nil
		}
	}
	view := seen.View(q, berth.Sort{By: berth.SortName}, limit, s.now())
	items := make([]paletteItem, 0, len(view.Containers))
	for _, c := range view.Containers {
		items = append(items, paletteItem{Title: hostname(c), Detail: string(c.Status) + " · " + c.Node + " · " + c.Cluster,
			Icon: newStatusView(c.Status).Icon, Href: templ.SafeURL(containerPath(c))})
	}
	return items
}

// paletteActions offers an action on the containers that are found; it asks before it acts.
func (s *Server) paletteActions(seen *fleet.Snapshot, o offer, typed string, limit int) []paletteItem {
	q, err := berth.ParseQuery(typed)
	if err != nil {
		return nil
	}
	view := seen.View(q, berth.Sort{By: berth.SortName}, 0, s.now())
	var items []paletteItem
	for _, c := range view.Containers {
		if len(items) < limit && o.suits(c) {
			items = append(items, paletteItem{Title: o.Title + " " + hostname(c), Detail: string(c.Status) + " · " + c.Node + " · " + c.Cluster,
				Icon: o.Icon, Command: "sheet:" + o.url(c)})
		}
	}
	return items
}
