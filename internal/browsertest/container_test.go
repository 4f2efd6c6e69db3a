package browsertest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// The charts have the figures of Proxmox and go on with what Berth reads while somebody looks; a drag zooms into them, and the
// table has the same.
func TestChartsOfAContainer(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few})
	p := b.SignIn(Desktop, "/?q=status:running")
	vmid := idle(p, "running")
	p.Goto(b.App.URL() + fmt.Sprintf("/containers/home:%d", vmid))
	p.Wait(`Number(document.querySelector('#charts').dataset.points) > 30`)
	begun := Eval[int](p, `Number(document.querySelector('#charts').dataset.points)`)
	p.Wait(fmt.Sprintf(`Number(document.querySelector('#charts').dataset.points) > %d`, begun+1))
	p.dragAcross(`[data-chart="cpu"] .u-over`, 0.2, 0.6)
	p.Wait(`document.querySelector('#charts').dataset.from`)
	from, to := Eval[int](p, `Number(document.querySelector('#charts').dataset.from)`), Eval[int](p, `Number(document.querySelector('#charts').dataset.to)`)
	if width := to - from; width < 600 || width > 2400 {
		t.Errorf("a drag over two fifths of an hour shows %d s", width)
	}
	p.Click("[data-zoom-out]")
	p.Wait(`!document.querySelector('#charts').dataset.from && document.querySelector('[data-zoom-out]').hidden`)
	p.Click(`[data-chart-table] summary`)
	p.Wait(`document.querySelectorAll('.figures-table tbody tr').length > 30`)
	for _, span := range []string{"year", "month", "week", "day"} {
		p.Click(`[data-span="` + span + `"]`)
		p.Wait(`document.querySelector('#charts').dataset.span === "` + span + `" && document.querySelectorAll('.figures-table tbody tr').length > 20`)
	}
	t.Run("cost nothing while nobody sees them", func(t *testing.T) {
		Eval[bool](p, `(() => {
			const fetch = window.fetch;
			window.asked = window.underWay = 0;
			window.fetch = (...all) => (window.asked++, window.underWay++, fetch(...all).finally(() => window.underWay--));
			return true;
		})()`)
		p.Wait(`window.asked > 0`)
		hide(p, true)
		p.Wait(`window.underWay === 0`)
		Eval[bool](p, `(window.before = window.asked, window.turns = 0, setInterval(() => window.turns++, 2000), true)`)
		p.Wait(`window.turns === 2`) // as often as a page that is seen would have asked
		if asked := Eval[int](p, `window.asked - window.before`); asked != 0 {
			t.Errorf("the hidden page asked %d times", asked)
		}
		hide(p, false)
		p.Wait(`window.asked > window.before`)
	})
}

func (p *Page) dragAcross(selector string, from, to float64) {
	p.t.Helper()
	box := Eval[struct{ X, Y, Width, Height float64 }](p, `(() => { const e = document.querySelector(`+quoted(selector)+`); e.scrollIntoView({block: "center"}); const b = e.getBoundingClientRect(); return {X: b.x, Y: b.y, Width: b.width, Height: b.height} })()`)
	y := box.Y + box.Height/2
	at := func(f float64) float64 { return box.X + f*box.Width }
	p.do(chromedp.MouseEvent("mouseMoved", at(from), y))
	p.do(chromedp.MouseEvent("mousePressed", at(from), y, chromedp.ButtonLeft))
	for _, f := range []float64{from + (to-from)/3, from + (to-from)*2/3, to} {
		p.do(chromedp.MouseEvent("mouseMoved", at(f), y, chromedp.ButtonLeft))
	}
	p.do(chromedp.MouseEvent("mouseReleased", at(to), y, chromedp.ButtonLeft))
}

// Events come while one looks, and can be narrowed to a kind.
func TestEventsOfAContainer(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few, TaskTime: 100 * time.Millisecond})
	c := idleTargets(b, 1)[0]
	p := b.signInOperator(t, "anna", c.numbered("/containers/home:VMID/events"))
	p.Wait(scriptRuns)
	p.Wait(`document.querySelector('#timeline')`)
	p.Click(`[data-sheet$="/actions"]`)
	p.Wait(`document.querySelector('#sheet [data-sheet$="/stop"]')`)
	p.Tap(`#sheet [data-sheet$="/stop"]`)
	p.Wait(`document.querySelector('[data-testid="confirm"]')`)
	p.Tap(`[data-testid="confirm"]`)
	p.Wait(`document.querySelector('[data-testid="event"]')?.innerText.includes("anna stopped")`)
	p.Tap(`[data-testid="event"] summary`)
	Eval[bool](p, `(window.swaps = 0, document.addEventListener("htmx:after:swap", () => window.swaps++), true)`)
	p.Wait(`window.swaps > 1 && document.querySelector('[data-testid="event"] details[open]')`)
	p.Goto(b.App.URL() + c.numbered("/containers/home:VMID/events?kind=snapshots"))
	p.Wait(`document.querySelector('#timeline') && !document.querySelector('#timeline').innerText.includes("anna stopped")`)
	p.Goto(b.App.URL() + c.numbered("/containers/home:VMID/events?kind=power"))
	p.Wait(`document.querySelector('[data-testid="event"]')?.innerText.includes("anna stopped")`)
}

// The page leads to the next one of the list from which somebody came.
func TestNeighboursInTheList(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few})
	p := b.SignIn(Desktop, "/?sort=vmid&q=vmid:101-103")
	p.Wait(allCards + " === 3")
	p.Click(`[data-vmid="102"] .card-link`)
	p.Wait(`document.querySelector('[data-testid="next"]')?.pathname === "/containers/home:103" && document.querySelector('[data-testid="prev"]')?.pathname === "/containers/home:101"`)
	p.Click(`a.tab-link[href*="/events"]`)
	p.Wait(`location.pathname.endsWith("/events") && document.querySelector('[data-testid="next"]')`)
	p.Click(`[data-testid="next"]`)
	p.Wait(`location.pathname === "/containers/home:103" && !document.querySelector('[data-testid="next"]')`)
	p.Press("k")
	p.Wait(`location.pathname === "/containers/home:102"`)
	p.Wait(scriptRuns)
	p.Press("j")
	p.Wait(`location.pathname === "/containers/home:103"`)
	p.Wait(scriptRuns)
	p.Press(".")
	p.Wait(`document.querySelector('#sheet').open`)
}

// Tags are added and removed in the head of the page, with those that others have to choose from.
func TestTagsOfAContainer(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few, TaskTime: 100 * time.Millisecond})
	c := idleTargets(b, 1)[0]
	if err := b.Sim.SetConfig(c.vmid, "tags", "first;second"); err != nil {
		t.Fatal(err)
	}
	p := b.signInOperator(t, "anna", c.numbered("/containers/home:VMID"))
	p.Wait(scriptRuns)
	tags := func(want string) {
		t.Helper()
		p.Wait(`[...document.querySelectorAll('[data-testid="tag"]')].map(e => e.dataset.tag).join() === ` + quoted(want))
	}
	tags("first,second")
	const add = `[data-testid="add-tag"][popovertarget]`
	p.Wait(`document.querySelectorAll('#known-tags option').length > 2`)
	Eval[bool](p, `!document.querySelector('`+add+`').focus()`)
	p.Press(kb.Enter)
	p.Wait(`document.activeElement?.name === "add"`)
	p.Press("-no" + kb.Enter)
	p.Wait(`document.querySelector('#tag-problem').innerText.includes("“-no” cannot be a tag")`)
	p.Press(kb.End + strings.Repeat(kb.Backspace, 3) + "Third" + kb.Enter)
	tags("first,second,third")
	p.Wait(`document.activeElement?.name === "add" && document.activeElement.value === "" && document.querySelector('#tag-problem').innerText === ""`)
	p.Press(kb.Escape)
	p.Wait(`!document.querySelector('#tag-form:popover-open')`)
	p.Tap(`[data-tag="first"] button`)
	tags("second,third")
	p.Wait(`document.activeElement?.dataset.testid === "add-tag"`)
	t.Run("are in the history", func(t *testing.T) {
		p.Goto(b.App.URL() + c.numbered("/containers/home:VMID/events?kind=config"))
		p.Wait(`document.querySelector('[data-testid="event"]')?.innerText.includes("anna")`)
	})
	t.Run("cannot be changed by viewers, who are told why", func(t *testing.T) {
		viewer := b.signInAs(t, "vera", c.numbered("/containers/home:VMID"))
		viewer.Wait(`document.querySelector('[data-testid="add-tag"][aria-disabled]')?.title.includes("it takes the role operator") && !document.querySelector('[data-tag] button, #tag-form')`)
		viewer.Wait(`document.querySelector('[data-testid="do-stop"][aria-disabled]')?.title.includes("it takes the role operator")`)
	})
}

// order opens the dialog of an order within a part of the page and confirms it after act.
func (p *Page) order(within, name string, act func()) {
	p.t.Helper()
	button := within + ` [data-testid="order-` + name + `"]:not([aria-disabled])`
	p.Wait(`document.querySelector(` + quoted(button) + `)`)
	p.Tap(button)
	p.Wait(`document.querySelector('#sheet').open && !document.querySelector('#sheet-body').inert && document.querySelector('#sheet [data-testid="confirm"]')`)
	if act != nil {
		act()
	}
	p.Tap(`#sheet [data-testid="confirm"]`)
	p.Wait(`!document.querySelector('#sheet').open`)
}
