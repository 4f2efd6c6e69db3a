package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/fleet"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

const often = 100 * time.Millisecond

// startBusy starts a Berth whose containers show new figures every so often.
func startBusy(t *testing.T, o store.Options, every time.Duration, world pvesim.Options) *Berth {
	t.Helper()
	pace := fleet.DefaultPace()
	pace.Clusters, pace.WatchedResources = 50*time.Millisecond, every
	b := StartAt(t, o, pace)
	world.Speed, world.StatisticsCycle = 20, 20*every
	b.Connect(world)
	return b
}

// countUpdates begins to count the updates that the stream brings; its named events change nothing in the list.
func countUpdates(p *Page) {
	p.t.Helper()
	Eval[bool](p, `(window.updates = 0, document.addEventListener("htmx:sse:after:message", e => { if (!e.detail.message.event) window.updates++ }), true)`)
}

const updatesMeant = 50

var enoughUpdates = fmt.Sprintf("window.updates >= %d", updatesMeant)

func TestWhatSomebodyDoesSurvivesUpdates(t *testing.T) {
	t.Parallel()
	b := startBusy(t, storetest.Options(t, storetest.SQLite), often, pvesim.Options{})
	for name, check := range map[string]func(*testing.T, *Berth){
		"typed text, scroll position and selection": typedTextSurvives,
		"an open menu":                openMenuSurvives,
		"a focused link in the table": focusSurvives,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, b)
		})
	}
}

func typedTextSurvives(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/")
	p.Wait(allCards + " === 40 && " + scriptRuns)
	p.ClickWith(nthBox(2))
	p.ClickWith(nthBox(6))
	names := Eval[[]string](p, selectedNames)
	p.Press("/")
	p.Paste("web colour:") // cannot be read, so that nothing is asked for and the text is only typed
	p.Wait(queryProblem + ` !== ''`)
	const state = `[document.activeElement.id, document.activeElement.value, document.activeElement.selectionStart, Math.round(scrollY), ` + selectedNames + `.join()].join("|")`
	Eval[bool](p, `(document.querySelector('#q').setSelectionRange(3, 3), scrollTo(0, 500), true)`)
	want := Eval[string](p, state)
	if !strings.HasPrefix(want, "q|web colour:|3|500|"+strings.Join(names, ",")) || len(names) != 2 {
		t.Fatalf("the test begins with %s", want)
	}
	countUpdates(p)
	p.Wait(enoughUpdates)
	if got := Eval[string](p, state); got != want {
		t.Errorf("after %d updates: %s, want %s", updatesMeant, got, want)
	}
	if got := Eval[int](p, `document.querySelectorAll('[data-select]:checked').length`); got != 2 {
		t.Errorf("%d boxes are checked, want 2", got)
	}
}

func openMenuSurvives(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/?sort=-cpu") // an order that changes all the time
	p.Wait(allCards + " === 40 && " + scriptRuns)
	p.Click(`[popovertarget="sort-menu"]`)
	p.Wait(`document.querySelector('#sort-menu').matches(':popover-open')`)
	before := p.Names()
	countUpdates(p)
	p.Wait(enoughUpdates)
	if !Eval[bool](p, `document.querySelector('#sort-menu').matches(':popover-open') && document.activeElement.getAttribute("popovertarget") === "sort-menu"`) {
		t.Errorf("after %d updates the menu is closed or the focus is gone", updatesMeant)
	}
	if after := p.Names(); strings.Join(before, " ") == strings.Join(after, " ") {
		t.Error("the order by CPU did not change once, so that this shows little")
	}
}

func focusSurvives(t *testing.T, b *Berth) {
	p := b.signIn(t, Desktop, "/containers?layout=table&sort=-cpu")
	p.Wait(allRows + " === 40 && " + scriptRuns)
	p.Press("jjj")
	want := Eval[string](p, `document.activeElement.innerText`)
	countUpdates(p)
	p.Wait(enoughUpdates)
	if got := Eval[string](p, `document.activeElement.innerText`); got != want || want == "" {
		t.Errorf("after %d updates the focus is on %q, want %q", updatesMeant, got, want)
	}
}

// hide makes the tab think that it is hidden, or shown again.
func hide(p *Page, hidden bool) {
	p.t.Helper()
	Eval[bool](p, fmt.Sprintf(`(Object.defineProperty(document, "hidden", { value: %t, configurable: true }),
		document.dispatchEvent(new Event("visibilitychange")), true)`, hidden))
}

func TestHiddenTabGetsNothingAndCatchesUp(t *testing.T) {
	t.Parallel()
	b := startBusy(t, storetest.Options(t, storetest.SQLite), often, pvesim.Options{Containers: 8})
	p := b.SignIn(Desktop, "/")
	vmid, node := runningContainer(p)
	countUpdates(p)
	p.Wait(`window.updates > 0`)
	hide(p, true)
	post(t, b.Sim, fmt.Sprintf("/nodes/%s/lxc/%d/status/stop", node, vmid))
	other := b.signIn(t, Desktop, "/") // sees the change, so that it is known to be there
	other.Wait(cardIs(vmid, "stopped"))
	if Eval[bool](p, cardIs(vmid, "stopped")) {
		t.Error("the hidden tab got the update")
	}
	Eval[bool](p, `(window.notices = 0, new MutationObserver(() => { if (!document.querySelector('#stream-broken').hidden) window.notices++ })
		.observe(document.querySelector('#stream-broken'), { attributes: true }), true)`)
	hide(p, false)
	p.Wait(cardIs(vmid, "stopped"))
	if got := Eval[int](p, `window.notices`); got != 0 {
		t.Error("being shown again was told as an interruption")
	}
}

func TestCutStreamIsSaidAndHeals(t *testing.T) {
	t.Parallel()
	b := startBusy(t, storetest.Options(t, storetest.SQLite), often, pvesim.Options{Containers: 8})
	wire := newWire(t, strings.TrimPrefix(b.App.URL(), "http://"))
	p := Open(t, Desktop, strings.Replace(b.SignInLink(berth.RoleAdmin), b.App.URL(), "http://"+wire.addr, 1))
	vmid, node := runningContainer(p)
	countUpdates(p)
	p.Wait(`window.updates > 0`)
	wire.cut()
	p.Wait(`document.querySelector('#stream-broken').innerText.includes("The live connection is interrupted.") && document.querySelector('#fresh').innerText.includes("Reconnecting")`)
	post(t, b.Sim, fmt.Sprintf("/nodes/%s/lxc/%d/status/stop", node, vmid))
	wire.mend()
	p.Wait(`document.querySelector('#stream-broken').hidden && document.querySelector('#fresh').innerText.includes("Live")`)
	p.Wait(cardIs(vmid, "stopped"))
	for _, path := range []string{"/jobs", "/nodes"} { // without a word about freshness
		Eval[bool](p, fmt.Sprintf(`(location.href = %q, true)`, path))
		p.Wait(fmt.Sprintf(`location.pathname === %q && document.querySelector('#live')?._htmx?.sse`, path))
		wire.cut()
		p.Wait(`!document.querySelector('#stream-broken').hidden`)
		wire.mend()
		p.Wait(`document.querySelector('#stream-broken').hidden`)
	}
}

func TestPageWithoutStreamRefreshesByItself(t *testing.T) {
	t.Parallel()
	b := startBusy(t, storetest.Options(t, storetest.SQLite), often, pvesim.Options{Containers: 8})
	proxy := behindProxyWithoutStreams(t, b.App.URL())
	p := Open(t, Desktop, strings.Replace(b.SignInLink(berth.RoleAdmin), b.App.URL(), proxy, 1))
	p.Wait(`!document.querySelector('#stream-broken').hidden`)
	vmid, node := runningContainer(p)
	Eval[bool](p, `window.notReloaded = true`)
	post(t, b.Sim, fmt.Sprintf("/nodes/%s/lxc/%d/status/stop", node, vmid))
	p.Wait(cardIs(vmid, "stopped") + ` && !document.querySelector('#stream-broken').hidden && window.notReloaded`)
}

// behindProxyWithoutStreams gives the address of a reverse proxy that lets no live connection through.
func behindProxyWithoutStreams(t *testing.T, to string) string {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/live" {
			http.Error(w, "no streams here", http.StatusBadGateway)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

func TestPageHealsAfterBerthRestarts(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		b := startBusy(t, o, often, pvesim.Options{Containers: 8})
		p := b.SignIn(Desktop, "/")
		vmid, node := runningContainer(p)
		Eval[bool](p, `window.notReloaded = true`)
		b.Restart()
		post(t, b.Sim, fmt.Sprintf("/nodes/%s/lxc/%d/status/stop", node, vmid))
		p.Wait(cardIs(vmid, "stopped") + ` && document.querySelector('#stream-broken').hidden && window.notReloaded`)
	})
}
