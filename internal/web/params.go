package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"berth"
)

const (
	pageSize = 100 // containers on a page before more are loaded
	maxShown = 100_000
)

// viewParams is what of the fleet a page shows and how, as its URL says.
type viewParams struct {
	Text    string // the query as typed
	Query   berth.Query
	Sort    berth.Sort
	Group   group
	Layout  layout
	Columns []string // of the table, besides the name
	Limit   int
}

// layout is how containers are drawn.
type layout string

const (
	cardLayout   layout = "cards"
	tableLayout  layout = "table"
	detailLayout layout = "detail" // the page of one container
)

// group is what containers are grouped by; empty: nothing.
type group string

const (
	noGroup    group = ""
	byNode     group = "node"
	byCluster  group = "cluster"
	byTag      group = "tag"
	byTemplate group = "template"
	byStatus   group = "status"
)

func groups() []group { return []group{noGroup, byNode, byCluster, byTag, byTemplate, byStatus} }

// parseViewParams reads q, sort, group, layout, columns and limit of a URL; chosen is what the user prefers where the
// URL says nothing. What cannot be read is Invalid; everything else is then set all the same.
func parseViewParams(values url.Values, chosen preferences) (viewParams, error) {
	p := viewParams{Limit: pageSize, Layout: chosen.layout(), Columns: chosen.columns(), Group: group(values.Get("group")), Text: strings.TrimSpace(values.Get("q"))}
	if !slices.Contains(groups(), p.Group) {
		return p, berth.Errorf(berth.Invalid, "Containers cannot be grouped by “%s”; choose node, cluster, tag, template or status.", p.Group)
	}
	switch chosen := layout(values.Get("layout")); chosen {
	case "":
	case cardLayout, tableLayout, detailLayout:
		p.Layout = chosen
	default:
		return p, berth.Errorf(berth.Invalid, "“%s” is not a layout; choose cards or table.", chosen)
	}
	if values.Has("columns") {
		p.Columns = knownColumns(strings.Split(values.Get("columns"), ","))
	}
	var err error
	if p.Sort, err = berth.ParseSort(values.Get("sort")); err != nil {
		return p, err
	}
	if text := values.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 || limit > maxShown {
			return p, berth.Errorf(berth.Invalid, "“%s” is not a number of containers to show.", text)
		}
		p.Limit = limit
	}
	p.Query, err = berth.ParseQuery(p.Text)
	return p, err
}

// values gives what is not as usual.
func (p viewParams) values() url.Values {
	values := url.Values{}
	if p.Text != "" {
		values.Set("q", p.Text)
	}
	if s := p.Sort.String(); s != string(berth.SortName) {
		values.Set("sort", s)
	}
	if p.Group != noGroup {
		values.Set("group", string(p.Group))
	}
	return values
}

// at gives the address of path for p.
func (p viewParams) at(path string) string { return addressOf(path, p.values()) }

// address is where p is shown. It is not /, which opens with the view that the user starts with.
func (p viewParams) address() string { return p.at("/containers") }

func (p viewParams) href() templ.SafeURL { return templ.SafeURL(p.address()) }

// part gives the address of a part of the page for p, which holds everything that makes views differ.
func (p viewParams) part(path string, more ...string) string {
	values := p.values()
	values.Set("layout", string(p.Layout))
	if p.Layout == tableLayout {
		values.Set("columns", strings.Join(p.Columns, ","))
	}
	if p.Limit != pageSize {
		values.Set("limit", strconv.Itoa(p.Limit))
	}
	for i := 0; i+1 < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return addressOf(path, values)
}

// key is equal for equal views.
func (p viewParams) key() string { return p.part("") }

func addressOf(path string, values url.Values) string {
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

func (p viewParams) withText(text string) viewParams {
	p.Text, p.Limit = text, pageSize
	return p
}

func (p viewParams) withSort(s berth.Sort) viewParams {
	p.Sort = s
	return p
}

func (p viewParams) withGroup(g group) viewParams {
	p.Group = g
	return p
}

func (p viewParams) withLimit(limit int) viewParams {
	p.Limit = limit
	return p
}

// preferences is what a user chose, by name.
type preferences map[string]string

const (
	layoutPreference  = "layout"
	columnsPreference = "columns"
	homePreference    = "home" // parameters of the view that / opens with
)

func (p preferences) layout() layout {
	if layout(p[layoutPreference]) == tableLayout {
		return tableLayout
	}
	return cardLayout
}

func (p preferences) columns() []string {
	if chosen, ok := p[columnsPreference]; ok {
		return knownColumns(strings.Split(chosen, ","))
	}
	return defaultColumns()
}
