package browsertest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

func TestListIsArranged(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{})
	for name, check := range map[string]func(*testing.T, *Berth){
		"every sort orders the page":             everySortOrders,
		"sort and direction are chosen by click": sortIsChosenByClick,
		"columns are kept for each user":         columnsAreKept,
		"a column header sorts":                  columnHeaderSorts,
		"every kind of group":                    everyKindOfGroup,
		"a view is saved, shared and removed":    viewIsSaved,
		"a view of one's own opens with /":       defaultView,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, b)
		})
	}
}

// cells gives a column of the table, from top to bottom.
func cells(p *Page, column string) []string {
	return p.Texts(`#rows [data-column="` + column + `"]`)
}

// ranks tells how to compare the texts of a column that is sorted by.
var ranks = map[berth.SortField]struct {
	column string
	rank   func(p *Page) []float64
}{
	berth.SortStatus: {"status", func(p *Page) []float64 {
		return numbers(cells(p, "status"), func(text string) float64 { return float64(slices.Index(berth.Statuses(), berth.Status(text))) })
	}},
	berth.SortVMID:   {"vmid", func(p *Page) []float64 { return numbers(cells(p, "vmid"), amount) }},
	berth.SortMemory: {"memory", func(p *Page) []float64 { return numbers(cells(p, "memory"), amount) }},
	berth.SortDisk:   {"disk", func(p *Page) []float64 { return numbers(cells(p, "disk"), amount) }},
	berth.SortNode: {"node", func(p *Page) []float64 {
		return numbers(cells(p, "node"), func(text string) float64 { return amount(text[3:]) })
	}},
	berth.SortCPU: {"cpu", func(p *Page) []float64 { // "5.4 % of 2 cores": in use are 0.108
		exact := Eval[[]string](p, `[...document.querySelectorAll('#rows [data-column=cpu]')].map(e => e.querySelector('[title]').title)`)
		return numbers(exact, func(text string) float64 {
			var percent, cores float64
			if _, err := fmt.Sscanf(text, "%g %% of %g", &percent, &cores); err != nil {
				return -1
			}
			return percent * cores
		})
	}},
	berth.SortUptime: {"uptime", func(p *Page) []float64 {
		return Eval[[]float64](p, `[...document.querySelectorAll('#rows [data-column=uptime]')].map(e => e.querySelector('time') ? -Date.parse(e.querySelector('time').dateTime) : -9e15)`)
	}},
}

func numbers(texts []string, number func(string) float64) []float64 {
	var all []float64
	for _, text := range texts {
		all = append(all, number(text))
	}
	return all
}

// amount reads "1.5 GiB" or "104"; what is unknown is less than anything.
func amount(text string) float64 {
	number, unit, _ := strings.Cut(text, " ")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return -1
	}
	return n * map[string]float64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[unit]
}

func everySortOrders(t *testing.T, b *Berth) {
	p := b.signInAs(t, "sorter", "/containers?layout=table")
	orders := []berth.Sort{{By: berth.SortName, Descending: true}, {By: berth.SortCPU, Descending: true}}
	for _, field := range berth.SortFields() {
		orders = append(orders, berth.Sort{By: field})
	}
	for _, order := range orders {
		p.Goto(b.App.URL() + "/containers?layout=table&sort=" + order.String())
		p.Wait(allRows + " === 40")
		checkOrder(t, p, order)
	}
}

// checkOrder waits until the rows are in the order: figures move meanwhile, and rows are replaced one after the other.
func checkOrder(t *testing.T, p *Page, order berth.Sort) {
	t.Helper()
	problem := ""
	for began := time.Now(); time.Since(began) < patience; {
		if problem = orderProblem(p, order); problem == "" {
			return
		}
	}
	t.Errorf("by %s: %s", order, problem)
}

// orderProblem says what is wrong with the order of the rows now.
func orderProblem(p *Page, order berth.Sort) string {
	ranked, ok := ranks[order.By]
	if !ok { // by name; nothing is known of when these were created, so that the name decides there too
		names := p.Names()
		byName := slices.SortedFunc(slices.Values(names), berth.CompareNatural)
		if order.Descending && order.By == berth.SortName {
			slices.Reverse(byName)
		}
		return cmp.Diff(byName, names)
	}
	values := ranked.rank(p)
	if len(slices.Compact(slices.Clone(values))) < 2 {
		return fmt.Sprintf("all %d values are %g, so that this shows nothing; the first row says %q", len(values), values[0], p.Texts("#rows tr")[0])
	}
	if order.Descending {
		slices.Reverse(values)
	}
	const rounding = 0.11 * 16 // of a percentage with one digit, times the cores
	for i := 1; i < len(values); i++ {
		if values[i] < values[i-1] && (order.By != berth.SortCPU || values[i] < values[i-1]-rounding) {
			return fmt.Sprintf("%g and %g are in the wrong order", values[i-1], values[i])
		}
	}
	return ""
}

func sortIsChosenByClick(t *testing.T, b *Berth) {
	p := b.signInAs(t, "clicker", "/")
	p.Wait(allCards + " === 40")
	p.Click(`[popovertarget="sort-menu"]`)
	if got, want := Eval[int](p, `document.querySelectorAll('#sort-menu a').length`), len(berth.SortFields()); got != want {
		t.Errorf("%d sorts are offered, want %d", got, want)
	}
	p.Click(`#sort-menu a[href$="sort=-memory"]`)
	p.Wait(`location.search === "?sort=-memory" && document.querySelector('[popovertarget="sort-menu"]').innerText.includes("Memory") && ` + allCards + ` === 40`)
	down := p.Names()
	p.Click(`#toolbar a[title^="Descending"]`)
	p.Wait(`location.search === "?sort=memory" && ` + allCards + ` === 40`)
	if up := p.Names(); up[len(up)-1] != down[0] {
		t.Errorf("%s has the most memory in use in one direction, %s in the other", down[0], up[len(up)-1])
	}
}

func columnsAreKept(t *testing.T, b *Berth) {
	p := b.signInAs(t, "anna", "/")
	p.Wait(allCards + " === 40")
	p.Click(`button[name=layout][value=table]`)
	p.Wait(allRows + " === 40")
	p.Click(`[popovertarget="column-menu"]`)
	p.Click(`#column-menu input[value=tags]`)
	p.Click(`#column-menu input[value=pool]`)
	p.Click(`#column-menu button`)
	want := []string{"Select", "Name", "Status", "VMID", "Node", "Addresses", "CPU", "Memory", "Disk", "Uptime", "Pool"}
	const heads = `[...document.querySelectorAll('thead th')].map(e => e.textContent.trim())`
	p.Wait(heads + `.includes("Pool")`)
	if diff := cmp.Diff(want, Eval[[]string](p, heads)); diff != "" {
		t.Errorf("columns: %s", diff)
	}
	p.Goto(b.App.URL() + "/?q=status:running")
	p.Wait(allRows + ` > 0`)
	if diff := cmp.Diff(want, Eval[[]string](p, heads)); diff != "" {
		t.Errorf("columns of the next page: %s", diff)
	}
	if pools := cells(p, "pool"); !slices.Contains(pools, "media") {
		t.Errorf("no container is in the pool media: %q", pools)
	}
	other := b.signInAs(t, "bert", "/")
	other.Wait(allCards + " === 40") // still cards for everybody else
}

func columnHeaderSorts(t *testing.T, b *Berth) {
	p := b.signInAs(t, "carl", "/containers?layout=table")
	p.Wait(allRows + " === 40")
	Eval[bool](p, `window.before = true`)
	p.Click(`button[name=layout][value=table]`) // a click on a header keeps the layout only for who prefers it
	p.Wait(`!window.before`)
	for _, sorted := range []string{"descending", "ascending"} {
		p.Wait(allRows + " === 40")
		p.Click(`thead th:nth-child(8) a`)
		p.Wait(`document.querySelector('thead th:nth-child(8)').ariaSort === "` + sorted + `"`)
		checkOrder(t, p, berth.Sort{By: berth.SortMemory, Descending: sorted == "descending"})
	}
}

// grouped gives each head of a group with the keys of its containers.
const grouped = `[...document.querySelectorAll('#cards > li, #rows > tr')].reduce((all, e) => {
	if (e.dataset.key) all.at(-1).members.push({ ...e.dataset });
	else all.push({ title: e.innerText.trim().replace(/\s+/g, " "), members: [] });
	return all;
}, [])`

type groupText struct {
	Title   string
	Members []struct{ Key, Node, Cluster, Status string }
}

func everyKindOfGroup(t *testing.T, b *Berth) {
	p := b.signInAs(t, "grouper", "/")
	for kind, titleOf := range map[string]func(node, cluster, status string) string{
		"node":     func(node, _, _ string) string { return node },
		"cluster":  func(_, cluster, _ string) string { return cluster },
		"status":   func(_, _, status string) string { return status },
		"template": func(_, _, _ string) string { return "No template" },
		"tag":      nil,
	} {
		for _, layout := range []string{"cards", "table"} {
			p.Goto(b.App.URL() + "/containers?group=" + kind + "&layout=" + layout)
			p.Wait(`document.querySelectorAll('.group-head, .group-row').length > 0`)
			keys := map[string]bool{}
			for _, g := range Eval[[]groupText](p, grouped) {
				title, count, _ := strings.Cut(g.Title, " "+strconv.Itoa(len(g.Members)))
				if count != "" || len(g.Members) == 0 || title == g.Title {
					t.Errorf("%s, %s: the group %q has %d containers", kind, layout, g.Title, len(g.Members))
				}
				for _, m := range g.Members {
					keys[m.Key] = true
					if titleOf != nil && !strings.EqualFold(title, titleOf(m.Node, m.Cluster, m.Status)) {
						t.Errorf("%s, %s: %s is in the group %q", kind, layout, m.Key, title)
					}
				}
			}
			if len(keys) != 40 {
				t.Errorf("%s, %s: %d containers are shown, want 40", kind, layout, len(keys))
			}
		}
	}
}

func viewIsSaved(t *testing.T, b *Berth) {
	p := b.signInOperator(t, "dora", "/") // sharing takes more than looking
	p.Wait(allCards + " === 40")
	p.Press("/")
	p.Paste("tag:media")
	p.Wait(`location.search.includes("media") && ` + allCards + ` < 40`)
	p.Click(`[popovertarget="views-menu"]`)
	p.Click(`#views-menu input[name=name]`)
	p.Press("Films & music")
	p.Click(`#views-menu input[name=shared]`)
	p.Click(`#views-menu form[action="/views"] button`)
	p.Wait(`document.querySelector('#views-menu li')`)
	want := p.Names()

	other := b.signInAs(t, "emil", "/")
	other.Wait(allCards + " === 40")
	other.Click(`[popovertarget="views-menu"]`)
	if got := Eval[string](other, `document.querySelector('#views-menu li').innerText`); !strings.Contains(got, "Films & music") || !strings.Contains(got, "by dora") {
		t.Errorf("the other user sees %q", got)
	}
	if Eval[bool](other, `!!document.querySelector('#views-menu form[action$="/remove"]')`) {
		t.Error("somebody else can remove the view")
	}
	other.Click(`#views-menu li a`)
	other.Wait(`document.querySelector('#q')?.value === "tag:media" && ` + allCards + ` < 40`)
	if diff := cmp.Diff(want, other.Names()); diff != "" {
		t.Errorf("the view opened by somebody else: %s", diff)
	}

	p.Click(`[popovertarget="views-menu"]`)
	p.Click(`#views-menu form[action$="/remove"] button`)
	p.Wait(`document.querySelector('#views-menu') && !document.querySelector('#views-menu li')`)
	if got := Eval[string](p, `location.search`); got != "?q=tag%3Amedia" {
		t.Errorf("after removing the view the page is at %q, want it to stay", got)
	}
}

func defaultView(t *testing.T, b *Berth) {
	p := b.signInAs(t, "fred", "/?q=status:stopped")
	p.Wait(allCards + ` > 0 && ` + allCards + ` < 40`)
	p.Click(`[popovertarget="views-menu"]`)
	p.Click(`#views-menu form[action="/preferences"] button`)
	p.Wait(`document.querySelector('#views-menu form[action="/preferences"]')?.innerText.includes("all containers again")`)
	p.Goto(b.App.URL() + "/nodes")
	p.Goto(b.App.URL() + "/")
	p.Wait(`location.search === "?q=status%3Astopped" && document.querySelector('#q').value === "status:stopped"`)
	p.Click(`a.tile:has([data-testid="summary-total"])`) // all containers can still be seen
	p.Wait(allCards + " === 40")
	p.Goto(b.App.URL() + "/")
	p.Click(`[popovertarget="views-menu"]`)
	p.Click(`#views-menu form[action="/preferences"] button`)
	p.Wait(`document.querySelector('#views-menu form[action="/preferences"]')?.innerText.includes("Start with what is shown")`)
	p.Goto(b.App.URL() + "/")
	p.Wait(allCards + " === 40")
}
