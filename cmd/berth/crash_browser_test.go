package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/browsertest"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// Somebody creates a container, Berth is killed while Proxmox works on it, and goes on with it after it was started again.
func TestCreationInABrowserSurvivesKill9(t *testing.T) {
	t.Parallel()
	sim, err := pvesim.New(pvesim.Options{Cluster: "home", Containers: -1, TaskTime: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	o := storetest.Options(t, storetest.SQLite)
	s, berthNow := storetest.OpenWith(t, o), newServer(t, o)
	berthNow.command("cluster", "add", "home", "--url", sim.URL(), "--token", sim.Token(), "--fingerprint", sim.Fingerprint())
	berthNow.start()
	t.Cleanup(func() { berthNow.stop() })

	p := browsertest.Open(t, browsertest.Desktop, berthNow.signInLink()+"&next="+url.QueryEscape("/"))
	p.Wait(`document.querySelector('#list a[href="/containers/new"]')`)
	p.Click(`#list a[href="/containers/new"]`)
	p.Wait(`document.querySelector('#storage')?.value && document.querySelector('#image')?.value && !document.querySelector('#place.htmx-request')`)
	browsertest.Eval[bool](p, `(document.querySelector('#hostname').value = "fresh", document.querySelector('#password').value = "correct horse", true)`)
	sim.Fail(pvesim.Fault{Path: "/nodes/*/tasks/*/status", Hang: true}) // Berth does not learn of the end of the task
	p.Tap(`[data-testid="create"]`)
	p.Wait(`location.pathname.startsWith("/jobs/")`)
	job := waitForTask(t, s)
	berthNow.kill()
	sim.ClearFaults()
	berthNow.start()

	p.Goto(berthNow.url() + "/jobs/" + job.ID)
	p.Wait(`document.querySelector('[data-testid="job-page"]')?.dataset.state === "done"`)
	p.Click(`a[href^="/containers/home:"]`)
	p.Wait(`document.querySelector('[data-testid="container-detail"][data-status="running"] h1')?.innerText === "fresh"`)
	orders := 0
	for _, q := range sim.Requests() {
		if q.Method == http.MethodPost && strings.HasSuffix(q.Path, "/lxc") {
			orders++
		}
	}
	if orders != 1 {
		t.Errorf("%d requests for one container", orders)
	}
}

// waitForTask waits until a job knows which task of Proxmox it waits for.
func waitForTask(t *testing.T, s *store.Store) berth.Job {
	t.Helper()
	deadline := time.Now().Add(settleTime)
	for time.Now().Before(deadline) {
		jobs, err := s.ActiveJobs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(jobs) == 1 && strings.Contains(jobs[0].Ref, ":vzcreate:") {
			return jobs[0]
		}
		time.Sleep(20 * time.Millisecond) // the next look
	}
	t.Fatal("no job waits for a task")
	return berth.Job{}
}
