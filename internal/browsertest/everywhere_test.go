package browsertest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// way is where people find the actions on a container.
type way struct {
	path       string // of the page; VMID stands for the number
	open       func(p *Page, c target, d deed)
	asksAlways bool // also before what can do no harm
}

// target is the container that a way is tried on.
type target struct {
	vmid int
	name string
}

// part is a CSS selector of what belongs to the container, on a card, in a row and on its page alike.
func (c target) part(selector string) string {
	return fmt.Sprintf(`[data-vmid="%d"]%s`, c.vmid, selector)
}

// deed is an action, and the request to Proxmox that it takes.
type deed struct {
	name, title  string // in addresses, and on buttons
	method, path string // of the request; VMID stands for the number
	said         string // what the toast begins with; NAME stands for the container
	status       string // afterwards; empty: as before
	then         string // what its actions include afterwards
	asks         bool   // it is confirmed
}

var deeds = []deed{
	{"shutdown", "Shut down", "POST", "/nodes/*/lxc/VMID/status/shutdown", "Shut down NAME", "stopped", "", true},
	{"start", "Start", "POST", "/nodes/*/lxc/VMID/status/start", "Start NAME", "running", "", false},
	{"reboot", "Reboot", "POST", "/nodes/*/lxc/VMID/status/reboot", "Reboot NAME", "running", "", true},
	{"stop", "Stop", "POST", "/nodes/*/lxc/VMID/status/stop", "Stop NAME", "stopped", "", true},
	{"protect", "Protect", "PUT", "/nodes/*/lxc/VMID/config", "Change the protection of NAME", "", "/unprotect", false},
	{"unprotect", "Unprotect", "PUT", "/nodes/*/lxc/VMID/config", "Change the protection of NAME", "", "/protect", false},
	{"autostart", "Autostart", "PUT", "/nodes/*/lxc/VMID/config", "Change the start at boot of NAME", "", "/no-autostart", false},
	{"no-autostart", "No autostart", "PUT", "/nodes/*/lxc/VMID/config", "Change the start at boot of NAME", "", "/autostart", false},
	{"delete", "Delete", "DELETE", "/nodes/*/lxc/VMID", "Delete NAME", "gone", "", true},
}

// fromSheet opens the dialog of all actions and chooses one.
func fromSheet(p *Page, c target, d deed) {
	p.Tap(c.part(` [data-sheet$="/actions"]`))
	choice := `#sheet [data-sheet$="/` + d.name + `"], #sheet [hx-post$="/` + d.name + `"]`
	p.Wait(`document.querySelector('#sheet').open && document.querySelector('` + choice + `')`)
	p.Tap(choice)
}

// usual presses the button of the usual action, and takes the dialog for the others.
func usual(p *Page, c target, d deed) {
	if d.name != "start" && d.name != "shutdown" {
		fromSheet(p, c, d)
		return
	}
	p.Tap(c.part(` [data-sheet$="/` + d.name + `"], ` + c.part(` [hx-post$="/`+d.name+`"]`)))
}

// onPage takes the buttons and switches of the container's own page.
func onPage(p *Page, c target, d deed) {
	switch d.name {
	case "protect", "unprotect", "autostart", "no-autostart":
		p.Tap(`[role="switch"][hx-post$="/` + d.name + `"]`)
	default:
		usual(p, c, d)
	}
}

func fromPalette(p *Page, c target, d deed) {
	p.Tap(`[data-open-palette]`)
	p.Paste(d.title + " " + c.name)
	p.Wait(`document.querySelectorAll('#palette [role=option]').length === 1 && document.querySelector('#palette').innerText.includes(` + quoted(d.title+" "+c.name) + `)`)
	p.Press(kb.Enter)
}

// TestEveryActionFromEverywhere does every action from every place: it is cancelled first, then refused by Proxmox, then
// done.
func TestEveryActionFromEverywhere(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{TaskTime: 100 * time.Millisecond})
	ways := map[string]way{
		"card": {"/?q=vmid:VMID", usual, false}, "row": {"/containers?layout=table&q=vmid:VMID", usual, false},
		"page": {"/containers/home:VMID", onPage, false}, "palette": {"/?q=vmid:VMID", fromPalette, true},
	}
	targets := idleTargets(b, len(ways))
	for name, w := range ways {
		c := targets[0]
		targets = targets[1:]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := b.signInOperator(t, "by-"+name, c.numbered(w.path)) // toasts tell people what they did themselves
			p.Wait(scriptRuns)
			for _, d := range deeds[:6] {
				b.tryDeed(p, w, c, d)
			}
			autostart := deeds[6:8]
			if Eval[bool](p, c.actionsInclude("/no-autostart")) { // it starts at boot already: that is switched off first
				autostart = []deed{deeds[7], deeds[6]}
			}
			for _, d := range append(slices.Clone(autostart), deeds[8]) {
				b.tryDeed(p, w, c, d)
			}
		})
	}
}

// idleTargets gives so many running containers to which everything can be done.
func idleTargets(b *Berth, n int) []target {
	p := b.SignIn(Desktop, "/?q=status:running%20-is:ha%20-is:locked")
	p.Wait(fmt.Sprintf(`document.querySelectorAll('[data-testid="container-card"]').length >= %d`, n))
	var found []target
	for _, vmid := range Eval[[]int](p, `[...document.querySelectorAll('[data-testid="container-card"]')].map(e => Number(e.dataset.vmid))`)[:n] {
		found = append(found, target{vmid, Eval[string](p, fmt.Sprintf(`document.querySelector('[data-vmid="%d"]').dataset.name`, vmid))})
	}
	return found
}

func (c target) numbered(text string) string {
	return strings.ReplaceAll(text, "VMID", fmt.Sprint(c.vmid))
}

// actionsInclude is an expression that is true when the container's dialog of actions has the text.
func (c target) actionsInclude(text string) string {
	return c.numbered(`(() => { const x = new XMLHttpRequest(); x.open("GET", "/containers/home:VMID/actions", false); x.send(); return x.responseText.includes(`) +
		quoted(`/actions`+text+`"`) + `) })()`
}

// tryDeed cancels the action, then has Proxmox refuse it once, then does it.
func (b *Berth) tryDeed(p *Page, w way, c target, d deed) {
	p.t.Helper()
	asks := w.asksAlways || d.asks
	if asks {
		w.open(p, c, d)
		p.Wait(`document.querySelector('#sheet').open && document.querySelector('[data-testid="confirm"]')`)
		p.Tap(`#sheet [data-close-sheet]`)
		p.Wait(`!document.querySelector('#sheet').open`)
	}
	said := strings.ReplaceAll(d.said, "NAME", c.name)
	b.Sim.Fail(pvesim.Fault{Method: d.method, Path: c.numbered(d.path), Times: 1, Status: http.StatusInternalServerError, Reason: "no space left on " + c.name})
	w.do(p, c, d, asks)
	p.toast("error", said, "no space left on "+c.name)
	w.do(p, c, d, asks)
	p.toast("success", said, "done")
	switch d.status {
	case "":
		p.Wait(c.actionsInclude(d.then))
	case "gone":
		p.Wait(`!document.querySelector('` + c.part("") + `')`)
	default:
		p.Wait(`document.querySelector('` + c.part(`[data-status="`+d.status+`"]`) + `')`)
	}
}

// do opens the action and confirms it.
func (w way) do(p *Page, c target, d deed, asks bool) {
	p.t.Helper()
	w.open(p, c, d)
	if asks {
		p.Wait(`document.querySelector('#sheet').open && document.querySelector('[data-testid="confirm"]')`)
		if d.name == "delete" {
			p.Wait(`document.activeElement?.name === "name" && document.querySelector('[data-testid="goes-with"]')`)
			p.Paste(c.name)
		}
		p.Tap(`[data-testid="confirm"]`)
	}
	p.Wait(`!document.querySelector('#sheet').open`)
}

// toast waits for a toast that says both, and dismisses it.
func (p *Page) toast(tone, first, second string) {
	p.t.Helper()
	toast := `[...document.querySelectorAll('[data-toast="` + tone + `"]')].find(e => e.innerText.includes(` + quoted(first) + `) && e.innerText.includes(` + quoted(second) + `))`
	p.Wait(toast)
	Eval[bool](p, `(`+toast+`.querySelector('[data-close-toast]').click(), true)`)
}
