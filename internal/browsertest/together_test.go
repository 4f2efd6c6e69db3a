package browsertest

import (
	"fmt"
	"testing"

	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// Two people confirm the same shutdown of a container that does not end: one gets the job, the other is told whose it is,
// both see it, also after a reload, and one of them cancels it.
func TestTwoPeoplePressTheSameButton(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{})
	c := idleTargets(b, 1)[0]
	if err := b.Sim.SetStuck(c.vmid, true); err != nil {
		t.Fatal(err)
	}
	people := map[string]*Page{"anna": nil, "bert": nil}
	for name := range people {
		p := b.signInOperator(t, name, c.numbered("/?q=vmid:VMID"))
		p.Wait(scriptRuns)
		p.Click(c.part(` [data-sheet$="/shutdown"]`))
		p.Wait(`document.querySelector('[data-testid="confirm"]')`)
		people[name] = p
	}
	for _, p := range people {
		p.Tap(`[data-testid="confirm"]`) // does not wait for the answer
	}
	const told = `document.querySelector('#sheet-problem')?.innerText.includes("is under way, started by ")`
	winner, loser := "anna", "bert"
	people["anna"].Wait(`!document.querySelector('#sheet').open || ` + told)
	people["bert"].Wait(`!document.querySelector('#sheet').open || ` + told)
	if Eval[bool](people["anna"], `document.querySelector('#sheet').open`) {
		winner, loser = loser, winner
	}
	people[loser].Wait(`document.querySelector('#sheet-problem').innerText.includes("started by ` + winner + `")`)
	jobs, err := b.App.Store.JobsOfSubject(t.Context(), c.numbered("home/VMID"), 10)
	if err != nil || len(jobs) != 1 || jobs[0].Actor != winner {
		t.Fatalf("there are jobs %+v (%v), want one by %s", jobs, err, winner)
	}
	pending := fmt.Sprintf(`document.querySelector('%s')?.innerText.includes("by %s")`, c.part(` [data-testid="pending"]`), winner)
	people[loser].Goto(b.App.URL() + c.numbered("/containers/home:VMID"))
	people[loser].Wait(pending)
	people[winner].Goto(b.App.URL() + c.numbered("/?q=vmid:VMID"))
	people[winner].Wait(pending)
	people[winner].Click(c.part(` [data-testid="pending"] a`))
	people[winner].Wait(`document.querySelector('[data-testid="job-page"]')?.dataset.state === "running"`)
	people[winner].Click(`form[action$="/cancel"] button`)
	people[winner].Wait(`document.querySelector('[data-testid="job-page"]')?.dataset.state === "cancelled"`)
	people[loser].Wait(`document.querySelector('` + c.part(`[data-status="running"]`) + `') && !document.querySelector('[data-testid="pending"]')`)
}
