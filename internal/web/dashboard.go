package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/fleet"
	"berth/internal/web/ui"
)

const connectCommand = `berth cluster add home --url https://HOST:8006 \
  --token 'USER@REALM!ID=SECRET' --fingerprint sha256:...`

const pageSize = 100 // cards on a page before "show more"

// viewParams is what of the fleet a page shows, as its URL says.
type viewParams struct {
	Query berth.Query
	Sort  berth.Sort
	Limit int
}

// parseViewParams reads q, sort and limit of a URL; what cannot be read is Invalid.
func parseViewParams(values url.Values) (viewParams, error) {
	p := viewParams{Limit: pageSize}
	var err error
	if p.Query, err = berth.ParseQuery(values.Get("q")); err != nil {
		return p, err
	}
	if p.Sort, err = berth.ParseSort(values.Get("sort")); err != nil {
		return p, err
	}
	if text := values.Get("limit"); text != "" {
		if p.Limit, err = strconv.Atoi(text); err != nil || p.Limit < 1 || p.Limit > 100_000 {
			return p, berth.Errorf(berth.Invalid, "“%s” is not a number of containers to show.", text)
		}
	}
	return p, nil
}

// encode gives the query part of the URL of p; equal views have equal texts.
func (p viewParams) encode() string { return p.encodeWith(p.Query.Text()) }

// encodeWith is encode with another query.
func (p viewParams) encodeWith(query string) string {
	values := url.Values{}
	if query != "" {
		values.Set("q", query)
	}
	if s := p.Sort.String(); s != string(berth.SortName) {
		values.Set("sort", s)
	}
	if p.Limit != pageSize {
		values.Set("limit", strconv.Itoa(p.Limit))
	}
	return values.Encode()
}

func (p viewParams) at(path string) string {
	if query := p.encode(); query != "" {
		return path + "?" + query
	}
	return path
}

func (p viewParams) href() templ.SafeURL { return templ.SafeURL(p.at("/")) }

// dashboardPage is everything the dashboard shows, ready for display.
type dashboardPage struct {
	RefreshURL string
	Banners    []banner
	Tiles      []tile
	Matching   string
	Sorts      []sortLink
	SortText   string
	Reverse    sortLink
	Empty      emptyList
	Cards      []cardView
	More       moreLink
}

type tile struct {
	Name, Label, Icon, Class string
	Count                    int
	Href                     templ.SafeURL
	Selected                 bool
}

type sortLink struct {
	Text, Icon string
	Href       templ.SafeURL
	Selected   bool
}

type emptyList struct {
	Icon, Title, Text, Command, Action string
	Href                               templ.SafeURL
}

type moreLink struct {
	Text string
	Href templ.SafeURL
}

// newDashboardPage tells what the dashboard shows of a view of the fleet.
func newDashboardPage(view fleet.View, params viewParams, now time.Time) dashboardPage {
	many := len(view.Snapshot.Clusters) > 1
	p := dashboardPage{
		RefreshURL: params.at("/refresh"),
		Banners:    newBanners(view.Snapshot, now),
		Tiles:      newTiles(view.Snapshot.Counts, params),
		Matching:   matchingText(view, params),
		SortText:   sortTexts[params.Sort.By],
		Sorts:      newSortLinks(params),
		Reverse:    newReverseLink(params),
		Empty:      newEmptyList(view, params),
		More:       newMoreLink(view, params),
	}
	p.Cards = make([]cardView, 0, len(view.Containers))
	for _, c := range view.Containers {
		p.Cards = append(p.Cards, newCardView(c, many, now))
	}
	return p
}

// newTiles makes the summary bar: total, running, stopped and error always; the others when there are some.
func newTiles(counts berth.Counts, params viewParams) []tile {
	all := params
	all.Query, all.Limit = berth.Query{}, pageSize
	tiles := []tile{{Name: "total", Label: "All containers", Icon: "layout-grid", Count: counts.Total,
		Href: all.href(), Selected: params.Query.Text() == ""}}
	for _, s := range berth.Statuses() {
		optional := s == berth.StatusCreating || s == berth.StatusUnknown
		selected := params.Query.Text() == "status:"+string(s)
		if optional && counts.Of(s) == 0 && !selected {
			continue
		}
		view := newStatusView(s)
		tiles = append(tiles, tile{Name: string(s), Label: capitalised(string(s)), Icon: view.Icon, Class: view.Class,
			Count: counts.Of(s), Href: templ.SafeURL("/?" + all.encodeWith("status:"+string(s))), Selected: selected})
	}
	return tiles
}

func matchingText(view fleet.View, params viewParams) string {
	total := view.Snapshot.Counts.Total
	shown := ""
	if len(view.Containers) < view.Matching {
		shown = fmt.Sprintf("; the first %d are shown", len(view.Containers))
	}
	if params.Query.Text() == "" {
		return containers(total) + shown
	}
	return fmt.Sprintf("%d of %s%s", view.Matching, containers(total), shown)
}

func containers(n int) string {
	if n == 1 {
		return "1 container"
	}
	return strconv.Itoa(n) + " containers"
}

var sortTexts = map[berth.SortField]string{
	berth.SortName: "Name", berth.SortStatus: "Status", berth.SortCreated: "Created", berth.SortCPU: "CPU",
	berth.SortMemory: "Memory", berth.SortDisk: "Disk", berth.SortUptime: "Uptime", berth.SortVMID: "VMID", berth.SortNode: "Node",
}

// biggestFirst tells for which sorts people want the largest value first.
var biggestFirst = map[berth.SortField]bool{
	berth.SortCPU: true, berth.SortMemory: true, berth.SortDisk: true, berth.SortUptime: true, berth.SortCreated: true,
}

func newSortLinks(params viewParams) []sortLink {
	links := make([]sortLink, 0, len(sortTexts))
	for _, field := range berth.SortFields() {
		other := params
		other.Sort = berth.Sort{By: field, Descending: biggestFirst[field]}
		links = append(links, sortLink{Text: sortTexts[field], Href: other.href(), Selected: field == params.Sort.By})
	}
	return links
}

func newReverseLink(params viewParams) sortLink {
	other := params
	other.Sort.Descending = !params.Sort.Descending
	if params.Sort.Descending {
		return sortLink{Text: "Descending; switch to ascending", Icon: "arrow-down-wide-narrow", Href: other.href()}
	}
	return sortLink{Text: "Ascending; switch to descending", Icon: "arrow-up-narrow-wide", Href: other.href()}
}

func newEmptyList(view fleet.View, params viewParams) emptyList {
	switch {
	case view.Matching > 0:
		return emptyList{}
	case len(view.Snapshot.Clusters) == 0:
		return emptyList{Icon: "plug", Title: "No cluster is connected yet", Command: connectCommand,
			Text: "Connect a Proxmox VE cluster or a single node from the machine that runs Berth. It shows up here by itself."}
	case params.Query.Text() != "":
		none := "No matching containers"
		if status, ok := strings.CutPrefix(params.Query.String(), "status:"); ok && slices.Contains(berth.Statuses(), berth.Status(status)) {
			none = "No " + status + " containers"
		}
		return emptyList{Icon: "search", Title: none, Text: "Nothing matches this filter now; the page changes by itself when something does.",
			Action: "Show all containers", Href: "/"}
	case view.Snapshot.Waiting():
		return emptyList{Icon: "clock", Title: "Waiting for the first answer", Text: "Berth has just been told of a cluster and is asking it for its containers."}
	default:
		return emptyList{Icon: "container", Title: "No containers yet", Text: "The connected clusters have no LXC containers."}
	}
}

func newMoreLink(view fleet.View, params viewParams) moreLink {
	if len(view.Containers) >= view.Matching {
		return moreLink{}
	}
	more := params
	more.Limit += pageSize
	return moreLink{Text: fmt.Sprintf("Show %d more", min(pageSize, view.Matching-len(view.Containers))), Href: more.href()}
}

func capitalised(s string) string { return string(s[0]-'a'+'A') + s[1:] }

func (s *Server) getDashboard(w http.ResponseWriter, r *http.Request) error {
	params, err := parseViewParams(r.URL.Query())
	if err != nil {
		return err
	}
	current, err := s.views.of(params)
	if err != nil {
		return err
	}
	frame := s.frame(r, "Containers", ui.Containers)
	frame.Fresh = newFreshness(current.snapshot, s.now())
	return render(w, r, http.StatusOK, dashboard(frame, current, streamURL(params, current.digest)))
}

// getRefresh answers with every live part of the dashboard, for a page whose stream is broken.
func (s *Server) getRefresh(w http.ResponseWriter, r *http.Request) error {
	params, err := parseViewParams(r.URL.Query())
	if err != nil {
		return err
	}
	current, err := s.views.of(params)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, templ.Raw(current.wholePartials()))
}

// postRefresh asks every cluster now instead of at its next turn.
func (s *Server) postRefresh(w http.ResponseWriter, _ *http.Request) error {
	s.fleet.Refresh()
	w.WriteHeader(http.StatusNoContent)
	return nil
}
