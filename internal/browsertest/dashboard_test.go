package browsertest

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"berth"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

const (
	allCards = `document.querySelectorAll('[data-testid="container-card"]').length`
	allRows  = `document.querySelectorAll('[data-testid="container-row"]').length`
)

func cardIs(vmid int, status string) string {
	return fmt.Sprintf(`document.querySelector('[data-testid="container-card"][data-vmid="%d"]')?.dataset.status === %q`, vmid, status)
}

// runningContainer gives a container that runs and is not managed by HA, and the node it is on.
func runningContainer(p *Page) (vmid int, node string) {
	p.t.Helper()
	p.Wait(`document.querySelectorAll('[data-testid="container-card"][data-status="running"]').length > 0`)
	card := Eval[map[string]string](p, `({...document.querySelector('[data-testid="container-card"][data-status="running"]').dataset})`)
	if _, err := fmt.Sscan(card["vmid"], &vmid); err != nil {
		p.t.Fatal(err)
	}
	return vmid, card["node"]
}

// post sends a request to the simulated Proxmox VE as another client of it would.
func post(t *testing.T, sim *pvesim.Sim, path string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sim.URL()+"/api2/json"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "PVEAPIToken="+sim.Token())
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: %s", path, response.Status)
	}
}

func TestContainerStoppedByAnotherClientChangesItsCard(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		b := Start(t, o, pvesim.Options{})
		p := b.SignIn(Desktop, "/")
		p.Wait(allCards + " === 40")
		Eval[bool](p, `window.notReloaded = true`)
		vmid, node := runningContainer(p)
		start := time.Now()
		post(t, b.Sim, fmt.Sprintf("/nodes/%s/lxc/%d/status/stop", node, vmid))
		p.Wait(cardIs(vmid, "stopped"))
		t.Logf("on the page after %s, of which the stop took the simulator about 2 s", time.Since(start).Round(10*time.Millisecond))
		if limit := 5 * time.Second; time.Since(start) > limit {
			t.Errorf("the card changed only after %s, want within %s", time.Since(start), limit)
		}
		if !Eval[bool](p, `window.notReloaded === true`) {
			t.Error("the page was reloaded")
		}
	})
}

func TestContainerLeavesAFilteredListWhenItsStatusChanges(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{})
	p := b.SignIn(Desktop, "/?q=status:running")
	vmid, node := runningContainer(p)
	post(t, b.Sim, fmt.Sprintf("/nodes/%s/lxc/%d/status/stop", node, vmid))
	p.Wait(fmt.Sprintf(`!document.querySelector('[data-vmid="%d"]')`, vmid))
}

func TestClusterDiesAndComesBack(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		b := Start(t, o, pvesim.Options{})
		p := b.SignIn(Desktop, "/")
		p.Wait(allCards + " === 40")
		b.Sim.Stop()
		p.Wait(`document.querySelectorAll('[data-testid="container-card"][data-status="unknown"]').length === 40`)
		p.Wait(`document.querySelector('#banners').innerText.includes('Cluster home does not answer.')`)
		if got := Eval[string](p, `document.querySelector('[data-testid="summary-total"]').textContent`); got != "40" {
			t.Errorf("total is %s while the cluster is away, want 40", got)
		}
		if err := b.Sim.Start(""); err != nil {
			t.Fatal(err)
		}
		p.Wait(`document.querySelectorAll('[data-testid="container-card"][data-status="unknown"]').length === 0`)
		p.Wait(allCards + ` === 40 && document.querySelector('#banners').innerText === ''`)
	})
}

func TestNodeOfflineMarksOnlyItsContainers(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{})
	p := b.SignIn(Desktop, "/")
	_, node := runningContainer(p)
	b.Sim.SetNodeOnline(node, false)
	p.Wait(fmt.Sprintf(`document.querySelector('#banners').innerText.includes('Node %s of cluster home is offline.')`, node))
	p.Wait(fmt.Sprintf(`document.querySelectorAll('[data-status="unknown"]').length > 0 && document.querySelectorAll('[data-status="unknown"]:not([data-node="%s"])').length === 0`, node))
	b.Sim.SetNodeOnline(node, true)
	p.Wait(`document.querySelectorAll('[data-status="unknown"]').length === 0 && document.querySelector('#banners').innerText === ''`)
}

func TestPageCausesNoCallsToProxmox(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{})
	p := b.SignIn(Desktop, "/")
	p.Wait(allCards + " === 40")
	p.Goto(b.App.URL() + "/audit") // a page without a stream: nobody watches
	client := b.Client(berth.RoleViewer)
	b.Sim.ResetCalls()
	const loads = 100
	for range loads {
		body := get(t, client, b.App.URL()+"/", http.StatusOK)
		if len(body) < 10_000 {
			t.Fatalf("not a full page: %d bytes", len(body))
		}
	}
	// The poller's own reads fall into the test; pages that asked would cause at least one call each.
	if calls := b.Sim.Calls(); calls > loads/2 {
		t.Errorf("%d page loads caused %d calls to Proxmox VE", loads, calls)
	}
}

func get(t *testing.T, client *http.Client, url string, wantStatus int) string {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != wantStatus {
		t.Fatalf("GET %s: %s, want %d", url, response.Status, wantStatus)
	}
	return string(body)
}

func TestNoClusterSaysHowToConnectOne(t *testing.T) {
	t.Parallel()
	b := StartEmpty(t, storetest.Options(t, storetest.SQLite))
	p := b.SignIn(Desktop, "/")
	p.Wait(`document.body.innerText.includes("No cluster is connected yet") && document.body.innerText.includes("berth cluster add")`)
}

func TestClusterAddedWhileRunningShowsUpByItself(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		b := StartEmpty(t, o)
		p := b.SignIn(Desktop, "/")
		p.Wait(`document.body.innerText.includes("No cluster is connected yet")`)
		b.Connect(pvesim.Options{})
		p.Wait(allCards + " === 40")
	})
}

func TestThemeIsKept(t *testing.T) {
	t.Parallel()
	b := StartEmpty(t, storetest.Options(t, storetest.SQLite))
	p := b.SignIn(Desktop, "/")
	p.Click(`button[popovertarget="theme-menu"]`)
	p.Click(`[data-theme-choice="dark"]`)
	p.Goto(b.App.URL() + "/nodes")
	if got := Eval[string](p, `document.documentElement.dataset.theme`); got != "dark" {
		t.Errorf("the theme after choosing dark is %q", got)
	}
}
