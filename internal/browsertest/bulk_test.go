package browsertest

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// selectAll selects what matches a query and begins an action.
func selectAll(p *Page, b *Berth, query, action string) {
	p.t.Helper()
	p.Goto(b.App.URL() + query)
	p.Wait(scriptRuns + ` && document.querySelector('[data-testid="container-card"] [data-select]')`)
	p.Click(`[data-testid="container-card"] [data-select]`)
	p.Click(`[data-bulk-all]`)
	p.Click(`[data-bulk="` + action + `"]`)
}

// effects waits for the dialog that says what would happen to how many, in these words.
func effects(p *Page, words ...string) {
	p.t.Helper()
	for _, w := range words {
		p.Wait(`document.querySelector('#sheet').open && document.querySelector('[data-testid="effects"]')?.innerText.includes(` + quoted(w) + `)`)
	}
}

func wantOutcomes(p *Page, state string, outcomes map[string]int) {
	p.t.Helper()
	p.Wait(`location.pathname.startsWith("/jobs/") && document.querySelector('[data-testid="job-page"]')?.dataset.state === "` + state + `"`)
	for outcome, n := range outcomes {
		p.Wait(fmt.Sprintf(`document.querySelector('[data-outcome=%q]')?.dataset.count === "%d" && document.querySelectorAll('[data-testid="part"][data-state=%q]').length === %d`, outcome, n, outcome, n))
	}
}

func TestBulkOnMixedStates(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: 8, TaskTime: 100 * time.Millisecond})
	p := b.SignIn(Desktop, "/")
	p.Wait(allCards + " === 8 && " + scriptRuns)
	targets := idleTargets(b, 3)
	if err := b.Sim.SetLock(targets[0].vmid, "backup"); err != nil {
		t.Fatal(err)
	}
	p.Goto(b.App.URL() + targets[2].numbered("/?q=vmid:VMID"))
	if _, err := b.asRoot().Stop(t.Context(), nodeOf(p, targets[2]), targets[2].vmid, pve.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	p.Wait(`document.querySelector('` + targets[2].part(`[data-status="stopped"]`) + `')`)
	p.Goto(b.App.URL() + "/?q=is:locked")
	p.Wait(allCards + " === 1")
	p.Goto(b.App.URL() + "/?q=status:running%20-is:locked")
	p.Wait(allCards + " > 1")
	running := Eval[int](p, allCards)
	stopped := 7 - running

	selectAll(p, b, "/", "stop")
	effects(p, fmt.Sprintf("Stop %d that ", running), fmt.Sprintf("Nothing to do for %d: already stopped", stopped), "Not possible for 1: locked (backup)")
	p.Tap(`#sheet [data-close-sheet]`)
	p.Wait(`!document.querySelector('#sheet').open`)
	b.Sim.Fail(pvesim.Fault{Method: "POST", Path: targets[1].numbered("/nodes/*/lxc/VMID/status/stop"), Times: 1, Status: http.StatusInternalServerError, Reason: "no space left"})
	selectAll(p, b, "/", "stop")
	effects(p, "Not possible for 1")
	p.Tap(`[data-testid="confirm"]`)
	wantOutcomes(p, "failed", map[string]int{"done": running - 1, "failed": 1, "refused": stopped + 1})
	p.Wait(`[...document.querySelectorAll('[data-testid="part"][data-state="refused"]')].some(e => e.innerText.includes("is locked by Proxmox (backup)"))`)
	Eval[bool](p, `(document.querySelector('.parts [value="bad"]').click(), true)`)
	const shown = `[...document.querySelectorAll('[data-testid="part"]')].filter(e => e.checkVisibility())`
	p.Wait(shown + `.every(e => e.dataset.state !== "done") && ` + shown + `.some(e => e.dataset.state === "failed" && e.innerText.includes("no space left"))`)
	p.Click(`[data-testid="part"][data-state="failed"] [href^="/jobs/"]`)
	p.Wait(`document.querySelector('[data-testid="job-page"] h1')?.innerText.startsWith("Stop ` + targets[1].name + `")`)
	Eval[bool](p, `(history.back(), true)`)
	p.Wait(`document.querySelector('[data-testid="part"]')`)
	p.Click(`form[action$="/retry"] button`)
	wantOutcomes(p, "done", map[string]int{"done": 1})

	selectAll(p, b, "/?q=status:stopped", "start")
	effects(p, "Start 7 that are stopped")
	p.Tap(`[data-testid="confirm"]`)
	wantOutcomes(p, "done", map[string]int{"done": 7})
	selectTwo(p, b)
	deleteInBulk(t, b, p)
}

// selectTwo begins an action on two that are selected one by one, for which there is nothing to do.
func selectTwo(p *Page, b *Berth) {
	p.t.Helper()
	p.Goto(b.App.URL() + "/?q=-is:locked")
	p.Wait(allCards + " === 7 && " + scriptRuns)
	p.Click(`[data-testid="container-card"]:nth-child(2) [data-select]`)
	p.Click(`[data-testid="container-card"]:nth-child(4) [data-select]`)
	p.Click(`[data-bulk="start"]`)
	effects(p, "Nothing to do for 2: already running")
	p.Wait(`document.querySelector('#sheet h2').innerText === "Start 2 containers?" && document.querySelector('[data-testid="confirm"]').disabled`)
	p.Tap(`#sheet [data-close-sheet]`)
	p.Wait(`!document.querySelector('#sheet').open`)
}

// deleteInBulk deletes all but the locked one, which runs.
func deleteInBulk(t *testing.T, b *Berth, p *Page) {
	selectAll(p, b, "/", "delete")
	effects(p, "Not possible for 7: running", "Not possible for 1: locked (backup)")
	p.Click(`#sheet [name="purge"]`) // some are under high availability
	p.Click(`#sheet [name="stop-first"]`)
	effects(p, "Delete 7 that are running")
	p.Wait(`document.querySelector('#sheet [name="purge"]').checked`)
	p.Click(`#sheet [name="name"]`)
	p.Paste("delete 8")
	p.Tap(`[data-testid="confirm"]`)
	p.Wait(`document.querySelector('#sheet-problem').innerText.includes("Type delete 7")`)
	Eval[bool](p, `(document.querySelector('#sheet [name="name"]').value = "", true)`)
	p.Click(`#sheet [name="name"]`)
	p.Paste("delete 7")
	p.Tap(`[data-testid="confirm"]`)
	wantOutcomes(p, "done", map[string]int{"done": 7})
	p.Goto(b.App.URL() + "/")
	p.Wait(allCards + " === 1")
	viewer := Open(t, Desktop, b.SignInLink(berth.RoleViewer))
	viewer.Wait(allCards + ` === 1 && !document.querySelector('[data-bulk]')`)
}
