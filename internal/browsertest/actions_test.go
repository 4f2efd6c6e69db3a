package browsertest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"berth"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func cardPart(vmid int, part string) string {
	return fmt.Sprintf(`[data-testid="container-card"][data-vmid="%d"] %s`, vmid, part)
}

func idle(p *Page, status string) int {
	p.t.Helper()
	card := fmt.Sprintf(`[data-testid="container-card"][data-status=%q]:not(:has(.tone-creating)):has(.quick-actions > :nth-child(2))`, status)
	p.Wait(fmt.Sprintf(`document.querySelector(%q)`, card))
	return Eval[int](p, fmt.Sprintf(`Number(document.querySelector(%q).dataset.vmid)`, card))
}

func TestActionsFromTheCard(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		b := Start(t, o, pvesim.Options{})
		p := b.SignIn(Desktop, "/?q=-is:locked%20-is:ha")
		vmid := idle(p, "running")
		p.Click(cardPart(vmid, `[title="Shut down"]`))
		p.Wait(`document.querySelector('#sheet').open && document.querySelector('[data-testid="confirm"]')`)
		p.Tap(`#sheet [data-close-sheet]`)
		p.Wait(`!document.querySelector('#sheet').open`)
		p.Click(cardPart(vmid, `[title="Shut down"]`))
		p.Wait(`document.querySelector('[data-testid="confirm"]')`)
		p.Tap(`[data-testid="confirm"]`)
		p.Wait(`!document.querySelector('#sheet').open`)
		p.Wait(fmt.Sprintf(`document.querySelector(%q)?.innerText.includes("by admin")`, cardPart(vmid, `[data-testid="pending"]`)))
		other := b.SignIn(Desktop, "/") // everybody sees it
		p.Wait(cardIs(vmid, "stopped"))
		other.Wait(cardIs(vmid, "stopped"))
		p.Wait(`document.querySelector('[data-toast="success"]')`)
		p.Click(cardPart(vmid, `[title="Start"]`))
		p.Wait(cardIs(vmid, "running"))
	})
}

func TestActionThatFailsIsSaidInProxmoxsWords(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{})
	p := b.SignIn(Desktop, "/?q=-is:locked%20-is:ha")
	vmid := idle(p, "stopped")
	b.Sim.Fail(pvesim.Fault{Task: "vzstart", Times: 1, Reason: "startup for container failed: no space left"})
	p.Click(cardPart(vmid, `[title="Start"]`))
	p.Wait(`document.querySelector('[data-toast="error"]')?.innerText.includes("no space left")`)
	p.Click(`[data-toast="error"] a`)
	p.Wait(`document.querySelector('[data-testid="job-page"]')?.dataset.state === "failed" && document.body.innerText.includes("no space left")`)
	p.Click(`form[action$="/retry"] button`)
	p.Wait(`document.querySelector('[data-testid="job-page"]')?.dataset.state === "done"`)
	p.Goto(b.App.URL() + "/jobs")
	p.Wait(`document.querySelector('[data-testid="job"][data-state="failed"]') && document.querySelector('[data-testid="job"][data-state="done"]')`)
}

func TestDeleteAsksForTheNameAndBacksUpFirst(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{TaskTime: 100 * time.Millisecond})
	p := b.SignIn(Desktop, "/?q=-is:locked%20-is:ha")
	vmid := idle(p, "stopped")
	name := Eval[string](p, fmt.Sprintf(`document.querySelector('[data-vmid="%d"]').dataset.name`, vmid))
	p.Click(cardPart(vmid, `[data-actions]`))
	p.Wait(`document.querySelector('#sheet [data-sheet$="/delete"]')`)
	p.Tap(`#sheet [data-sheet$="/delete"]`)
	p.Wait(`document.activeElement?.name === "name"`)
	p.Wait(`document.querySelector('#sheet [name="backup"] option[value="local"]') && document.querySelector('[data-testid="goes-with"]').innerText.includes("rootfs / on")`)
	p.Paste("something else")
	p.Tap(`[data-testid="confirm"]`)
	p.Wait(fmt.Sprintf(`document.querySelector('#sheet-problem').innerText.includes("Type %s")`, name))
	Eval[bool](p, `(document.querySelector('#sheet input[name="name"]').value = "", document.querySelector('#sheet input[name="name"]').focus(), true)`)
	p.Paste(name)
	Eval[bool](p, `(document.querySelector('#sheet [name="backup"]').value = "local", true)`)
	p.Tap(`[data-testid="confirm"]`)
	p.Wait(fmt.Sprintf(`document.querySelector('[data-toast="success"]') && !document.querySelector('[data-vmid="%d"]')`, vmid)) // not seen while it is locked by the backup
	jobs, err := b.App.Store.Jobs(t.Context(), store.JobFilter{}, 1)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("jobs are %v, %v; want the deletion", jobs, err)
	}
	steps, err := b.App.Store.JobSteps(t.Context(), jobs[0].ID)
	if err != nil || !slices.ContainsFunc(steps, func(s berth.JobStep) bool { return s.Name == "Wait for Proxmox to backup" && !s.EndedAt.IsZero() }) {
		t.Errorf("the steps are %+v (%v), want a backup first", steps, err)
	}
}

func TestViewerIsToldWhyActionsAreNotOffered(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{})
	p := Open(t, Desktop, b.SignInLink(berth.RoleViewer))
	vmid := idle(p, "running")
	p.Click(cardPart(vmid, `[data-actions]`))
	p.Wait(`[...document.querySelectorAll('#sheet-body li button')].every(b => b.ariaDisabled === "true") && document.querySelector('#sheet-body').innerText.includes("it takes the role operator")`)
}
