package browsertest

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// tabsReady is, for each tab of the page of a container, what is true once its content has come.
type tabsReady map[string]string

// look opens every tab and waits for what is to be there.
func (ready tabsReady) look(p *Page, b *Berth, c target) {
	p.t.Helper()
	for _, tab := range []string{"", "/events", "/snapshots", "/backups", "/config", "/console"} {
		p.Goto(b.App.URL() + c.numbered("/containers/home:VMID") + tab)
		p.Wait(`document.querySelector('[data-testid="container-detail"] h1')?.innerText === ` + quoted(c.name) + ` && (` + ready[tab] + `)`)
		if got := Eval[string](p, `new URL(document.querySelector('.tab-link[aria-current]').href).pathname`); got != c.numbered("/containers/home:VMID")+tab {
			p.t.Errorf("at %q the tab %s is marked as the one that is open", tab, got)
		}
	}
}

func has(selector, text string) string {
	return `document.querySelector(` + quoted(selector) + `)?.innerText.includes(` + quoted(text) + `)`
}

// sayWhy are tabs that tell why they have nothing of Proxmox, and events all the same.
func sayWhy(events, why, console string) tabsReady {
	problem := has(`#tab [data-testid="part-problem"]`, why)
	return tabsReady{
		"":           has(`#now [data-testid="part-problem"]`, why) + ` && ` + has(`#about [data-testid="part-problem"]`, why) + ` && ` + has(`[data-chart-problem]`, why),
		"/events":    has("#timeline", events) + ` && ` + problem,
		"/snapshots": problem,
		"/backups":   problem,
		"/config":    problem,
		"/console":   has(`[data-testid="console-refused"]`, console),
	}
}

// by root waits for the end of a task that somebody started with Proxmox's own means.
func (b *Berth) byRoot(order func(*pve.Client) (pve.UPID, error)) {
	b.t.Helper()
	root := b.asRoot()
	defer root.Close()
	task, err := order(root)
	if err == nil {
		_, err = root.Wait(b.t.Context(), task)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// Each tab has an address of its own, and shows what there is: of a container with everything, of one that Berth has never
// touched, of one that was deleted outside, of one whose record is closed, and while the cluster is down.
func TestTabsOfAContainer(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few, TaskTime: 20 * time.Millisecond})
	targets := idleTargets(b, 4)
	full, lost := targets[0], targets[1]
	p := b.SignIn(Desktop, "/")
	nodes := map[int]string{full.vmid: nodeOf(p, full), lost.vmid: nodeOf(p, lost)}
	client := b.Client(berth.RoleAdmin)
	post := func(c target, what string, form url.Values) {
		t.Helper()
		if status := postForm(t, client, b.App.URL()+c.numbered("/containers/home:VMID")+what, form); status != http.StatusNoContent {
			t.Fatalf("%s of %s is answered with %d", what, c.name, status)
		}
	}
	post(full, "/tags", url.Values{"add": {"looked-at"}})
	post(lost, "/tags", url.Values{"add": {"looked-at"}})

	t.Run("with everything", func(t *testing.T) {
		for key, value := range map[string]string{"description": "Ask **Anna**, see https://wiki.example.com/ct.", "rootfs": full.numbered("local-lvm:vm-VMID-disk-0,size=8G")} {
			if err := b.Sim.SetConfig(full.vmid, key, value); err != nil {
				t.Fatal(err)
			}
		}
		b.byRoot(func(root *pve.Client) (pve.UPID, error) {
			return root.CreateSnapshot(t.Context(), nodes[full.vmid], full.vmid, "clean", "as it was made")
		})
		b.byRoot(func(root *pve.Client) (pve.UPID, error) {
			return root.Backup(t.Context(), nodes[full.vmid], pve.BackupRequest{VMIDs: []int{full.vmid}, Storage: "nas", Mode: "snapshot"})
		})
		tabsReady{
			"": has("#about", "unprivileged") + ` && document.querySelector('[data-testid="notes"] strong')?.innerText === "Anna"
				&& document.querySelector('[data-testid="notes"] a')?.href === "https://wiki.example.com/ct"
				&& document.querySelectorAll('[data-testid="bars"] dt').length === 4 && document.querySelector('#charts').dataset.points`,
			"/events":    has("#timeline", "configured "+full.name) + ` && ` + has("#timeline", "root@pam") + ` && document.querySelector('#timeline details')`,
			"/snapshots": has(`[data-testid="snapshot"][data-name="clean"]`, "as it was made"),
			"/backups":   has(`[data-testid="backup"]`, "nas"),
			"/config":    has(`[data-testid="config-facts"]`, "looked-at") + ` && document.querySelector('[data-testid="pending"]') && document.querySelector('[data-testid="version"]')`,
			"/console":   consoleOpen,
		}.look(p, b, full)
	})
	t.Run("that Berth has never touched, with nothing", func(t *testing.T) {
		bare := b.bare(t, p, targets[2:])
		tabsReady{
			"":           has("#now", "only as Proxmox lists it") + ` && ` + has(`[data-testid="notes"]`, "There are none"),
			"/events":    `document.querySelector('#timeline')`,
			"/snapshots": has(`[data-testid="no-snapshots"]`, "no snapshots"),
			"/backups":   has(`[data-testid="no-backups"]`, "no backup"),
			"/config":    has(`[data-testid="pending"]`, "Nothing"),
			"/console":   consoleOpen,
		}.look(p, b, bare)
		p.Goto(b.App.URL() + bare.numbered("/containers/home:VMID/events?kind=snapshots"))
		p.Wait(has(`[data-testid="no-events"]`, "Nothing of this kind"))
	})
	t.Run("that was deleted outside", func(t *testing.T) {
		if err := b.Sim.SetConfig(lost.vmid, "protection", ""); err != nil {
			t.Fatal(err)
		}
		b.byRoot(func(root *pve.Client) (pve.UPID, error) {
			return root.Stop(t.Context(), nodes[lost.vmid], lost.vmid, pve.StopOptions{})
		})
		b.byRoot(func(root *pve.Client) (pve.UPID, error) {
			return root.Delete(t.Context(), nodes[lost.vmid], lost.vmid, pve.DeleteOptions{})
		})
		p.Goto(b.App.URL() + lost.numbered("/containers/home:VMID"))
		p.Wait(has(`[data-testid="container-detail"][data-status="unknown"]`, "Deleted outside Berth"))
		sayWhy("configured "+lost.name, "does not have this container any more", "does not exist any more").look(p, b, lost)
	})
	t.Run("whose record is closed", func(t *testing.T) {
		p.Goto(b.App.URL() + lost.numbered("/containers/home:VMID"))
		p.Wait(has("#about", "does not have this container any more"))
		post(lost, "/actions/forget", url.Values{"asked": {"1"}})
		p.Wait(`document.querySelector('[data-testid="container-gone"]')`) // a page that is open becomes it by itself
		for _, tab := range []string{"", "/events", "/config", "/console"} {
			p.Goto(b.App.URL() + lost.numbered("/containers/home:VMID") + tab)
			p.Wait(has(`[data-testid="container-gone"] h1`, lost.name) + ` && document.querySelector('[data-testid="event"]')`)
		}
	})
	t.Run("while the cluster is down", func(t *testing.T) {
		p.Goto(b.App.URL() + full.numbered("/containers/home:VMID"))
		b.Sim.Stop()
		p.Wait(`document.querySelector('[data-testid="container-detail"][data-status="unknown"]')`)
		sayWhy("configured "+full.name, "does not answer", "does not answer").look(p, b, full)
	})
}

// bare gives one of the containers, without snapshots, backups and notes.
func (b *Berth) bare(t *testing.T, p *Page, from []target) target {
	t.Helper()
	root := b.asRoot()
	defer root.Close()
	p.Goto(b.App.URL() + "/")
	for _, c := range from {
		node := nodeOf(p, c)
		snapshots, _, err := root.Snapshots(t.Context(), node, c.vmid)
		if err != nil {
			t.Fatal(err)
		}
		backups, err := root.StorageContent(t.Context(), node, "nas", pve.ContentQuery{Content: "backup", VMID: c.vmid})
		if err != nil {
			t.Fatal(err)
		}
		if len(snapshots) == 0 && len(backups) == 0 {
			return c
		}
	}
	t.Fatalf("none of %v is without snapshots and backups", from)
	return target{}
}
