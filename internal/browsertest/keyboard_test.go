package browsertest

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

func TestKeyboard(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{})
	for name, check := range map[string]func(*testing.T, *Berth){
		"from the search to a container":         searchToContainer,
		"arrows and letters walk the cards":      arrowsWalkTheCards,
		"the palette finds and opens":            paletteFinds,
		"a command of the palette changes theme": paletteChangesTheme,
		"g n, g d and ?":                         goAndHelp,
		"typing anywhere searches":               typingSearches,
		"a range is selected with shift":         rangeIsSelected,
		"all that match are selected":            allThatMatchAreSelected,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, b)
		})
	}
}

// searchToContainer goes all the way on a small dark screen, without a mouse.
func searchToContainer(t *testing.T, b *Berth) {
	p := b.signIn(t, Look{Width: 390, Height: 844, Dark: true}, "/")
	p.Wait(allCards + " === 40")
	p.Press("/")
	p.Press("mari")
	p.Wait(allCards + ` === 1`)
	p.Press(kb.ArrowDown)
	p.Wait(`document.activeElement.matches('a.card-link') && document.activeElement.innerText === "mariadb"`)
	p.Press(kb.Enter)
	p.Wait(`document.querySelector('[data-testid="container-detail"] h1')?.innerText === "mariadb"`)
	if wide := Eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
		t.Errorf("the page is %d px wider than the screen", wide)
	}
}

const focusedCard = `[...document.querySelectorAll('#list [data-key]')].findIndex(e => e.contains(document.activeElement))`

func arrowsWalkTheCards(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/")
	p.Wait(allCards + " === 40 && " + scriptRuns)
	perRow := Eval[int](p, `getComputedStyle(document.querySelector('#cards')).gridTemplateColumns.split(" ").length`)
	for _, step := range []struct {
		key  string
		want int
	}{{"j", 0}, {"j", 1}, {"k", 0}, {kb.ArrowRight, 1}, {kb.ArrowDown, 1 + perRow}, {kb.ArrowDown, 1 + 2*perRow}, {kb.ArrowUp, 1 + perRow}, {kb.ArrowLeft, perRow}, {"k", perRow - 1}} {
		p.Press(step.key)
		if got := Eval[int](p, focusedCard); got != step.want {
			t.Fatalf("after %q card %d has the focus, want %d", step.key, got, step.want)
		}
	}
}

// scriptRuns is true once the page's own script has run.
const scriptRuns = `document.readyState === "complete"`

func paletteFinds(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/nodes")
	p.Wait(scriptRuns)
	p.Press("k", chromedp.ModifierCtrl)
	p.Wait(`document.querySelector('#palette').open`)
	p.Press("vaultw")
	p.Wait(`document.querySelectorAll('#palette [role=option]').length === 1 && document.querySelector('#palette [aria-selected=true]').innerText.includes("vaultwarden")`)
	p.Press(kb.Enter)
	p.Wait(`document.querySelector('[data-testid="container-detail"] h1')?.innerText === "vaultwarden"`)
}

func paletteChangesTheme(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/")
	p.Wait(scriptRuns)
	if got := Eval[string](p, `getComputedStyle(document.documentElement).colorScheme`); got != "light" {
		t.Fatalf("the page begins %s, want light", got)
	}
	p.Press("k", chromedp.ModifierCtrl)
	p.Press("theme")
	p.Wait(`document.querySelectorAll('#palette [role=option]').length === 2`)
	p.Press(kb.ArrowDown)
	p.Wait(`document.getElementById(document.querySelector('#palette input').getAttribute("aria-activedescendant")).innerText.includes("Dark")`)
	p.Press(kb.Enter)
	p.Wait(`!document.querySelector('#palette').open && getComputedStyle(document.documentElement).colorScheme === "dark"`)
}

func goAndHelp(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/")
	p.Wait(scriptRuns)
	p.Press("?")
	p.Wait(`document.querySelector('#keys').open && document.querySelector('#keys').innerText.includes("Go to the nodes")`)
	p.Press(kb.Escape)
	p.Wait(`!document.querySelector('#keys').open`)
	p.Press("gn")
	p.Wait(`location.pathname === "/nodes" && ` + scriptRuns)
	p.Press("gd")
	p.Wait(`location.pathname === "/" && ` + allCards + ` === 40`)
}

func typingSearches(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/")
	p.Wait(scriptRuns)
	p.Press("red")
	p.Wait(`document.querySelector('#q').value === "red" && location.search === "?q=red"`)
	if diff := cmp.Diff([]string{"node-red", "redis"}, p.Names()); diff != "" {
		t.Errorf("typing red shows: %s", diff)
	}
}

const selectedNames = `[...document.querySelectorAll('#list [data-selected]')].map(e => e.dataset.name)`

func nthBox(n int) string { return fmt.Sprintf(`#cards > li:nth-child(%d) [data-select]`, n) }

func rangeIsSelected(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/")
	p.Wait(allCards + " === 40 && " + scriptRuns)
	names := p.Names()
	p.ClickWith(nthBox(3))
	p.ClickWith(nthBox(7), chromedp.ModifierShift)
	if diff := cmp.Diff(names[2:7], Eval[[]string](p, selectedNames)); diff != "" {
		t.Errorf("from the third to the seventh: %s", diff)
	}
	p.ClickWith(nthBox(5)) // out of the middle
	p.Wait(`document.querySelector('[data-bulk-count]').innerText === "4 selected"`)
	if got := Eval[string](p, `location.pathname`); got != "/" {
		t.Errorf("selecting led to %s", got)
	}
	p.Press(kb.Escape)
	p.Wait(`document.querySelector('#bulk').hidden && ` + selectedNames + `.length === 0 && document.querySelectorAll('[data-select]:checked').length === 0`)
	p.Goto(b.App.URL() + "/")
	p.Wait(allCards + " === 40 && " + scriptRuns)
	p.Press("jjx") // the second with the keyboard, then with Shift up to the fourth
	p.Press("jj")
	p.Press("X", chromedp.ModifierShift)
	if diff := cmp.Diff(names[1:4], Eval[[]string](p, selectedNames)); diff != "" {
		t.Errorf("the second to the fourth: %s", diff)
	}
}

func allThatMatchAreSelected(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/?q=status:running")
	p.Wait(allCards + ` > 0 && ` + scriptRuns)
	p.ClickWith(nthBox(1))
	p.Click("[data-bulk-all]")
	count := len(p.Names())
	p.Wait(fmt.Sprintf(`document.querySelector('[data-bulk-count]').innerText === "All %d that match are selected" && %s.length === %[1]d`, count, selectedNames))
	p.ClickWith(nthBox(2)) // all but one
	p.Wait(fmt.Sprintf(`document.querySelector('[data-bulk-count]').innerText === "%d selected"`, count-1))
	p.Click("[data-bulk-clear]")
	p.Wait(`document.querySelector('#bulk').hidden`)
}
