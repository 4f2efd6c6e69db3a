package browsertest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/pve"
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

// hostileWays are ways that have brought scripts onto pages, through escaping, Markdown and filters of HTML.
var hostileWays = []string{
	`<script>window.hurt=1</script>`, `<img src=x onerror="window.hurt=1">`, `<svg/onload=window.hurt=1>`, `<iframe srcdoc="<script>top.hurt=1</script>"></iframe>`,
	`"><script>window.hurt=1</script>`, `' onmouseover='window.hurt=1' x='`, `" autofocus onfocus="window.hurt=1`, `</textarea></script></title><script>window.hurt=1</script>`,
	`[x](javascript:window.hurt=1)`, `[x](&#106;avascript:window.hurt=1)`, `![x](https://evil.example/x.png)`, `https://x.example/"onmouseover="window.hurt=1`,
	`<a href="javascript:window.hurt=1">x</a>`, `<form action="/logout" method="post"><button>x</button></form>`, `<hx-partial hx-target="body">gone</hx-partial>`,
	`<div hx-post="/logout" hx-trigger="load">x</div>`, `<b data-sheet="/logout" data-part="/logout">x</b>`, `{{constructor.constructor('window.hurt=1')()}}`, `${window.hurt=1}`,
	`<meta http-equiv="refresh" content="0;url=https://evil.example">`, `<base href="https://evil.example/">`, `<style>@import "https://evil.example/x.css"</style>`,
}

// The page of a container has texts of others in all that it shows: what the configuration, snapshots, backups and services say.
func TestHostileTextOnThePageOfAContainer(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few, TaskTime: 20 * time.Millisecond})
	c := idleTargets(b, 1)[0]
	b.makeHostile(t, c)
	p := b.SignIn(Desktop, "/containers?layout=table&columns=tags,services,template,pool")
	p.Wait(has("#list", "window.hurt=1"))
	checkUnhurt(t, p, "table")
	postForm(t, b.Client(berth.RoleAdmin), b.App.URL()+c.numbered("/containers/home:VMID/tags"), url.Values{"add": {"more"}}) // Proxmox refuses the others with it
	seen := map[string]bool{}
	evil := func(selector string) string { return has(selector, "window.hurt=1") }
	for _, tab := range []struct{ path, ready string }{
		{"", evil("#about") + ` && ` + evil(`[data-testid="services"]`) + ` && document.querySelector('[data-testid="notes"] p') && document.querySelector('#charts').dataset.points
			&& document.querySelector('[data-testid="service-link"][href^="https://x.example/"]')`},
		{"/events", evil("#timeline")},
		{"/snapshots", evil(`[data-testid="snapshot"]`)},
		{"/backups", evil(`[data-testid="backup"]`)},
		{"/config", evil(`[data-testid="config-facts"]`) + ` && document.querySelector('[data-testid="version"]')`},
		{"/console", consoleOpen},
	} {
		p.Goto(b.App.URL() + c.numbered("/containers/home:VMID") + tab.path)
		p.Wait(evil("h1") + ` && document.title.includes("window.hurt=1") && ` + tab.ready)
		checkUnhurt(t, p, "tab "+tab.path)
		p.lookIntoDialogs(t, seen)
	}
	for _, path := range []string{"/", "/jobs", "/audit"} {
		p.Goto(b.App.URL() + path)
		p.Wait(evil("main"))
		checkUnhurt(t, p, path)
	}
}

// makeHostile puts the ways into every text of a container that others write.
func (b *Berth) makeHostile(t *testing.T, c target) {
	t.Helper()
	if status := postForm(t, b.Client(berth.RoleAdmin), b.App.URL()+c.numbered("/containers/home:VMID/tags"), url.Values{"add": {"tracked"}}); status != http.StatusNoContent {
		t.Fatalf("tagging is answered with %d", status)
	}
	home, err := b.App.Store.ClusterByName(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	tracked, err := b.App.Store.TrackedContainers(t.Context(), home.ID)
	if err != nil || len(tracked) != 1 {
		t.Fatalf("tracked are %v, %v", tracked, err)
	}
	var services []berth.Service
	for i, way := range hostileWays {
		services = append(services, berth.Service{Name: way, Kind: berth.ServiceSystemd, Port: i, Status: berth.ServiceHealthy, WebURL: []string{"javascript:window.hurt=1", "https://x.example/" + way}[i%2]})
	}
	if err := b.App.Store.SaveServices(t.Context(), tracked[0].ID, services); err != nil {
		t.Fatal(err)
	}
	b.Restart() // it looks for services when it starts
	all := strings.Join(hostileWays, " ")
	for key, value := range map[string]string{"hostname": all, "tags": all, "description": strings.Join(hostileWays, "\n\n") + "\n\n" + all, "nameserver": all, "searchdomain": all,
		"rootfs": c.numbered("local-lvm:vm-VMID-disk-0,size=8G")} {
		if err := b.Sim.SetConfig(c.vmid, key, value); err != nil {
			t.Fatal(err)
		}
	}
	node := tracked[0].Node
	b.byRoot(func(root *pve.Client) (pve.UPID, error) {
		return root.CreateSnapshot(t.Context(), node, c.vmid, "before", all)
	})
	b.byRoot(func(root *pve.Client) (pve.UPID, error) {
		return root.Backup(t.Context(), node, pve.BackupRequest{VMIDs: []int{c.vmid}, Storage: "nas", Mode: "snapshot", NotesTemplate: all})
	})
}

// lookIntoDialogs opens every dialog that something on the page opens, but for those that were seen.
func (p *Page) lookIntoDialogs(t *testing.T, seen map[string]bool) {
	t.Helper()
	for _, address := range Eval[[]string](p, `[...new Set([...document.querySelectorAll('main [data-sheet]')].map(e => e.dataset.sheet))]`) {
		if seen[address] {
			continue
		}
		seen[address] = true
		Eval[bool](p, `document.dispatchEvent(new CustomEvent("berth:sheet", { detail: `+quoted(address)+` }))`)
		p.Wait(`document.querySelector('#sheet').open && !document.querySelector('#sheet-body').inert && document.querySelector('#sheet-body').innerText !== ""`)
		checkUnhurt(t, p, "dialog "+address)
		p.Tap(`#sheet [data-close-sheet]`)
		p.Wait(`!document.querySelector('#sheet').open && !document.querySelector('#sheet-body').firstElementChild`)
	}
}

// checkUnhurt looks for what text of others could do: run, become markup, or send for something elsewhere. What the security
// policy of the page had to stop fails the test too, at its end.
func checkUnhurt(t *testing.T, p *Page, where string) {
	t.Helper()
	if found := Eval[[]string](p, `(() => {
		const found = [...document.querySelectorAll('img[onerror], hx-partial, body script, #list script, iframe, object, embed, base, meta[http-equiv], body style:not(#console style), [srcdoc], form[action="/logout"]:not(#user-menu form), [hx-post="/logout"], [data-sheet="/logout"], [data-part="/logout"]')].map(e => e.outerHTML.slice(0, 200));
		for (const e of document.querySelectorAll('body *')) {
			for (const a of e.attributes) if (/^on/i.test(a.name)) found.push(e.tagName + " " + a.name);
			if (/^\s*(javascript|data|vbscript):/i.test(e.getAttribute("href") ?? "")) found.push(e.outerHTML.slice(0, 200));
		}
		for (const e of performance.getEntriesByType("resource")) if (new URL(e.name).host !== location.host) found.push(e.name);
		return window.hurt ? [...found, "it ran"] : found;
	})()`); len(found) > 0 {
		t.Errorf("%s: text of others does something: %q", where, found)
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
