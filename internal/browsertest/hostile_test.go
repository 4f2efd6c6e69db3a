package browsertest

import (
	"fmt"
	"testing"
	"time"

	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// Names and tags that Proxmox VE would refuse, as an edited file on a node holds them.
func TestHostileTextIsText(t *testing.T) {
	t.Parallel()
	b := startBusy(t, storetest.Options(t, storetest.SQLite), often, pvesim.Options{Containers: 3})
	const evil = `<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>"\'><hx-partial hx-target="body">gone</hx-partial>`
	p := b.SignIn(Desktop, "/")
	p.Wait(allCards + " === 3")
	for key, value := range map[string]string{"hostname": evil, "tags": evil} { // by an update of the stream
		if err := b.Sim.SetConfig(101, key, value); err != nil {
			t.Fatal(err)
		}
	}
	p.Wait(`document.querySelector('[data-vmid="101"] .card-link')?.innerText === ` + quoted(evil))
	for _, path := range []string{"/", "/containers?layout=table&columns=tags", "/?group=tag", "/containers/home:101", "/?q=" + "%3Cimg"} {
		p.Goto(b.App.URL() + path)
		p.Wait(`document.querySelector('#list').innerText.includes("window.hurt=1")`)
		checkUnhurt(t, p, path)
	}
	p.Press("/")
	p.Press("tag:")
	p.Wait(`document.querySelector('#completions').innerText.includes("onerror")`)
	p.Click("[data-open-palette]")
	p.Press("101")
	p.Wait(`document.querySelector('#palette').innerText.includes("onerror")`)
	checkUnhurt(t, p, "completion and palette")
}

// The page of a container has texts of others in its notes and configuration.
func TestHostileTextOnThePageOfAContainer(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: 3})
	const evil = `<img src=x onerror="window.hurt=1"> [x](javascript:window.hurt=1) https://x.example/"onmouseover="window.hurt=1 <script>window.hurt=1</script>`
	for _, key := range []string{"hostname", "tags", "description", "nameserver", "searchdomain"} {
		if err := b.Sim.SetConfig(101, key, evil); err != nil {
			t.Fatal(err)
		}
	}
	p := b.SignIn(Desktop, "/containers/home:101")
	p.Wait(`document.querySelector('[data-testid="notes"]')?.innerText.includes("window.hurt=1")`)
	checkUnhurt(t, p, "overview")
	if Eval[bool](p, `[...document.querySelectorAll('[data-testid="notes"] a')].some((a) => !/^https?:/.test(a.href) || a.hasAttribute("onmouseover"))`) {
		t.Error("a link of the notes leads elsewhere than to a web address")
	}
	p.Goto(b.App.URL() + "/containers/home:101/config")
	p.Wait(`document.querySelector('[data-testid="config-facts"]')?.innerText.includes("window.hurt=1")`)
	checkUnhurt(t, p, "configuration")
	p.Tap(`[data-testid="order-edit"]`)
	p.Wait(`document.querySelector('#sheet [name="set.searchdomain"]')?.value.includes("window.hurt=1")`)
	checkUnhurt(t, p, "dialog of the configuration")
	for _, tab := range []string{"events", "snapshots", "backups"} {
		p.Goto(b.App.URL() + "/containers/home:101/" + tab)
		p.Wait(`document.querySelector('#list').innerText.includes("window.hurt=1") && !document.querySelector('#tab [aria-busy]')`)
		checkUnhurt(t, p, tab)
	}
}

func checkUnhurt(t *testing.T, p *Page, where string) {
	t.Helper()
	if Eval[bool](p, `!!window.hurt || !!document.querySelector('img[onerror], hx-partial, body script, #list script')`) {
		t.Errorf("%s: text of a container became markup", where)
	}
}

// What a task says goes through job, log, toast, lists and history.
func TestHostileTextOfTasksIsText(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: 6, TaskTime: 100 * time.Millisecond})
	c := idleTargets(b, 1)[0]
	p := b.signInOperator(t, "anna", c.numbered("/?q=vmid:VMID"))
	p.Wait(scriptRuns)
	b.Sim.Fail(pvesim.Fault{Task: "vzstop", Times: 1, Reason: evilText})
	way{open: fromSheet}.do(p, c, deed{name: "stop"}, true)
	p.Wait(`document.querySelector('[data-toast="error"]')?.innerText.includes("onerror")`)
	checkUnhurt(t, p, "toast")
	p.Click(`[data-toast="error"] a`)
	p.Wait(`document.querySelector('#job-log')?.innerText.includes("onerror") && document.querySelector('#job').innerText.includes("onerror")`)
	checkUnhurt(t, p, "job")
	for _, path := range []string{"/jobs", "/jobs?show=failed", "/audit", fmt.Sprintf("/audit?q=home:%d", c.vmid)} {
		p.Goto(b.App.URL() + path)
		p.Wait(`document.querySelector('main').innerText.includes("onerror")`)
		checkUnhurt(t, p, path)
	}
}
