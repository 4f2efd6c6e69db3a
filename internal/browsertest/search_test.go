package browsertest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"berth"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

const queryProblem = `document.querySelector('#query-problem').innerText`

func TestSearch(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{})
	for name, check := range map[string]func(*testing.T, *Berth){
		"every tile is a filter":                        everyTileFilters,
		"a typed query filters without a reload":        typedQueryFilters,
		"a bad query points at its place":               badQueryPointsAtItsPlace,
		"completion with the keyboard":                  completionWithTheKeyboard,
		"escape closes the completion, then the search": escapeLeavesTheSearch,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, b)
		})
	}
}

func everyTileFilters(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/")
	p.Wait(allCards + " === 40")
	for _, tile := range []string{"running", "stopped", "error", "total"} {
		count := Eval[int](p, fmt.Sprintf(`Number(document.querySelector('[data-testid="summary-%s"]').textContent)`, tile))
		p.Click(fmt.Sprintf(`a.tile:has([data-testid="summary-%s"])`, tile))
		p.Wait(fmt.Sprintf(`document.querySelector('a.tile[aria-current]')?.querySelector('[data-testid="summary-%s"]') && %s === %d`, tile, allCards, count))
		if tile == "error" {
			p.Wait(`document.querySelector('#list').innerText.includes("No error containers")`)
			p.Click(`#list a.btn`)
			p.Wait(allCards + " === 40")
			continue
		}
		for _, status := range Eval[[]string](p, `[...document.querySelectorAll('[data-testid="container-card"]')].map(c => c.dataset.status)`) {
			if tile != "total" && status != tile {
				t.Errorf("the tile %s shows a container that is %s", tile, status)
			}
		}
	}
	if got := Eval[string](p, `location.search`); got != "" {
		t.Errorf("all containers are at %q, want no parameters", got)
	}
}

// card is what a card says of its container.
type cardText struct {
	Name, Status, Memory string
	Tags                 []string
}

const cardTexts = `[...document.querySelectorAll('[data-testid="container-card"]')].map(c => ({ name: c.dataset.name, status: c.dataset.status,
	memory: c.querySelectorAll('dd[title]')[1].title, tags: [...c.querySelectorAll('.chip')].map(e => e.innerText) }))`

func typedQueryFilters(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/")
	p.Wait(allCards + " === 40")
	Eval[bool](p, `window.notReloaded = true`)
	var want []string
	for _, c := range Eval[[]cardText](p, cardTexts) {
		if c.Status == "running" && !slices.Contains(c.Tags, "media") {
			want = append(want, c.Name)
		}
	}
	p.Press("/")
	p.Press("-tag:media mem>1M ip:10.0.3.0/24") // addresses come in one by one
	p.Wait(allCards + ` > 0 && location.search.includes("24") && [...document.querySelectorAll('[data-testid="container-card"]')].every(c => /\b10\.0\.3\.\d+/.test(c.innerText))`)
	const query = "-tag:media mem>1M -ip:198.51.100.0/24"
	Eval[bool](p, `!document.querySelector('#q').select()`)
	p.Press(query)
	p.Wait(fmt.Sprintf(`%s === %d`, allCards, len(want)))
	if diff := cmp.Diff(want, p.Names()); diff != "" {
		t.Errorf("what %s shows: %s", query, diff)
	}
	p.Wait(`new URLSearchParams(location.search).get("q") === ` + quoted(query))
	if got, want := Eval[string](p, `document.querySelector('#matching').innerText`), fmt.Sprintf("%d of 40 containers", len(want)); got != want {
		t.Errorf("the page says %q, want %q", got, want)
	}
	if !Eval[bool](p, `window.notReloaded === true && document.activeElement.id === "q"`) {
		t.Error("the page was reloaded, or the field lost the focus")
	}
	again := b.signIn(t, Desktop, Eval[string](p, `location.pathname + location.search`))
	again.Wait(fmt.Sprintf(`%s === %d`, allCards, len(want)))
	if got := Eval[string](again, `document.querySelector('#q').value`); got != query {
		t.Errorf("the same address opens with %q in the field, want %q", got, query)
	}
}

func badQueryPointsAtItsPlace(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/?q=tag:media")
	p.Wait(allCards + ` > 0`)
	before := p.Names()
	p.Click("#q")
	p.Press(kb.End)
	p.Paste(" colour:red")
	p.Wait(queryProblem + ` !== ''`)
	if got := p.Texts("#query-problem mark"); !cmp.Equal(got, []string{"colour"}) {
		t.Errorf("the message points at %q, want colour", got)
	}
	if !Eval[bool](p, `document.querySelector('#q').getAttribute("aria-invalid") === "true"`) {
		t.Error("the field is not marked as invalid")
	}
	if diff := cmp.Diff(before, p.Names()); diff != "" {
		t.Errorf("the list did not keep its last good result: %s", diff)
	}
	Eval[bool](p, `!document.querySelector('#q').setSelectionRange("tag:".length, 99)`)
	p.Paste("home")
	p.Wait(queryProblem + ` === '' && document.querySelector('#q').getAttribute("aria-invalid") === "false" && location.search === "?q=tag%3Ahome"`)
	if after := p.Names(); cmp.Equal(before, after) || len(after) == 0 {
		t.Errorf("the repaired query shows %q", after)
	}
}

func completionWithTheKeyboard(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/")
	p.Wait(allCards + " === 40")
	p.Press("/")
	p.Press("ta")
	p.Wait(`document.querySelector('#completions [role=option]')?.innerText.startsWith("tag")`)
	p.Press(kb.ArrowDown)
	if got := Eval[string](p, `document.getElementById(document.querySelector('#q').getAttribute("aria-activedescendant")).dataset.text`); got != "tag:" {
		t.Errorf("the first suggestion is %q, want tag:", got)
	}
	p.Press(kb.Enter)
	p.Wait(`document.querySelector('#q').value === "tag:" && document.querySelectorAll('#completions [role=option]').length > 4`)
	p.Press("med")
	p.Wait(`document.querySelectorAll('#completions [role=option]').length === 1`)
	p.Press(kb.ArrowDown + kb.Tab)
	p.Wait(`document.querySelector('#q').value === "tag:media" && document.querySelector('#completions').hidden`)
	p.Wait(`location.search === "?q=tag%3Amedia" && ` + allCards + ` < 40 && ` + allCards + ` > 0`)
	if got := Eval[string](p, `document.activeElement.id`); got != "q" {
		t.Errorf("the focus is on %q, want the field", got)
	}
}

func escapeLeavesTheSearch(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/")
	p.Wait(allCards + " === 40")
	p.Press("/")
	p.Press("st")
	p.Wait(`!document.querySelector('#completions').hidden && document.querySelector('#q').ariaExpanded === "true"`)
	p.Press(kb.Escape)
	p.Wait(`document.querySelector('#completions').hidden && document.querySelector('#q').ariaExpanded === "false"`)
	if got := Eval[string](p, `document.activeElement.id + document.activeElement.value`); got != "qst" {
		t.Errorf("after Escape the focus and text are %q, want them kept", got)
	}
	p.Press(kb.Escape)
	p.Wait(`document.activeElement === document.body`)
}

func TestClusterWithoutContainersSaysSo(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: -1})
	p := b.SignIn(Desktop, "/")
	p.Wait(`document.querySelector('#list').innerText.includes("No containers yet")`)
}

func TestRetryAsksAClusterThatIsDown(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: 3})
	p := b.SignIn(Desktop, "/")
	p.Wait(allCards + " === 3")
	b.Sim.Fail(pvesim.Fault{Path: "/cluster/resources", Status: 500, Reason: "the cluster is tired"})
	p.Wait(`document.querySelector('#banners').innerText.includes("Cluster home does not answer.")`)
	p.Click(`#banners button`) // before it is well again, when there is nothing to click any more
	p.Wait(`performance.getEntriesByType("resource").some(e => new URL(e.name).pathname === "/refresh" && e.responseStatus === 204)`)
	b.Sim.ClearFaults()
	p.Wait(`document.querySelector('#banners').innerText === '' && document.querySelectorAll('[data-status="unknown"]').length === 0`)
}

func TestStatusesOfBerthsOwnHaveTiles(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: 3})
	clusters, err := b.App.Store.Clusters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for vmid, lifecycle := range map[int]berth.Lifecycle{101: berth.LifecycleError, 900: berth.LifecycleCreating} {
		tracked := store.Tracked{ClusterID: clusters[0].ID, VMID: vmid, Node: "pve1", Hostname: "own", Lifecycle: lifecycle}
		if _, err := b.App.Store.Track(t.Context(), tracked); err != nil {
			t.Fatal(err)
		}
	}
	b.Restart()
	p := b.SignIn(Desktop, "/")
	for _, status := range []string{"creating", "error"} {
		tile := fmt.Sprintf(`[data-testid="summary-%s"]`, status)
		p.Wait(fmt.Sprintf(`document.querySelector('%s')?.textContent === "1"`, tile))
		p.Click("a.tile:has(" + tile + ")")
		p.Wait(fmt.Sprintf(`%s === 1 && document.querySelector('[data-testid="container-card"][data-status="%s"]')`, allCards, status))
	}
	p.Wait(`document.querySelector('#list').innerText.includes("Proxmox VE says running")`)
}
