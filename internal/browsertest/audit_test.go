package browsertest

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// asRoot gives a client that acts outside Berth, as somebody in the web interface of Proxmox does.
func (b *Berth) asRoot() *pve.Client {
	b.t.Helper()
	client, err := pve.New(pve.Config{Endpoints: []string{b.Sim.URL()}, Fingerprint: b.Sim.Fingerprint(), Login: &pve.Login{User: "root@pam", Password: "berth-demo"}})
	if err != nil {
		b.t.Fatal(err)
	}
	return client
}

// nodeOf gives the node that a container is on.
func nodeOf(p *Page, c target) string {
	p.t.Helper()
	p.Wait(`document.querySelector('` + c.part("[data-node]") + `')`)
	return Eval[string](p, `document.querySelector('`+c.part("")+`').dataset.node`)
}

// What others do with a container is seen among the jobs while it goes on and in the history afterwards; when they have
// deleted it, its record can be closed, and its history is still there.
func TestWhatOthersDoIsSeen(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: 8})
	c := idleTargets(b, 1)[0]
	p := b.signInOperator(t, "anna", c.numbered("/?q=vmid:VMID"))
	node := nodeOf(p, c)
	p.Wait(scriptRuns)
	fromSheet(p, c, deed{name: "protect"}) // something done in Berth, so that the container is tracked
	p.toast("success", "Change the protection of "+c.name, "done")
	p.Wait(c.actionsInclude("/unprotect"))
	fromSheet(p, c, deed{name: "unprotect"})
	p.toast("success", "Change the protection of "+c.name, "done")

	jobs := b.signInOperator(t, "bert", "/jobs?show=elsewhere")
	jobs.Wait(`document.querySelector('[data-testid="job"][data-outside]')`)
	root := b.asRoot()
	upid, err := root.Stop(t.Context(), node, c.vmid, pve.StopOptions{})
	if err != nil {
		t.Fatal(err)
	}
	line := func(state string) string {
		return fmt.Sprintf(`[...document.querySelectorAll('[data-testid="job"][data-outside][data-state="%s"]')].some(e => e.innerText.includes("Stop %s (%d on %s)") && e.innerText.includes("root@pam") && e.innerText.includes("outside Berth"))`, state, c.name, c.vmid, node)
	}
	jobs.Wait(line("done"))
	jobs.Goto(b.App.URL() + c.numbered("/audit?q=home:VMID&source=proxmox"))
	jobs.Wait(fmt.Sprintf(`document.querySelector('[data-testid="event"]')?.innerText.includes("root@pam stopped %s (%d on %s) outside Berth (vzstop)")`, c.name, c.vmid, node))
	jobs.Click(`[data-testid="event"] summary`)
	jobs.Wait(`document.querySelector('[data-testid="event"]').innerText.includes(` + quoted(string(upid)) + `)`)

	if _, err := root.Delete(t.Context(), node, c.vmid, pve.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	p.Wait(`document.querySelector('` + c.part("") + `')?.innerText.includes("Deleted outside Berth")`)
	fromSheet(p, c, deed{name: "forget"})
	p.Wait(`document.querySelector('#sheet').innerText.includes("Its history stays")`)
	p.Tap(`[data-testid="confirm"]`)
	p.Wait(`!document.querySelector('` + c.part("") + `')`)
	p.Goto(b.App.URL() + "/audit?actor=anna&action=container.protection")
	p.Click(`[data-testid="event"] p a`)
	p.Wait(`document.querySelector('[data-testid="container-gone"]')?.innerText.includes("` + c.name + `") && document.querySelectorAll('[data-testid="event"]').length >= 4`)
}

const evilText = `=HYPERLINK("http://evil")<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>"'<hx-partial hx-target="body">gone</hx-partial>`

// addHistory adds so many events, the first one the oldest.
func addHistory(t *testing.T, b *Berth, n int) {
	t.Helper()
	for i := range n {
		e := berth.Event{Actor: "carla", Source: "api", Action: "container.stop", Cluster: "home", VMID: 7000 + i, Subject: fmt.Sprintf("old%d (%d on pve1)", i, 7000+i),
			At: clocktest.Now().Add(time.Duration(i-n) * time.Minute), Details: map[string]string{"state": "failed", "message": "=1+1"}}
		if i == 0 {
			e.Actor, e.Subject, e.Details["message"], e.Details["upid"] = "=evil", evilText, evilText, evilText
		}
		if err := b.App.Store.AddEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAuditIsFilteredPagedAndExported(t *testing.T) {
	t.Parallel()
	b := StartEmpty(t, storetest.Options(t, storetest.SQLite))
	addHistory(t, b, 120)
	const events = `document.querySelectorAll('[data-testid="event"]').length`
	p := b.SignIn(Desktop, "/audit?actor=carla")
	p.Wait(events + ` === 100`)
	p.Click(`[data-testid="older"]`)
	p.Wait(events + ` === 19 && !document.querySelector('[data-testid="older"]')`)
	p.Goto(b.App.URL() + "/audit")
	p.Click(`[name="q"]`)
	p.Paste("home:7042")
	p.Press("\r")
	p.Wait(events + ` === 1 && location.search.includes("q=home%3A7042") && document.body.innerText.includes("carla could not stop old42 (7042 on pve1): =1+1")`)
	p.Goto(b.App.URL() + "/audit?q=onerror")
	p.Wait(events + ` === 1`)
	p.Click(`[data-testid="event"] summary`)
	p.Wait(`document.querySelector('[data-testid="event"] details').innerText.includes("onerror")`)
	checkUnhurt(t, p, "audit")
	p.Goto(b.App.URL() + "/audit?until=2001-01-01T00:00")
	p.Wait(`document.body.innerText.includes("Nothing in the history matches")`)
	p.Goto(b.App.URL() + "/audit?since=yesterday")
	p.Wait(`document.body.innerText.includes("is no time")`)
	checkExports(t, b)
}

// checkExports checks both forms of the history.
func checkExports(t *testing.T, b *Berth) {
	t.Helper()
	client := b.Client(berth.RoleViewer)
	get := func(query string) string {
		response, err := client.Get(b.App.URL() + "/audit/export?" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != 200 || !strings.HasPrefix(response.Header.Get("Content-Disposition"), "attachment;") {
			t.Fatalf("export %s: %s %v, %v", query, response.Status, response.Header, err)
		}
		return string(body)
	}
	rows, err := csv.NewReader(strings.NewReader(get("format=csv&source=api"))).ReadAll()
	if err != nil || len(rows) != 121 {
		t.Fatalf("the table has %d rows (%v), want a head and 120", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@") {
				t.Fatalf("the cell %q is a formula", cell)
			}
		}
	}
	if got := rows[120]; got[1] != "'=evil" || got[7] != "'"+evilText {
		t.Errorf("the oldest row is %q", got)
	}
	lines := strings.Split(strings.TrimSpace(get("format=jsonl&actor=carla")), "\n")
	var last struct{ Actor, Subject, Action string }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != 119 || last.Subject != "old1 (7001 on pve1)" {
		t.Errorf("%d lines, the last %+v (%v), want 119 down to old1", len(lines), last, err)
	}
}
