package browsertest

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// hostileOutput is what a program in a container may say to a terminal, each before a mark by which the test knows that it
// has arrived: titles, links, writing to the clipboard, questions whose answers would be typed into the shell, sizes, markup.
var hostileOutput = map[string]string{
	"title":      `\033]0;HURT\007\033]2;HURT\033\\\033]1;HURT\007`,
	"link":       `\033]8;;javascript:window.hurt=1\033\\click\033]8;;\033\\ http://evil.example/HURT`,
	"clipboard":  `\033]52;c;SFVSVA==\007\033]52;c;?\007`,
	"attributes": `\033[c\033[>c\033[=c\033Z`,
	"status":     `\033[5n\033[6n\033[?6n\033[?15n\033[?25n`,
	"modes":      `\033[?1$p\033[4$p\033P$qm\033\\\033P$q"p\033\\`,
	"window":     `\033[14t\033[18t\033[21t\033[8;3;3t\033[22t`,
	"colours":    `\033]4;1;?\007\033]10;?\007\033]11;?\033\\\033]12;?\007`,
	"version":    `\033[>q\033[?u\033P+q544e\033\\`,
	"markup":     `<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>`,
	"unfinished": `\033]0;HURT\033[38;2;1;2;3mcolour\033[0m\033P1;2`,
}

func TestHostileOutputOfAConsoleDoesNothing(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few})
	c := idleTargets(b, 1)[0]
	b.rootConsole(c.vmid)
	p := b.signInOperator(t, "anna", c.numbered("/containers/home:VMID/console"))
	p.Wait(consoleOpen + ` && ` + consoleShows("# "))
	title := Eval[string](p, `document.title`)
	Eval[bool](p, `(() => {
		window.typed = [];
		const send = WebSocket.prototype.send;
		WebSocket.prototype.send = function (what) { if (typeof what !== "string") window.typed.push(new TextDecoder().decode(what)); return send.call(this, what); };
		navigator.clipboard.writeText = async () => { window.hurt = "clipboard"; };
		document.execCommand = () => { window.hurt = "copy"; };
		window.open = () => { window.hurt = "open"; };
		return true;
	})()`)
	for name, output := range hostileOutput {
		p.Paste(`printf '` + output + `'; printf '\033\\\nmark-%s\n' ` + name)
		p.Press(kb.Enter)
		p.Wait(consoleShows("\nmark-" + name))
		if got := Eval[[]string](p, `window.typed.splice(0)`); len(got) != 2 || got[1] != "\r" {
			t.Errorf("%s: the terminal typed %q by itself", name, got[1:])
		}
	}
	if got := Eval[string](p, `document.title`); got != title {
		t.Errorf("the title of the page became %q", got)
	}
	if Eval[bool](p, `!!window.hurt || !!document.querySelector('#console a, #console img, #console script')`) {
		t.Errorf("output did %v", Eval[any](p, `window.hurt ?? "make an element"`))
	}
}

// A terminal that says more than a browser can show at once stays usable, and so does what is kept of it.
func TestConsoleSurvivesAFlood(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few})
	c := idleTargets(b, 1)[0]
	b.rootConsole(c.vmid)
	p := b.signInOperator(t, "anna", c.numbered("/containers/home:VMID/console"))
	p.Wait(consoleOpen + ` && ` + consoleShows("# "))
	p.command("seq 1 800000; echo flood-$((1+1))", "flood-2") // 6 MB
	p.command("echo and-$((1+1))", "and-2")
	p.Goto(b.App.URL() + c.numbered("/containers/home:VMID/console"))
	p.Wait(consoleOpen + ` && ` + consoleShows("and-2") + ` && ` + consoleShows("800000"))
}

func TestHostileNameOnTheConsolePageIsText(t *testing.T) {
	t.Parallel()
	b := startBusy(t, storetest.Options(t, storetest.SQLite), often, pvesim.Options{Containers: 3})
	p := b.SignIn(Desktop, "/")
	p.Wait(allCards + " === 3")
	if err := b.Sim.SetConfig(101, "hostname", evilText); err != nil {
		t.Fatal(err)
	}
	p.Wait(`document.querySelector('[data-vmid="101"] .card-link')?.innerText === ` + quoted(evilText))
	p.Goto(b.App.URL() + "/containers/home:101/console")
	p.Wait(fmt.Sprintf(`document.querySelector('h1').innerText === %s && document.title === %s`, quoted(evilText), quoted("Console of "+evilText+" · Berth")))
	checkUnhurt(t, p, "console page")
}
