package browsertest

import (
	"testing"

	"github.com/chromedp/chromedp/kb"

	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// consoleText is what the terminal shows, with what has scrolled out of sight.
const consoleText = `(document.querySelector('.xterm-rows')?.innerText ?? "")`

func consoleShows(text string) string { return consoleText + `.includes(` + quoted(text) + `)` }

const consoleOpen = `document.querySelector('#console')?.dataset.state === "open"`

// rootConsole makes the console of the container a root shell.
func (b *Berth) rootConsole(vmid int) {
	b.t.Helper()
	if err := b.Sim.SetConfig(vmid, "cmode", "shell"); err != nil {
		b.t.Fatal(err)
	}
}

// command types a line into the terminal, and waits for what it says.
func (p *Page) command(line, says string) {
	p.t.Helper()
	p.Press(line + kb.Enter)
	p.Wait(consoleShows(says))
}

func TestConsole(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{})
	c := idleTargets(b, 1)[0]
	b.rootConsole(c.vmid)
	anna := b.signInOperator(t, "anna", c.numbered("/containers/home:VMID"))
	anna.Wait(scriptRuns)
	anna.Click(`[data-testid="link-square-terminal"]`)
	anna.Wait(consoleOpen + ` && ` + consoleShows("# "))
	anna.command("echo hello-$((40+2))", "hello-42")

	t.Run("has the size of the window", func(t *testing.T) {
		before := Eval[string](anna, `document.querySelector('.xterm-rows').children.length + ""`)
		anna.setLook(Look{Width: 800, Height: 700})
		anna.Wait(`document.querySelector('.xterm-rows').children.length !== ` + before)
		anna.Press("clear; stty size" + kb.Enter)
		anna.Wait(`(() => { const rows = document.querySelector('.xterm-rows').children.length; return new RegExp("(^|\\n)" + rows + " \\d+").test(` + consoleText + `) })()`)
	})
	t.Run("is there after a reload", func(t *testing.T) {
		anna.command("echo before-$((1+1))", "before-2")
		anna.Goto(b.App.URL() + c.numbered("/containers/home:VMID/console"))
		anna.Wait(consoleOpen + ` && ` + consoleShows("before-2"))
		anna.command("echo after-$((1+1))", "after-2")
	})
	t.Run("is shared", func(t *testing.T) {
		bert := b.signInOperator(t, "bert", c.numbered("/containers/home:VMID/console"))
		bert.Wait(consoleOpen + ` && ` + consoleShows("after-2"))
		anna.Wait(`document.querySelector('[data-console-state]').innerText.includes("anna, bert")`)
		bert.command("echo by-$((7*1))-bert", "by-7-bert")
		anna.Wait(consoleShows("by-7-bert"))
	})
	t.Run("is not for viewers", func(t *testing.T) {
		viewer := b.signInAs(t, "vera", c.numbered("/containers/home:VMID/console"))
		viewer.Wait(`document.body.innerText.includes("This needs the role operator")`)
		if !Eval[bool](viewer, `new Promise(done => { const s = new WebSocket("`+c.numbered(`/containers/home:VMID/console/socket`)+`"); s.onopen = () => done(false); s.onclose = () => done(true) })`) {
			t.Error("the websocket lets a viewer in")
		}
	})
	t.Run("is in the history", func(t *testing.T) {
		events, err := b.App.Store.Events(t.Context(), store.EventFilter{Action: "container.console-open"}, "", 10)
		if err != nil || len(events) != 2 || events[1].Actor != "anna" || events[0].Actor != "bert" {
			t.Errorf("the history has %+v, %v; want that anna and bert opened the console, once each", events, err)
		}
	})
	t.Run("ends with the container, and says why it does not open again", func(t *testing.T) {
		anna.Goto(b.App.URL() + c.numbered("/containers/home:VMID/console"))
		anna.Wait(consoleOpen)
		other := b.SignIn(Desktop, c.numbered("/containers/home:VMID"))
		other.Wait(scriptRuns)
		way{open: fromSheet}.do(other, c, deed{name: "stop"}, true)
		anna.Wait(`document.querySelector('#console').dataset.state === "ended" && ` + consoleShows("EOF"))
		other.Wait(`document.querySelector('[data-testid="container-detail"]').dataset.status === "stopped"`)
		anna.Click(`[data-console-again]`)
		anna.Wait(`document.querySelector('[data-console-state]').innerText.includes("is stopped: a console needs a running container")`)
		anna.Goto(b.App.URL() + c.numbered("/containers/home:VMID/console"))
		anna.Wait(`document.body.innerText.includes("Start it first")`)
	})
}
