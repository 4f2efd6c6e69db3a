package browsertest

import (
	"fmt"
	"testing"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

const briefTasks = 50 * time.Millisecond // of the simulated cluster

// stopped gives a stopped container to which everything can be done, and its name.
func (b *Berth) stopped(path string) (p *Page, vmid int, name string) {
	b.t.Helper()
	p = b.SignIn(Desktop, "/?q=status:stopped%20-is:protected%20-is:ha%20-is:locked%20node:pve1,pve2")
	vmid = idle(p, "stopped")
	name = Eval[string](p, fmt.Sprintf(`document.querySelector('[data-vmid="%d"]').dataset.name`, vmid))
	p = b.signInOperator(b.t, "anna", fmt.Sprintf(path, vmid))
	p.Wait(scriptRuns)
	return p, vmid, name
}

// fromMenu opens the dialog of an order from the menu of actions.
func (p *Page) fromMenu(name string) {
	p.t.Helper()
	p.Wait(`!document.querySelector('[data-testid="pending"]')`)
	openMenuOrder(name)(p)
}

// confirm sends the dialog, which then closes.
func (p *Page) confirm() {
	p.t.Helper()
	p.Tap(`#sheet [data-testid="confirm"]`)
	p.Wait(`!document.querySelector('#sheet').open`)
}

// says waits until a toast says so.
func (p *Page) says(text string) {
	p.t.Helper()
	p.Wait(`[...document.querySelectorAll('[data-toast]')].some(e => e.innerText.includes(` + quoted(text) + `))`)
}

// refused sends the dialog and waits until it says beside a field what is wrong. What was entered stays, and the cursor is there.
func (p *Page) refused(field, says string) {
	p.t.Helper()
	p.Tap(`#sheet [data-testid="confirm"]`)
	p.Wait(`document.querySelector('#error-` + field + `')?.innerText.includes(` + quoted(says) + `)`)
	p.Wait(`document.activeElement?.id === "field-` + field + `" && document.activeElement.getAttribute("aria-invalid") === "true"`)
}

func (b *Berth) setConfig(vmid int, key, value string) {
	b.t.Helper()
	if err := b.Sim.SetConfig(vmid, key, value); err != nil {
		b.t.Fatal(err)
	}
}

// A snapshot, a change, what differs, back to the snapshot with one before, what differs between two, and one is deleted.
func TestSnapshotsOfAContainer(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{TaskTime: briefTasks})
	p, vmid, _ := b.stopped("/containers/home:%d/snapshots")
	b.setConfig(vmid, "rootfs", fmt.Sprintf("local-lvm:vm-%d-disk-0,size=8G", vmid))
	const clean = `[data-testid="snapshot"][data-name="clean"]`
	p.Tap(`#snapshots [data-testid="order-snapshot"]:not([aria-disabled])`)
	p.Wait(`document.querySelector('#sheet [name="description"]')`)
	p.fill("name", "1 bad name")
	p.refused("name", "starts with a letter")
	p.fill("name", "clean")
	p.fill("description", "as it was made")
	p.confirm()
	p.Wait(`document.querySelector('` + clean + `')?.innerText.includes("as it was made")`)
	b.setConfig(vmid, "memory", "1234")
	p.Tap(clean + ` [data-testid="difference"]`)
	p.Wait(`document.querySelector('#sheet [data-testid="changes"]')?.innerText.includes("1234")`)
	p.Tap(`#sheet [data-close-sheet]`)
	p.order(clean, "rollback", func() { p.Click(`#sheet [name="first"]`) })
	const before = `document.querySelector('[data-testid="snapshot"][data-name^="before-rollback-"]')`
	p.Wait(before)
	p.Wait(`document.querySelector('` + clean + ` [data-testid="difference"]') && !document.querySelector('[data-testid="pending"]')`)
	p.Tap(clean + ` [data-testid="difference"]`)
	p.Wait(`document.querySelector('#sheet [data-testid="same"]')`)
	name := Eval[string](p, before+`.dataset.name`)
	Eval[bool](p, `(f => { f.value = `+quoted(name)+`; f.dispatchEvent(new Event("change", { bubbles: true })); return true })(document.querySelector('#sheet [name="to"]'))`)
	p.Wait(`document.querySelector('#sheet [name="to"]')?.value === ` + quoted(name) + ` && document.querySelector('#sheet [data-testid="changes"]')?.innerText.includes("1234")`)
	p.Tap(`#sheet [data-close-sheet]`)
	p.order(clean, "snapshot-delete", nil)
	p.Wait(`document.querySelector('#snapshots[aria-label]') && !document.querySelector('` + clean + `')`)
}

// On ZFS there is a way back to the newest snapshot only, and none can be taken before: the dialogs say so.
func TestSnapshotsOnZFS(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{TaskTime: briefTasks})
	p, vmid, _ := b.stopped("/containers/home:%d/snapshots")
	b.setConfig(vmid, "rootfs", fmt.Sprintf("tank:subvol-%d-disk-0,size=8G", vmid))
	for _, name := range []string{"older", "newer"} {
		p.order("#snapshots", "snapshot", func() { p.fill("name", name) })
		p.Wait(`document.querySelector('[data-testid="snapshot"][data-name="` + name + `"]') && !document.querySelector('[data-testid="pending"]')`)
	}
	p.Tap(`[data-name="older"] [data-testid="order-rollback"]:not([aria-disabled])`)
	p.Wait(`document.querySelector('#sheet [data-testid="refusal"]')?.innerText.includes("delete the newer ones (newer")`)
	p.Tap(`#sheet [data-close-sheet]`)
	p.order(`[data-name="newer"]`, "rollback", func() {
		p.Wait(`document.querySelector('#sheet [data-testid="warning"]')?.innerText.includes("ZFS") && !document.querySelector('#sheet [name="first"]')`)
	})
	p.says("Roll back")
}

// A backup is seen while it is made and in the head of the page; the container is restored from it, a new one is made of it,
// and it is deleted, which the head tells too.
func TestBackupsOfAContainer(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{TaskTime: briefTasks})
	p, vmid, name := b.stopped("/containers/home:%d/backups")
	const rows, head = `document.querySelectorAll('[data-testid="backup"]').length`, `document.querySelector('[data-testid="last-backup"]')?.innerText`
	p.Wait(`document.querySelector('#backups[aria-label]') && !` + head + `.includes("Looking")`)
	had := Eval[int](p, rows)
	p.order("#backups", "backup", func() { p.fill("notes", "before the move") })
	p.Wait(`document.querySelector('[data-testid="backup"]')?.innerText.includes("before the move")`)
	p.Wait(head + `.includes("Last backup just now")`)
	const newest = `[data-testid="backup"]:first-child`
	p.order(newest, "restore", nil)
	p.says("Restore " + name)
	p.Wait(`!document.querySelector('[data-testid="pending"]')`)
	p.Tap(newest + ` [data-testid="order-restore-new"]:not([aria-disabled])`)
	p.Wait(`document.querySelector('#sheet').open && document.querySelector('#sheet [name="new-macs"]')`)
	p.fill("vmid", fmt.Sprint(vmid))
	p.fill("hostname", "twin")
	p.refused("vmid", "is taken by "+name)
	p.Wait(`document.querySelector('#sheet [name="hostname"]').value === "twin"`)
	p.fill("vmid", "4711")
	p.Tap(`#sheet [data-testid="confirm"]`)
	p.Wait(`location.pathname.startsWith("/jobs/") && document.querySelector('[data-testid="job-page"]')?.innerText.includes("twin is there and stopped")`)
	p.Goto(b.App.URL() + "/containers/home:4711")
	p.Wait(`document.querySelector('[data-testid="container-detail"][data-status="stopped"] h1')?.innerText === "twin"`)
	p.Wait(head + ` === "No backup"`)
	p.Goto(b.App.URL() + fmt.Sprintf("/containers/home:%d/backups", vmid))
	p.Wait(scriptRuns)
	p.order(newest, "backup-delete", nil)
	p.Wait(fmt.Sprintf(`document.querySelector('#backups[aria-label]') && %s === %d`, rows, had))
	p.Wait(`!` + head + `.includes("just now")`)
}

// A backup that somebody else makes is seen while it goes on, and one that is protected cannot be deleted.
func TestBackupsOfOthers(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{TaskTime: time.Second})
	p, vmid, _ := b.stopped("/containers/home:%d/backups")
	p.Wait(`document.querySelector('#backups[aria-label]')`)
	node := Eval[string](p, `document.querySelector('[data-testid="container-detail"] header a[href="/nodes"]').innerText.trim()`)
	task, err := b.asRoot().Backup(t.Context(), node, pve.BackupRequest{VMIDs: []int{vmid}, Storage: "nas", Mode: "stop", Protected: true})
	if err != nil {
		t.Fatal(err)
	}
	p.Wait(`document.querySelector('[data-testid="running-backup"]')?.innerText.includes("root@pam")`)
	b.done(task, nil)
	p.Wait(`document.querySelector('[data-testid="backup"]')?.innerText.includes("protected") && !document.querySelector('[data-testid="running-backup"]')`)
	p.Wait(`document.querySelector('[data-testid="backup"] [data-testid="order-backup-delete"]').getAttribute("aria-disabled") === "true"`)
}

// A configuration is changed; what is wrong is said beside its field; what somebody else has changed meanwhile is shown and
// only overwritten if that is said, and does not matter if the dialog does not show it; an older version comes back.
func TestConfigurationIsChanged(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{TaskTime: briefTasks})
	p := b.SignIn(Desktop, "/?q=status:running%20-is:protected%20-is:ha%20-is:locked")
	vmid := idle(p, "running")
	p = b.signInOperator(t, "anna", fmt.Sprintf("/containers/home:%d/config", vmid))
	p.Wait(scriptRuns)
	const facts = `document.querySelector('[data-testid="config-facts"]')?.innerText`
	open := func() {
		p.Tap(`#config [data-testid="order-edit"]:not([aria-disabled])`)
		p.Wait(`document.querySelector('#sheet').open && !document.querySelector('#sheet-body').inert && document.querySelector('#sheet [name="set.memory"]')`)
	}
	open()
	p.Wait(`document.querySelector('#field-hookscript').disabled && document.querySelector('#help-hookscript').innerText.includes("Only root@pam")`)
	p.fill("set.memory", "1500")
	p.fill("set.nameserver", "no address")
	p.Wait(`document.querySelector('[data-effects-now]').innerText === "Takes effect at once: Memory in MiB" && document.querySelector('[data-effects-later]').innerText === "Waits for a restart: DNS servers"`)
	p.refused("nameserver", "valid IP address") // Proxmox says so
	p.fill("set.memory", "much")
	p.refused("memory", "at least 16 MiB")
	p.fill("set.memory", "1500")
	p.fill("set.nameserver", "10.0.0.53")
	p.confirm()
	p.Wait(facts + `?.includes("1.5 GiB") && document.querySelector('[data-testid="pending"]').innerText.includes("10.0.0.53")`)

	open()
	b.setConfig(vmid, "timezone", "host") // nothing that the dialog shows
	p.fill("set.memory", "2048")
	p.confirm()
	p.Wait(facts + `?.includes("2 GiB")`)

	open()
	b.setConfig(vmid, "swap", "777")
	p.fill("set.memory", "3072")
	p.Tap(`#sheet [data-testid="confirm"]`)
	p.Wait(`document.querySelector('#sheet [data-testid="changes"]')?.innerText.includes("777")`)
	p.Tap(`#sheet-problem [data-sheet]`)
	p.Wait(`document.querySelector('#sheet [name="set.swap"]')?.value === "777" && !document.querySelector('#sheet-body').inert`)
	b.setConfig(vmid, "swap", "778")
	p.fill("set.memory", "4096")
	p.Tap(`#sheet [data-testid="confirm"]`)
	p.Wait(`document.querySelector('#sheet [data-testid="changes"]')?.innerText.includes("778")`)
	p.Tap(`#sheet [data-testid="save-over"]`)
	p.Wait(`!document.querySelector('#sheet').open && ` + facts + `?.includes("4 GiB") && ` + facts + `.includes("778 MiB")`)

	p.Wait(`document.querySelector('[data-testid="version"]')?.innerText.includes("anna")`)
	first := `[...document.querySelectorAll('[data-testid="version"]')].findLast(e => e.innerText.includes("anna") && e.innerText.includes("1500"))?.querySelector('[data-testid="restore-version"]')`
	p.Wait(first)
	Eval[bool](p, `(`+first+`.click(), true)`)
	p.Wait(`document.querySelector('#sheet').open && !document.querySelector('#sheet-body').inert && document.querySelector('#sheet [data-testid="confirm"]')`)
	b.setConfig(vmid, "swap", "779")
	p.Tap(`#sheet [data-testid="confirm"]`)
	p.Wait(`document.querySelector('#sheet [data-testid="again"]') && document.querySelector('#sheet [data-testid="changes"]').innerText.includes("779")`)
	p.confirm()
	p.Wait(facts + `?.includes("1.5 GiB")`)
}

// From the menu of actions: a clone with a field that is refused first, a disk that grows, a move to another node and of a
// disk to another storage, and a template in the end.
func TestAContainerIsClonedMovedAndEnlarged(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{TaskTime: briefTasks})
	p, vmid, name := b.stopped("/containers/home:%d")
	b.setConfig(vmid, "rootfs", fmt.Sprintf("local-lvm:vm-%d-disk-0,size=8G", vmid))
	p.fromMenu("clone")
	p.fill("vmid", fmt.Sprint(vmid))
	p.fill("hostname", "twin")
	p.refused("vmid", "is taken by "+name)
	p.fill("vmid", "4711")
	Eval[bool](p, `(f => { f.value = "pve3"; f.dispatchEvent(new Event("change", { bubbles: true })); return true })(document.querySelector('#sheet [name="node"]'))`)
	p.Wait(`[...document.querySelectorAll('#sheet [name="storage"] option')].map(o => o.value).join() === "nas"`)
	p.Wait(`document.querySelector('#sheet [name="hostname"]').value === "twin" && document.querySelector('#sheet [name="vmid"]').value === "4711" && !document.querySelector('#sheet-body').inert`)
	p.confirm()
	p.says("Clone " + name)
	p.fromMenu("resize")
	p.fill("gib", "16")
	p.confirm()
	p.Wait(`document.querySelector('#about')?.innerText.includes("16 GiB")`)

	node := Eval[string](p, `document.querySelector('[data-testid="container-detail"] header a[href="/nodes"]').innerText.trim()`)
	p.fromMenu("migrate")
	p.Wait(`document.querySelector('#sheet [name="node"] option[value="` + node + `"]').disabled`)
	to := Eval[string](p, `document.querySelector('#sheet [name="node"]').value`)
	p.confirm()
	p.Wait(`document.querySelector('[data-testid="container-detail"] header a[href="/nodes"]').innerText.trim() === ` + quoted(to))
	p.fromMenu("move-volume")
	Eval[bool](p, `(f => { f.value = "nas"; return true })(document.querySelector('#sheet [name="storage"]'))`)
	p.confirm()
	p.Wait(`document.querySelector('#about')?.innerText.includes("nas:")`)
	p.fromMenu("template")
	p.confirm()
	p.says("Make a template of " + name)
	p.Goto(b.App.URL() + "/containers/home:4711")
	p.Wait(`document.querySelector('[data-testid="container-detail"][data-status="stopped"] h1')?.innerText === "twin"`)
}

// Whoever may only look is told why not, and a container that runs says what it cannot do.
func TestOrdersThatAreNotPossibleSayWhy(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few})
	c := idleTargets(b, 1)[0]
	viewer := Open(t, Desktop, b.SignInLink(berth.RoleViewer)+"&next="+c.numbered("/containers/home:VMID"))
	viewer.Tap(`[data-sheet$="/actions"]`)
	viewer.Wait(`[...document.querySelectorAll('#sheet [aria-disabled="true"]')].some(e => e.innerText.includes("Clone") && e.innerText.includes("takes the role operator"))`)
	p := b.signInOperator(t, "anna", c.numbered("/containers/home:VMID"))
	p.Tap(`[data-sheet$="/actions"]`)
	p.Wait(`[...document.querySelectorAll('#sheet [aria-disabled="true"]')].some(e => e.innerText.includes("Convert to a template") && e.innerText.includes("shut it down first"))`)
	p.Tap(`#sheet [data-sheet$="/orders/clone"]`)
	p.Wait(`document.querySelector('#sheet [data-testid="refusal"]')?.innerText.includes("take one, which can then be cloned")`)
}
