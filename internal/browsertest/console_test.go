package browsertest

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"berth"
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
		viewer.Wait(`document.querySelector('[data-testid="console-refused"]')?.innerText.includes("it takes the role operator") && !document.querySelector('#console')`)
		viewer.Goto(b.App.URL() + c.numbered("/containers/home:VMID/events"))
		viewer.Wait(`document.querySelector('[data-testid="tab-refused"][aria-disabled]')?.title.includes("it takes the role operator")`)
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

// What runs in a console goes on while nobody can reach it, and is there again afterwards.
func TestConsoleHealsAfterACut(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few})
	c := idleTargets(b, 1)[0]
	b.rootConsole(c.vmid)
	wire := newWire(t, strings.TrimPrefix(b.App.URL(), "http://"))
	p := Open(t, Desktop, strings.Replace(b.SignInLink(berth.RoleAdmin), b.App.URL(), "http://"+wire.addr, 1)+c.numbered("&next=/containers/home:VMID/console"))
	p.Wait(consoleOpen + ` && ` + consoleShows("# "))
	p.command("echo before-$((1+1))", "before-2")
	p.Press("sleep 1; echo meanwhile-$((1+1))" + kb.Enter)
	p.Wait(consoleShows("sleep 1"))
	wire.cut()
	p.Wait(`document.querySelector('#console').dataset.state === "connecting" && document.querySelector('[data-console-state]').innerText.includes("trying again")`)
	other := b.SignIn(Desktop, c.numbered("/containers/home:VMID/console")) // not over the wire
	other.Wait(consoleShows("meanwhile-2"))
	wire.mend()
	p.Wait(consoleOpen + ` && ` + consoleShows("before-2") + ` && ` + consoleShows("meanwhile-2"))
	p.command("echo after-$((1+1))", "after-2")

	b.stop()
	other.Wait(`document.querySelector('#console').dataset.state === "connecting"`)
	b.Sim.Fail(pvesim.Fault{Path: "/cluster/resources", Drop: true})
	b.start()
	other.Wait(`document.querySelector('#console').dataset.state === "broken" && document.querySelector('[data-console-state]').innerText.includes("does not answer. Trying again")`)
	b.Sim.ClearFaults()
	other.Wait(consoleOpen)
	other.command("echo again-$((1+1))", "again-2")
}

func TestConsolePastesAndCopies(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few})
	c := idleTargets(b, 1)[0]
	b.rootConsole(c.vmid)
	p := b.signInOperator(t, "anna", c.numbered("/containers/home:VMID/console"))
	p.Wait(consoleOpen + ` && ` + consoleShows("# "))
	Eval[bool](p, `(() => {
		const data = new DataTransfer();
		data.setData("text/plain", "echo pasted-$((1+1))\n");
		return document.querySelector('.xterm-helper-textarea').dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
	})()`)
	p.Wait(consoleShows("pasted-2"))
	Eval[bool](p, `(navigator.clipboard.writeText = async (text) => { window.copied = text; }, true)`)
	at := Eval[[2]float64](p, `(() => {
		const row = [...document.querySelector('.xterm-rows').children].find(e => e.innerText.trim() === "pasted-2");
		const r = row.getBoundingClientRect();
		return [r.left + 20, r.top + r.height / 2];
	})()`)
	p.do(chromedp.MouseClickXY(at[0], at[1], chromedp.ClickCount(2)))
	p.Press("C", chromedp.ModifierCtrl, chromedp.ModifierShift)
	p.Wait(`window.copied === "pasted-2"`)
}
