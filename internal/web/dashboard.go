package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/fleet"
	"berth/internal/web/ui"
)

const connectCommand = `berth cluster add home --url https://HOST:8006 \
  --token 'USER@REALM!ID=SECRET' --fingerprint sha256:...`

// dashboardPage is everything of the dashboard that changes with the fleet or with what is asked of it, ready for display.
// Equal views share it, so nothing in it belongs to one user.
type dashboardPage struct {
	RefreshURL string
	Banners    []banner
	Tiles      []tile
	Totals     []totalView
	Matching   matchingView
	Toolbar    toolbar
	Empty      emptyList
	More       moreLink
	Columns    []columnHead // of the table
	Items      []listItem
	Many       bool // more than one cluster
}

type tile struct {
	Name, Label, Icon, Class string
	Count                    int
	Href                     templ.SafeURL
	Selected                 bool
}

// matchingView says how many containers match.
type matchingView struct {
	Count int
	Text  string
}

type toolbar struct {
	Hidden    []hiddenField // what the search form sends beside the query
	Sorts     []menuLink
	SortText  string
	Reverse   menuLink
	Groups    []menuLink
	GroupText string
	Layout    layout
	Columns   []columnChoice // empty: the layout has none
}

type hiddenField struct{ Name, Value string }

type menuLink struct {
	Text, Icon string
	Href       templ.SafeURL
	Selected   bool
}

type columnChoice struct {
	Key, Title string
	Chosen     bool
}

type columnHead struct {
	column
	Href templ.SafeURL // sorts by it; empty: cannot
	Aria string        // ascending, descending; empty: not sorted by it
}

type emptyList struct {
	Icon, Title, Text, Command, Action string
	Href                               templ.SafeURL
}

type moreLink struct {
	Text, URL string
}

// newDashboardPage tells what the dashboard shows of a snapshot to somebody who may create containers or not.
func newDashboardPage(snapshot *fleet.Snapshot, mayCreate bool, params viewParams, now time.Time) dashboardPage {
	limit := params.Limit
	if params.Group != noGroup {
		limit = 0 // groups tell how many are in them
	}
	view := snapshot.View(params.Query, params.Sort, limit, now)
	many := len(snapshot.Clusters) > 1
	return dashboardPage{
		RefreshURL: params.part("/refresh"),
		Banners:    newBanners(snapshot, now),
		Tiles:      newTiles(snapshot.Counts, params),
		Totals:     newTotalViews(snapshot),
		Matching:   newMatchingView(view, params),
		Toolbar:    newToolbar(params),
		Empty:      newEmptyList(view, mayCreate, params),
		More:       newMoreLink(entries(view, params.Group), params),
		Columns:    newColumnHeads(params),
		Items:      newListItems(view.Containers, params.Group, params.Limit, many),
		Many:       many,
	}
}

// newTiles makes the summary bar: total, running, stopped and error always; the others when there are some.
func newTiles(counts berth.Counts, params viewParams) []tile {
	tiles := []tile{{Name: "total", Label: "All containers", Icon: "layout-grid", Count: counts.Total,
		Href: params.withText("").href(), Selected: params.Text == ""}}
	for _, s := range berth.Statuses() {
		text := "status:" + string(s)
		optional := s == berth.StatusCreating || s == berth.StatusUnknown
		if optional && counts.Of(s) == 0 && params.Text != text {
			continue
		}
		view := newStatusView(s)
		tiles = append(tiles, tile{Name: string(s), Label: capitalised(string(s)), Icon: view.Icon, Class: view.Class,
			Count: counts.Of(s), Href: params.withText(text).href(), Selected: params.Text == text})
	}
	return tiles
}

func newMatchingView(view fleet.View, params viewParams) matchingView {
	total := view.Snapshot.Counts.Total
	if params.Text == "" {
		return matchingView{Count: total, Text: containers(total)}
	}
	return matchingView{Count: view.Matching, Text: fmt.Sprintf("%d of %s", view.Matching, containers(total))}
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

const nothing = "None" // chosen in a menu

var groupTexts = map[group]string{noGroup: nothing, byNode: "Node", byCluster: "Cluster", byTag: "Tag", byTemplate: "Template", byStatus: "Status"}

// biggestFirst tells for which sorts people want the largest value first.
var biggestFirst = map[berth.SortField]bool{
	berth.SortCPU: true, berth.SortMemory: true, berth.SortDisk: true, berth.SortUptime: true, berth.SortCreated: true,
}

func newToolbar(params viewParams) toolbar {
	t := toolbar{SortText: sortTexts[params.Sort.By], GroupText: groupTexts[params.Group], Layout: params.Layout, Reverse: newReverseLink(params)}
	for name, values := range params.values() {
		if name != "q" {
			t.Hidden = append(t.Hidden, hiddenField{Name: name, Value: values[0]})
		}
	}
	slices.SortFunc(t.Hidden, func(a, b hiddenField) int { return len(a.Name) - len(b.Name) })
	t.Hidden = append(t.Hidden, hiddenField{Name: "layout", Value: string(params.Layout)})
	for _, field := range berth.SortFields() {
		other := params.withSort(berth.Sort{By: field, Descending: biggestFirst[field]})
		t.Sorts = append(t.Sorts, menuLink{Text: sortTexts[field], Href: other.href(), Selected: field == params.Sort.By})
	}
	for _, g := range groups() {
		t.Groups = append(t.Groups, menuLink{Text: groupTexts[g], Href: params.withGroup(g).href(), Selected: g == params.Group})
	}
	if params.Layout == tableLayout {
		for _, c := range columns() {
			t.Columns = append(t.Columns, columnChoice{Key: c.Key, Title: c.Title, Chosen: slices.Contains(params.Columns, c.Key)})
		}
	}
	return t
}

func newReverseLink(params viewParams) menuLink {
	other := params.withSort(berth.Sort{By: params.Sort.By, Descending: !params.Sort.Descending})
	if params.Sort.Descending {
		return menuLink{Text: "Descending; switch to ascending", Icon: "arrow-down-wide-narrow", Href: other.href()}
	}
	return menuLink{Text: "Ascending; switch to descending", Icon: "arrow-up-narrow-wide", Href: other.href()}
}

func newColumnHeads(params viewParams) []columnHead {
	name := columnHead{column: column{Key: "name", Title: "Name", Sort: berth.SortName}}
	heads := []columnHead{name.sorted(params)}
	for _, c := range chosenColumns(params.Columns) {
		heads = append(heads, columnHead{column: c}.sorted(params))
	}
	return heads
}

// sorted gives h with the link that sorts by it, or the other way round when it already is the order.
func (h columnHead) sorted(params viewParams) columnHead {
	if h.Sort == "" {
		return h
	}
	next := berth.Sort{By: h.Sort, Descending: biggestFirst[h.Sort]}
	if params.Sort.By == h.Sort {
		next.Descending = !params.Sort.Descending
		h.Aria = "ascending"
		if params.Sort.Descending {
			h.Aria = "descending"
		}
	}
	h.Href = params.withSort(next).href()
	return h
}

func newEmptyList(view fleet.View, mayCreate bool, params viewParams) emptyList {
	var first emptyList
	if mayCreate {
		first = emptyList{Action: "Create your first container", Href: "/containers/new"}
	}
	switch {
	case view.Matching > 0:
		return emptyList{}
	case view.Snapshot.Limited && len(view.Snapshot.Clusters) == 0:
		return emptyList{Icon: "container", Title: "There is no container for you yet",
			Text: "You see the containers that an admin has given you a role on. When there is one it shows up here by itself.", Action: first.Action, Href: first.Href}
	case len(view.Snapshot.Clusters) == 0:
		return emptyList{Icon: "plug", Title: "No cluster is connected yet", Command: connectCommand,
			Text: "Connect a Proxmox VE cluster or a single node from the machine that runs Berth. It shows up here by itself."}
	case params.Layout == detailLayout:
		return emptyList{Icon: "container", Title: "This container is not there", Action: "Back to the containers", Href: "/",
			Text: "Proxmox VE does not list it (any more)."}
	case params.Text != "":
		return emptyList{Icon: "search", Title: noneText(params.Text), Text: "Nothing matches now; the page changes by itself when something does.",
			Action: "Show all containers", Href: params.withText("").href()}
	case view.Snapshot.Waiting():
		return emptyList{Icon: "clock", Title: "Waiting for the first answer", Text: "Berth has just been told of a cluster and is asking it for its containers."}
	default:
		return emptyList{Icon: "container", Title: "No containers yet", Text: "The connected clusters have no LXC containers.", Action: first.Action, Href: first.Href}
	}
}

func noneText(query string) string {
	for _, s := range berth.Statuses() {
		if query == "status:"+string(s) {
			return "No " + string(s) + " containers"
		}
	}
	return "No matching containers"
}

// newMoreLink leads to what follows in a list of so many entries.
func newMoreLink(all int, params viewParams) moreLink {
	if params.Limit >= all {
		return moreLink{}
	}
	return moreLink{Text: fmt.Sprintf("%d of %d are shown; show more", params.Limit, all), URL: params.part("/more")}
}

// itemsTarget is the element that holds the items of the list.
func itemsTarget(l layout) string {
	if l == tableLayout {
		return "#rows"
	}
	return "#cards"
}

func capitalised(s string) string { return string(s[0]-'a'+'A') + s[1:] }

// problemView is a query that cannot be read: the text before, at and after the place, and what is wrong there.
type problemView struct {
	Before, At, After, Message string
}

// newProblemView tells what err, from parseViewParams, says of the query; ok is false if it is about something else.
func newProblemView(err error) (v problemView, ok bool) {
	e, ok := errors.AsType[*berth.QueryError](err)
	if !ok {
		return problemView{}, false
	}
	at, end := min(e.At, len(e.Text)), min(e.At+e.Len, len(e.Text))
	return problemView{Before: e.Text[:at], At: e.Text[at:end], After: e.Text[end:], Message: e.Message}, true
}

// askedFor reads the parameters of a request. A query that cannot be read is a problem to show, not an error: the page
// then shows everything.
func (s *Server) askedFor(r *http.Request) (viewParams, problemView, error) {
	chosen, err := s.preferences(r)
	if err != nil {
		return viewParams{}, problemView{}, err
	}
	params, err := parseViewParams(r.URL.Query(), chosen)
	if problem, ok := newProblemView(err); ok {
		params.Query, params.Text = berth.Query{}, ""
		return params, problem, nil
	}
	return params, problemView{}, err
}

// getDashboard shows the page. Without parameters it opens with the user's own default view.
func (s *Server) getDashboard(w http.ResponseWriter, r *http.Request) error {
	if home, err := s.homeView(r); err != nil || home != "" {
		if err == nil {
			http.Redirect(w, r, "/?"+home, http.StatusSeeOther)
		}
		return err
	}
	params, problem, err := s.askedFor(r)
	if err != nil {
		return err
	}
	current, err := s.views.of(accessOf(r), params)
	if err != nil {
		return err
	}
	saved, err := s.savedViews(r, params)
	if err != nil {
		return err
	}
	frame := s.frame(r, "Containers", ui.Containers)
	frame.Fresh = newFreshness(current.snapshot, s.now())
	return renderAround(w, r, http.StatusOK, dashboard(frame, current, saved, r.URL.Query().Get("q"), problem, mayCreate(r)), current.zippedList())
}

// getList answers the search form with everything that depends on the query, as partials. A query that cannot be read
// changes nothing but the message beside it.
func (s *Server) getList(w http.ResponseWriter, r *http.Request) error {
	params, problem, err := s.askedFor(r)
	if err != nil {
		return err
	}
	if problem.Message != "" {
		return render(w, r, http.StatusUnprocessableEntity, queryProblemPartial(problem))
	}
	current, err := s.views.of(accessOf(r), params)
	if err != nil {
		return err
	}
	w.Header().Set("HX-Replace-Url", params.address())
	return render(w, r, http.StatusOK, everything(current))
}

// getMore answers the end of the list with the next containers. A page that shows what the server thinks it shows gets
// only those; any other gets the whole list.
func (s *Server) getMore(w http.ResponseWriter, r *http.Request) error {
	params, problem, err := s.askedFor(r)
	if err != nil {
		return err
	}
	if problem.Message != "" {
		return render(w, r, http.StatusUnprocessableEntity, queryProblemPartial(problem))
	}
	shown, err := s.views.of(accessOf(r), params)
	if err != nil {
		return err
	}
	longer, err := s.views.of(accessOf(r), params.withLimit(params.Limit+pageSize))
	if err != nil {
		return err
	}
	if shown.digest != r.URL.Query().Get("seen") || !longer.continues(shown) {
		return render(w, r, http.StatusOK, everything(longer))
	}
	return render(w, r, http.StatusOK, nextItems(longer, len(shown.items)))
}

// getRefresh answers with every live part of the dashboard, for a page whose stream is broken.
func (s *Server) getRefresh(w http.ResponseWriter, r *http.Request) error {
	params, _, err := s.askedFor(r)
	if err != nil {
		return err
	}
	current, err := s.views.of(accessOf(r), params)
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
