package browsertest

import (
	"regexp"
	"strings"
	"testing"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// proxmox starts a simulated cluster that Berth does not know.
func proxmox(t *testing.T, o pvesim.Options) *pvesim.Sim {
	t.Helper()
	o.Now = clocktest.Now
	sim, err := pvesim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return sim
}

// fill types into a field of a form in place of what is there.
func (p *Page) fill(name, text string) {
	p.t.Helper()
	field := `[name="` + name + `"]`
	p.Wait(`document.querySelector('` + field + `')`)
	Eval[bool](p, `(() => { const f = document.querySelector('`+field+`'); f.value = ''; f.focus(); return true })()`)
	p.Paste(text)
}

const h1 = `document.querySelector("h1")?.innerText`

// submit sends the form and waits for the page that answers.
func (p *Page) submit() {
	p.t.Helper()
	Eval[bool](p, `(window.before = true)`)
	p.Click(`main form button.btn-primary`)
	p.Wait(`!window.before`)
}

var valueRow = regexp.MustCompile(`value +│ ([0-9a-f-]{36}) `)

// runAtNode runs the commands that the page shows, but for those that leave out, and gives the secret that they print.
func runAtNode(t *testing.T, sim *pvesim.Sim, commands, leaveOut string) string {
	t.Helper()
	secret := ""
	for line := range strings.Lines(commands) {
		if leaveOut != "" && strings.Contains(line, leaveOut) {
			continue
		}
		out, status := sim.Shell("pve1", line)
		if status != 0 {
			t.Fatalf("%s ended with %d: %s", line, status, out)
		}
		if found := valueRow.FindStringSubmatch(out); found != nil {
			secret = found[1]
		}
	}
	return secret
}

func TestClusterIsConnectedStepByStep(t *testing.T) {
	t.Parallel()
	b := StartEmpty(t, storetest.Options(t, storetest.SQLite))
	sim := proxmox(t, pvesim.Options{AuthDelay: -1})
	p := b.SignIn(Desktop, "/nodes")
	p.Click(`a[href="/clusters/new"]`)
	p.Wait(h1 + ` === "Connect a cluster"`)

	p.fill("name", "Home!")
	p.fill("addresses", sim.URL())
	p.submit()
	p.Wait(`document.querySelector('#name-help').innerText.includes("small letters")`)
	p.fill("name", "home")
	p.fill("addresses", "https://127.0.0.1:1")
	p.submit()
	p.Wait(`document.querySelector('#addresses-help').innerText.includes("127.0.0.1:1") && document.querySelector('[name=name]').value === "home"`)
	p.fill("addresses", sim.URL())
	p.submit()
	p.Wait(`document.querySelector('[data-testid="certificate"]').innerText.includes("` + sim.Fingerprint() + `")`)

	p.fill("pool", "no; reboot")
	p.submit()
	p.Wait(`document.querySelector('#pool-help').innerText.includes("cannot be a pool") && document.querySelector('[data-testid="certificate"]')`)
	p.fill("pool", "")
	p.submit()
	p.Wait(`document.querySelector('pre').innerText.includes("pveum user token add berth@pve berth")`)
	commands := Eval[string](p, `document.querySelector('pre').innerText`)

	secret := runAtNode(t, sim, commands, "--users") // only the token is granted something
	p.fill("token", "00000000-0000-0000-0000-000000000000")
	p.submit()
	p.Wait(`document.querySelector('[role="alert"]').innerText.includes("token")`)
	p.fill("token", secret)
	p.submit()
	p.Wait(`document.querySelector('#token-help').innerText.includes("granted to the user and to the token")`)
	for line := range strings.Lines(commands) {
		if strings.Contains(line, "--users") {
			sim.Shell("pve1", line)
		}
	}
	p.fill("token", secret)
	p.submit()
	p.Wait(`location.pathname === "/clusters/home"`)

	p.Goto(b.App.URL() + "/")
	p.Wait(allCards + " === 40")
	p.Goto(b.App.URL() + "/clusters/home")
	p.Wait(`document.querySelectorAll('[data-testid="finding"]').length > 10`)
	if missing := p.Texts(`[data-testid="finding"][data-state="not permitted"]`); len(missing) > 0 {
		t.Errorf("what was chosen is not permitted: %q", missing)
	}
}

func TestDoctorTellsWhatAWatchingTokenMayNotDo(t *testing.T) {
	t.Parallel()
	b := StartEmpty(t, storetest.Options(t, storetest.SQLite))
	sim := proxmox(t, pvesim.Options{})
	grants := berth.Grants{Purpose: berth.PurposeWatch}
	secret := runAtNode(t, sim, strings.Join(grants.Commands(), "\n"), "")
	p := b.SignIn(Desktop, "/clusters/new")
	p.fill("name", "home")
	p.fill("addresses", strings.TrimPrefix(sim.URL(), "https://"))
	p.submit()
	p.Click(`[name="purpose"][value="watch"]`)
	p.submit()
	p.fill("token", secret)
	p.submit()
	p.Goto(b.App.URL() + "/")
	p.Wait(allCards + " === 40")
	p.Goto(b.App.URL() + "/clusters/home")
	const power = `[...document.querySelectorAll('[data-testid="finding"]')].find(e => e.innerText.startsWith("Start, shut down"))`
	p.Wait(power + `?.dataset.state === "not permitted"`)
	if text := Eval[string](p, power+`.textContent`); !strings.Contains(text, "VM.PowerMgmt") || !strings.Contains(text, "pveum acl modify /vms --tokens 'berth@pve!berth' --roles BerthOperate") {
		t.Errorf("the doctor says %q", text)
	}
	p.Goto(b.App.URL() + "/?q=status:running")
	p.Click(`[data-testid="container-card"] [data-actions]`)
	p.Wait(`document.querySelector('#sheet').open && document.querySelector('#sheet').innerText.includes("it lacks VM.PowerMgmt")`)
}

func TestChangedCertificateIsPinnedOnlyOnceSomebodySaysSo(t *testing.T) {
	t.Parallel()
	b := StartEmpty(t, storetest.Options(t, storetest.SQLite))
	b.Connect(pvesim.Options{})
	p := b.SignIn(Desktop, "/clusters/home")
	p.Wait(`document.querySelectorAll('[data-testid="finding"]').length > 10`)
	if err := b.Sim.RenewCertificate(); err != nil {
		t.Fatal(err)
	}
	p.Goto(b.App.URL() + "/nodes")
	p.Wait(`document.querySelector('[data-testid="cluster"]').innerText.includes("` + b.Sim.Fingerprint() + `")`)
	p.Goto(b.App.URL() + "/clusters/home")
	p.Click(`form[action$="/look"] button`)
	p.Wait(`document.querySelector('[data-testid="pin"]')?.innerText.includes("` + b.Sim.Fingerprint() + `")`)
	p.Click(`[data-testid="pin"] button`)
	p.Wait(`document.querySelector('[role="status"]')?.innerText.includes("is pinned")`)
	p.Goto(b.App.URL() + "/nodes")
	p.Wait(`document.querySelector('[data-testid="cluster"]').innerText.includes("answering")`)

	p.Goto(b.App.URL() + "/clusters/home")
	p.Click(`form[action$="/test"] button`)
	p.Wait(`document.querySelector('[role="status"]')?.innerText.includes("Every address answers")`)
	p.Click(`form[action$="/rights"] button`)
	p.Wait(`document.querySelector('[role="status"]')?.innerText.includes("asked just now") && document.querySelectorAll('[data-testid="finding"]').length > 10`)
	p.fill("name", "home")
	p.Click(`form[action$="/remove"] button`)
	p.Wait(`location.pathname === "/nodes" && document.body.innerText.includes("No cluster is connected yet")`)
}

func TestNodesAreLive(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{})
	p := b.SignIn(Desktop, "/nodes")
	p.Wait(`document.querySelectorAll('[data-testid="node"]').length === 3 && document.querySelectorAll('[data-testid="storage"]').length > 0`)
	p.Wait(`[...document.querySelectorAll('[data-testid="node"]')].every(e => e.innerText.includes("load"))`)
	p.Wait(`document.querySelector('[data-testid="cluster"]').innerText.includes("quorum")`)
	b.Sim.SetQuorate(false)
	p.Wait(`document.querySelector('[data-testid="cluster"]').innerText.includes("no quorum")`)
	b.Sim.SetNodeOnline("pve2", false)
	p.Wait(`[...document.querySelectorAll('[data-testid="node"]')].some(e => e.innerText.includes("offline"))`)
}

func TestSSHIsSetUpOnThePageOfTheCluster(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{})
	if err := b.Sim.StartSSH("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p := b.SignIn(Desktop, "/clusters/home")
	p.fill("login", "root")
	p.Click(`form[action$="/ssh"] button`)
	p.Wait(`document.querySelector('[data-testid="ssh"] pre')?.innerText.includes("restrict ssh-ed25519")`)
	command := Eval[string](p, `document.querySelector('[data-testid="ssh"] pre').innerText`)
	if err := b.Sim.AuthorizeKey(strings.Split(command, "'")[1]); err != nil {
		t.Fatal(err)
	}
	p.fill("hosts", "pve1 "+b.Sim.NodeSSHAddr("pve1"))
	p.Click(`form[action$="/ssh/scan"] button`)
	p.Wait(`document.querySelector('[data-testid="ssh-scan"]')?.innerText.includes("SHA256:")`)
	p.Click(`[data-testid="ssh-scan"] button`)
	p.Wait(`document.querySelector('form[action$="/ssh/test"]')`)
	p.Click(`form[action$="/ssh/test"] button`)
	p.Wait(`document.querySelector('[role="status"]')?.innerText.includes("Every node lets Berth in")`)
	p.Click(`form[action$="/ssh/remove"] button`)
	p.Wait(`document.querySelector('[role="status"]')?.innerText.includes("forgotten its key")`)
}

func TestOtherCertificateThanTheConfirmedOneGetsNoToken(t *testing.T) {
	t.Parallel()
	b := StartEmpty(t, storetest.Options(t, storetest.SQLite))
	sim := proxmox(t, pvesim.Options{})
	p := b.SignIn(Desktop, "/clusters/new")
	p.fill("name", "home")
	p.fill("addresses", sim.URL())
	p.submit()
	p.submit()
	p.Wait(`document.querySelector('[name="token"]')`)
	if err := sim.RenewCertificate(); err != nil { // as if somebody else answered there
		t.Fatal(err)
	}
	sim.ResetCalls()
	p.fill("token", sim.Token())
	p.submit()
	p.Wait(`document.querySelector('[role="alert"]')?.innerText.includes("` + sim.Fingerprint() + `")`)
	if calls := sim.Calls(); calls > 0 {
		t.Errorf("%d calls were made to a server that nobody trusts", calls)
	}
}
