package browsertest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// looked is a page as somebody looks at it.
type looked struct {
	name string
	on   *Berth
	path string
	when string // true once the page is there
	act  func(*Page)
}

// sizes are the screens on which every page must be good.
var sizes = []struct {
	name   string
	look   Look
	always bool // also when no pictures are taken
}{
	{"390", Look{Width: 390, Height: 844, Phone: true, Dark: true}, true},
	{"768", Look{Width: 768, Height: 1024}, false},
	{"1440", Desktop, true},
}

// TestPages opens every page on a dark phone and a light desk: axe finds nothing serious, and nothing is wider than the
// screen. Where BERTH_SCREENSHOTS says it keeps pictures for people to look at, then of every size in both themes.
func TestPages(t *testing.T) {
	t.Parallel()
	pages := pagesToLookAt(t)
	for _, size := range sizes {
		if !size.always && pictures() == "" {
			continue
		}
		t.Run(size.name, func(t *testing.T) {
			t.Parallel()
			var p *Page
			for i, page := range pages {
				switch {
				case i == 0 || page.on != pages[i-1].on:
					p = page.on.signIn(t, size.look, page.path)
				case page.path != pages[i-1].path:
					p.Goto(page.on.App.URL() + page.path)
				default:
					p.Press(kb.Escape) // closes what is open on the same page
				}
				lookAt(t, p, page, size.look, size.name)
			}
			fresh := StartEmpty(t, storetest.Options(t, storetest.SQLite))
			link, err := fresh.App.SetupLink(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			p = Open(t, size.look, link)
			lookAt(t, p, looked{name: "setup", when: `document.body.innerText.includes("Welcome to Berth")`}, size.look, size.name)
			enrol := fresh.signIn(t, size.look, "/account")
			enrol.Click(`[name="password"]`)
			enrol.Paste(goodPassword)
			enrol.Click(`form[action="/account/password"] button`)
			enrol.Wait(`document.querySelector('form[action="/account/second-factor"]')`)
			enrol.Click(`form[action="/account/second-factor"] button`)
			lookAt(t, enrol, looked{name: "second-factor", when: `document.querySelector('[data-testid="seed"]')`}, size.look, size.name)
			proxmox := berth.SignOn{Name: "Proxmox", Issuer: berth.OfCluster("home"), Mapping: map[string]string{"devs": "team"}}
			if err := fresh.App.Store.AddSignOn(t.Context(), testActor, proxmox, ""); err != nil {
				t.Fatal(err)
			}
			p = Open(t, size.look, fresh.App.URL()+"/login")
			lookAt(t, p, looked{name: "login-other", when: `document.querySelector('a[href="/login/sso/Proxmox"]')`}, size.look, size.name)
			p.Click(`a[href="/login/sso/Proxmox"]`)
			lookAt(t, p, looked{name: "login-proxmox", when: `document.querySelector('[name="code"]')`}, size.look, size.name)
			p = Open(t, size.look, pages[0].on.App.URL()+"/login")
			lookAt(t, p, looked{name: "login", when: `document.body.innerText.includes("Sign in to Berth")`}, size.look, size.name)
		})
	}
}

const few = 12 // containers: enough for every kind of element, and quick to check

func pagesToLookAt(t *testing.T) []looked {
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few})
	empty := StartEmpty(t, storetest.Options(t, storetest.SQLite))
	down := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few})
	p := down.SignIn(Desktop, "/")
	p.Wait(allCards + " === 12")
	down.Sim.Stop()
	const allUnknown = `document.querySelectorAll('[data-status="unknown"]').length === 12`
	p.Wait(allUnknown)
	stopped, saved := stopOne(t, b, 0), savedContainer(t, b)
	job := failedStop(t, b)
	bulk := finishedBulk(t, b)
	sheet := func(selector string) func(*Page) {
		return func(p *Page) {
			p.Click("[data-actions]")
			p.Wait(`document.querySelector('#sheet ` + selector + `')`)
			p.Tap(`#sheet ` + selector)
			p.Wait(`document.querySelector('[data-testid="confirm"]')`)
		}
	}
	bulkSheet := func(action string) func(*Page) {
		return func(p *Page) {
			p.Click(`[data-testid="container-card"] [data-select]`)
			p.Click(`[data-bulk-all]`)
			p.Click(`[data-bulk="` + action + `"]`)
			p.Wait(`document.querySelector('#sheet').open && document.querySelector('[data-testid="effects"]')`)
		}
	}
	letPeopleIn(t, b)
	open := func(what string) func(*Page) {
		return func(p *Page) { p.Click(`[popovertarget="` + what + `"]`) }
	}
	return []looked{
		{"table", b, "/containers?layout=table", allRows + ` === 12`, nil},
		{"columns", b, "/containers?layout=table", allRows + ` === 12`, open("column-menu")},
		{"grouped", b, "/?group=node", `document.querySelectorAll('.group-head').length === 3`, nil},
		{"grouped-table", b, "/containers?layout=table&group=tag", `document.querySelectorAll('.group-row').length > 3`, nil},
		{"bad-query", b, "/?q=web%20colour:red", `document.querySelector('#query-problem').innerText !== ''`, nil},
		{"dashboard", b, "/", allCards + " === 12", nil},
		{"selected", b, "/", allCards + " === 12", func(p *Page) { p.Click(`[data-select]`) }},
		{"sort-menu", b, "/", allCards + " === 12", open("sort-menu")},
		{"views-menu", b, "/", allCards + " === 12", open("views-menu")},
		{"user-menu", b, "/", allCards + " === 12", open("user-menu")},
		{"theme-menu", b, "/", allCards + " === 12", open("theme-menu")},
		{"palette", b, "/", allCards + " === 12", func(p *Page) {
			p.Click("[data-open-palette]")
			p.Wait(`document.querySelectorAll('#palette [aria-selected=true]').length === 1`)
		}},
		{"palette-empty", b, "/", allCards + " === 12", func(p *Page) {
			p.Click("[data-open-palette]")
			p.Press("nothing is called so")
			p.Wait(`document.querySelector('#palette').innerText.includes("Nothing found")`)
		}},
		{"keys", b, "/", allCards + " === 12", func(p *Page) {
			p.Press("?")
			p.Wait(`document.querySelector('#keys').open`)
		}},
		{"completion", b, "/", allCards + " === 12", func(p *Page) {
			p.Click("#q")
			p.Press("st")
			p.Wait(`document.querySelectorAll('#completions [role=option]').length > 0`)
		}},
		{"actions", b, "/?sort=vmid", allCards + " === 12", func(p *Page) {
			p.Click("[data-actions]")
			p.Wait(`document.querySelector('#sheet [data-sheet$="/delete"]')`)
		}},
		{"delete", b, "/?q=status:running%20-is:locked", `document.querySelector('[data-status="running"]')`, func(p *Page) {
			sheet(`[data-sheet$="/delete"]`)(p)
			p.Wait(`document.activeElement?.name === "name" && document.querySelector('[data-testid="goes-with"] select')`)
		}},
		{"bulk", b, "/", allCards + " === 12", bulkSheet("shutdown")},
		{"bulk-delete", b, "/", allCards + " === 12", bulkSheet("delete")},
		{"jobs", b, "/jobs", `document.querySelector('[data-testid="job"]')`, nil},
		{"jobs-elsewhere", b, "/jobs?show=elsewhere", `document.querySelector('[data-testid="job"][data-outside]')`, nil},
		{"job", b, "/jobs/" + job.ID, `document.querySelector('[data-testid="job-page"]')`, nil},
		{"bulk-job", b, bulk, `document.querySelector('[data-testid="part"]')`, nil},
		{"audit-details", b, "/audit", `document.querySelector('[data-testid="event"]')`, func(p *Page) {
			p.Click(`[data-testid="event"][data-state="failed"] summary`)
			p.Wait(`document.querySelector('[data-testid="event"] details[open]')`)
		}},
		{"audit-empty", b, "/audit?actor=nobody", `document.body.innerText.includes("Nothing in the history matches")`, nil},
		{"container", b, "/containers/home:101", `document.querySelector('#about h3') && document.querySelector('#charts').dataset.points`, nil},
		{"container-table", b, "/containers/home:101?again", `document.querySelector('#charts').dataset.points`, func(p *Page) {
			p.Click(`[data-chart-table] summary`)
			p.Wait(`document.querySelector('.figures-table tbody tr')`)
		}},
		{"container-events", b, "/containers/home:101/events", `document.querySelector('#timeline')`, nil},
		{"container-snapshots", b, "/containers/home:101/snapshots", `document.querySelector('#snapshots[aria-label]')`, nil},
		{"container-backups", b, "/containers/home:101/backups", `document.querySelector('#backups[aria-label]')`, nil},
		{"container-config", b, "/containers/home:101/config", `document.querySelector('[data-testid="config-facts"]')`, nil},
		{"container-edit", b, "/containers/home:101/config", `document.querySelector('[data-testid="config-facts"]')`, openOrder("edit")},
		{"container-snapshot", b, "/containers/home:101/snapshots?again", `document.querySelector('#snapshots[aria-label]')`, openOrder("snapshot")},
		{"container-backup", b, "/containers/home:101/backups?again", `document.querySelector('#backups[aria-label]')`, openOrder("backup")},
		{"container-edit-refused", b, "/containers/home:101/config?again", `document.querySelector('[data-testid="config-facts"]')`, func(p *Page) {
			openOrder("edit")(p)
			p.fill("set.memory", "8")
			p.Tap(`#sheet [data-testid="confirm"]`)
			p.Wait(`document.querySelector('#error-memory').innerText !== ''`)
		}},
		{"container-clone", b, "/containers/home:" + saved + "?clone", `document.querySelector('#about h3')`, openMenuOrder("clone")},
		{"container-move", b, "/containers/home:101?move", `document.querySelector('#about h3')`, openMenuOrder("migrate")},
		{"container-resize", b, "/containers/home:101?resize", `document.querySelector('#about h3')`, openMenuOrder("resize")},
		{"container-disk", b, "/containers/home:" + strconv.Itoa(stopped.VMID) + "?disk", `document.querySelector('#about h3')`, openMenuOrder("move-volume")},
		{"container-template", b, "/containers/home:" + strconv.Itoa(stopped.VMID) + "?template", `document.querySelector('#about h3')`, openMenuOrder("template")},
		{"container-rollback", b, "/containers/home:" + saved + "/snapshots", `document.querySelector('[data-testid="snapshot"]')`, openOrder("rollback")},
		{"container-difference", b, "/containers/home:" + saved + "/snapshots?again", `document.querySelector('[data-testid="snapshot"]')`, func(p *Page) {
			p.Tap(`[data-testid="difference"]`)
			p.Wait(`document.querySelector('#sheet').open && document.querySelector('#sheet [name="to"]')`)
		}},
		{"container-restore-new", b, "/containers/home:" + saved + "/backups", `document.querySelector('[data-testid="backup"]')`, openOrder("restore-new")},
		{"container-tag", b, "/containers/home:101?tag", `document.querySelector('#about h3') && document.querySelector('#charts').dataset.points`, func(p *Page) {
			p.Click(`[data-testid="add-tag"]`)
			p.Wait(`document.activeElement?.name === "add"`)
		}},
		{"console", b, "/containers/home:101/console", consoleOpen + ` && ` + consoleShows("login: "), nil},
		{"filtered-empty", b, "/?q=status:error", `document.body.innerText.includes("No error containers")`, nil},
		{"nodes", b, "/nodes", `document.body.innerText.includes("pve3")`, nil},
		{"account", b, "/account", `document.querySelector('[data-testid="session"]')`, nil},
		{"cluster", b, "/clusters/home", `document.querySelector('[data-testid="finding"]')`, nil},
		{"connect", b, "/clusters/new", `document.querySelector('[name="addresses"]')`, nil},
		{"connect-certificate", b, "/clusters/new", `document.querySelector('[name="addresses"]')`, func(p *Page) { beginConnecting(p, b) }},
		{"connect-token", b, "/clusters/new?again", `document.querySelector('[name="addresses"]')`, func(p *Page) {
			beginConnecting(p, b)
			p.submit()
			p.Wait(`document.querySelector('[name="token"]')`)
		}},
		{"create", b, "/containers/new", offered, nil},
		{"create-wrong", b, "/containers/new?again", offered, func(p *Page) {
			Eval[bool](p, `(document.querySelectorAll('#create details').forEach((d) => (d.open = true)), document.querySelector('#ipv4').value = "static", true)`)
			p.fill("ip", "10.0.0.1")
			p.fill("vlan", "5000")
			p.Tap(sendForm)
			p.problemAt("hostname", "letters", true)
		}},
		{"access", b, "/settings/access", `document.querySelector('[data-testid="group"]')`, nil},
		{"access-give", b, "/settings/access", `document.querySelector('[data-testid="group"]')`, func(p *Page) { p.Click(`[data-testid="group"] summary`) }},
		{"not-found", b, "/nowhere", `document.body.innerText.includes("Not found")`, nil},
		{"no-cluster", empty, "/", `document.body.innerText.includes("No cluster is connected yet")`, nil},
		{"no-jobs", empty, "/jobs", `document.body.innerText.includes("No jobs yet")`, nil},
		{"no-cluster-nodes", empty, "/nodes", `document.body.innerText.includes("No cluster is connected yet")`, nil},
		{"cluster-down", down, "/", allUnknown, nil},
		{"nodes-down", down, "/nodes", `document.body.innerText.includes("does not answer")`, nil},
		{"container-down", down, "/containers/home:101", `document.querySelector('#about [data-testid="part-problem"]')`, nil},
		{"console-down", down, "/containers/home:101/console", `document.body.innerText.includes("Cluster home of")`, nil},
	}
}

// openOrder opens the dialog of an order on the page of a container.
func openOrder(name string) func(*Page) {
	return func(p *Page) {
		p.Tap(`[data-testid="order-` + name + `"]:not([aria-disabled])`)
		p.Wait(`document.querySelector('#sheet').open && document.querySelector('#sheet [data-testid="confirm"]')`)
	}
}

// openMenuOrder opens the dialog of an order from the menu of actions.
func openMenuOrder(name string) func(*Page) {
	return func(p *Page) {
		p.Tap(`[data-sheet$="/actions"]`)
		p.Wait(`document.querySelector('#sheet [data-sheet$="/orders/` + name + `"]')`)
		p.Tap(`#sheet [data-sheet$="/orders/` + name + `"]`)
		p.Wait(`!document.querySelector('#sheet-body').inert && document.querySelector('#sheet [data-testid="confirm"]')`)
	}
}

// stopOne stops the n-th of the containers on pve3, which nothing else is done to.
func stopOne(t *testing.T, b *Berth, n int) pve.ContainerResource {
	t.Helper()
	resources, err := b.asRoot().Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := slices.DeleteFunc(resources.Containers, func(c pve.ContainerResource) bool {
		return c.Node != "pve3" || c.HAState != "" || c.Lock != "" || c.Template
	})[n]
	b.done(b.asRoot().Stop(t.Context(), c.Node, c.VMID, pve.StopOptions{}))
	return c
}

// done waits until a task that somebody else began has ended well.
func (b *Berth) done(task pve.UPID, err error) {
	b.t.Helper()
	if err == nil {
		_, err = b.asRoot().Wait(b.t.Context(), task)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// savedContainer gives a container that has a snapshot and a backup.
func savedContainer(t *testing.T, b *Berth) string {
	t.Helper()
	c := stopOne(t, b, 1)
	b.done(b.asRoot().CreateSnapshot(t.Context(), c.Node, c.VMID, "clean", "As it was made."))
	b.done(b.asRoot().Backup(t.Context(), c.Node, pve.BackupRequest{VMIDs: []int{c.VMID}, Storage: "local", Mode: "stop"}))
	return strconv.Itoa(c.VMID)
}

// beginConnecting goes on to the step that shows the certificate.
func beginConnecting(p *Page, b *Berth) {
	p.fill("name", "lab")
	p.fill("addresses", b.Sim.URL())
	p.submit()
	p.Wait(`document.querySelector('[data-testid="certificate"]')`)
}

// letPeopleIn makes accounts and a group with roles.
func letPeopleIn(t *testing.T, b *Berth) {
	t.Helper()
	s, ctx := b.App.Store, t.Context()
	_, anna := s.AddUserWith(ctx, testActor, "anna", berth.Grant{Role: berth.RoleOperator, Scope: "cluster:home tag:team-a"})
	_, group := s.AddGroup(ctx, testActor, "team-a")
	role := s.Give(ctx, testActor, store.Holder{Group: "team-a"}, berth.Grant{Role: berth.RoleViewer})
	if err := errors.Join(anna, group, role, s.Join(ctx, testActor, "team-a", "anna")); err != nil {
		t.Fatal(err)
	}
}

// failedStop stops a container in vain and gives the job.
func failedStop(t *testing.T, b *Berth) berth.Job {
	t.Helper()
	p := b.SignIn(Desktop, "/?q=-is:ha%20-is:locked")
	vmid := idle(p, "running")
	b.Sim.Fail(pvesim.Fault{Task: "vzstop", Times: 1, Reason: "no space left"})
	p.Goto(b.App.URL() + fmt.Sprintf("/containers/home:%d", vmid))
	p.Click(`[data-sheet$="/actions"]`)
	p.Wait(`document.querySelector('#sheet [data-sheet$="/stop"]')`)
	p.Tap(`#sheet [data-sheet$="/stop"]`)
	p.Wait(`document.querySelector('[data-testid="confirm"]')`)
	p.Tap(`[data-testid="confirm"]`)
	p.Wait(`document.querySelector('[data-toast="error"]')`)
	jobs, err := b.App.Store.Jobs(t.Context(), store.JobFilter{}, 1)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("jobs are %v, %v; want the failed one", jobs, err)
	}
	return jobs[0]
}

// finishedBulk stops some containers, one of them in vain, and gives the address of the job.
func finishedBulk(t *testing.T, b *Berth) string {
	t.Helper()
	b.Sim.Fail(pvesim.Fault{Task: "vzstop", Times: 1, Reason: "no space left"})
	client := b.Client(berth.RoleAdmin)
	response, err := client.PostForm(b.App.URL()+"/bulk", url.Values{"action": {"stop"}, "confirmed": {"1"}, "all": {"1"}, "q": {"status:running -is:ha -is:locked node:pve2"}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.Header.Get("HX-Redirect") == "" {
		t.Fatalf("a bulk action was answered with %s", response.Status)
	}
	return response.Header.Get("HX-Redirect")
}

func lookAt(t *testing.T, p *Page, page looked, look Look, size string) {
	t.Helper()
	p.Wait(page.when)
	if page.act != nil {
		page.act(p)
	}
	if wide := Eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
		t.Errorf("%s at %s: %d px wider than the screen", page.name, size, wide)
	}
	for _, problem := range p.axe() {
		t.Errorf("%s at %s: %s", page.name, size, problem)
	}
	if pictures() == "" {
		return
	}
	for theme, dark := range map[string]bool{"light": false, "dark": true} {
		p.setTheme(dark)
		keepPicture(t, p, page.name+"-"+size+"-"+theme)
	}
	p.setTheme(look.Dark)
}

// pictures is the directory for pictures; empty: none are taken.
func pictures() string { return os.Getenv("BERTH_SCREENSHOTS") }

func keepPicture(t *testing.T, p *Page, name string) {
	t.Helper()
	if err := os.MkdirAll(pictures(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pictures(), name+".png"), p.Picture(), 0o644); err != nil {
		t.Fatal(err)
	}
}
