package browsertest

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oauth2-proxy/mockoidc"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// provide starts a provider of OpenID Connect and lets its group developers in, as our group team, which sees everything.
func provide(t *testing.T, b *Berth) *mockoidc.MockOIDC {
	t.Helper()
	provider, err := mockoidc.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := provider.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	s, config := b.App.Store, provider.Config()
	if _, err := s.AddGroup(t.Context(), testActor, "team"); err != nil {
		t.Fatal(err)
	}
	if err := s.Give(t.Context(), testActor, store.Holder{Group: "team"}, berth.Grant{Role: berth.RoleViewer}); err != nil {
		t.Fatal(err)
	}
	p := berth.SignOn{Name: "corp", Issuer: config.Issuer, ClientID: config.ClientID, GroupsClaim: "groups", Mapping: map[string]string{"developers": "team"}}
	if err := s.AddSignOn(t.Context(), testActor, p, config.ClientSecret); err != nil {
		t.Fatal(err)
	}
	return provider
}

func TestSingleSignOn(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few})
	provider := provide(t, b)
	knows := func(subject, name string, groups ...string) {
		provider.QueueUser(&mockoidc.MockUser{Subject: subject, PreferredUsername: name, Email: name + "@example.org", Groups: groups})
	}
	const problem = `document.querySelector('[role="alert"]')?.innerText`
	signIn := func() *Page {
		p := Open(t, Desktop, b.App.URL()+"/login")
		p.Wait(`document.querySelector('a[href="/login/sso/corp"]')`)
		p.Click(`a[href="/login/sso/corp"]`)
		return p
	}

	knows("1", "bert", "developers", "others")
	bert := signIn()
	bert.Wait(allCards + " === 12")

	knows("2", "eve", "others")
	eve := signIn()
	eve.Wait(problem + `.includes("none of your groups")`)
	if _, err := b.App.Store.UserByName(t.Context(), "eve"); berth.CodeOf(err) != berth.NotFound {
		t.Errorf("eve has an account: %v", err)
	}

	// Somebody else of the same name does not get bert's account, nor does the one of an admin go to whoever is called so.
	b.SignInLink(berth.RoleAdmin)
	knows("3", "admin", "developers")
	other := signIn()
	other.Wait(allCards + " === 12")
	if Eval[bool](other, `!!document.querySelector('a[href="/settings/access"]')`) {
		t.Error("an account was given away because of its name")
	}

	// Whoever leaves the group there leaves it here at the next sign-in.
	knows("1", "bert")
	signIn().Wait(`document.body.innerText.includes("You have not been given a role yet")`)

	// A way back that nobody began.
	bert.Goto(b.App.URL() + "/login/sso/corp/callback?code=guess&state=guess")
	bert.Wait(problem + `.includes("was not begun here")`)
}

func TestSignInThroughProxmox(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few, AuthDelay: -1})
	s := b.App.Store
	if _, err := s.AddGroup(t.Context(), testActor, "team"); err != nil {
		t.Fatal(err)
	}
	if err := s.Give(t.Context(), testActor, store.Holder{Group: "team"}, berth.Grant{Role: berth.RoleViewer, Scope: "node:pve1"}); err != nil {
		t.Fatal(err)
	}
	p := berth.SignOn{Name: "Proxmox", Issuer: berth.OfCluster("home"), Mapping: map[string]string{"devs": "team"}}
	if err := s.AddSignOn(t.Context(), testActor, p, ""); err != nil {
		t.Fatal(err)
	}
	b.manage("/access/groups", url.Values{"groupid": {"devs"}})
	b.manage("/access/users", url.Values{"userid": {"bert@pve"}, "password": {"bert's password"}, "groups": {"devs"}})
	b.manage("/access/users", url.Values{"userid": {"eve@pve"}, "password": {"eve's password"}})
	seed, err := b.Sim.RequireTOTP("bert@pve")
	if err != nil {
		t.Fatal(err)
	}

	page := Open(t, Desktop, b.App.URL()+"/login")
	page.Wait(`document.querySelector('a[href="/login/sso/Proxmox"]')`)
	page.Click(`a[href="/login/sso/Proxmox"]`)
	try := func(name, password, code string) {
		page.Wait(`document.querySelector('form[action="/login/sso/Proxmox"] [name="name"]')`)
		Eval[string](page, `document.querySelector('[name="name"]').value = ""`)
		for field, text := range map[string]string{"name": name, "password": password, "code": code} {
			page.Click(`[name="` + field + `"]`)
			page.Paste(text)
		}
		page.Click(`form[action="/login/sso/Proxmox"] button`)
	}
	says := func(words string) {
		t.Helper()
		page.Wait(`document.querySelector('[role="alert"]')?.innerText.includes("` + words + `")`)
	}
	try("bert@pve", "a guess", "")
	says("is wrong")
	try("eve@pve", "eve's password", "")
	says("none of your groups")
	try("bert@pve", "bert's password", "")
	says("has a second factor")
	try("bert@pve", "bert's password", codeAt(t, seed, clocktest.Now()))
	page.Wait(allCards + ` > 0`)
	if Eval[bool](page, `document.body.innerText.includes("pve2")`) {
		t.Error("more is seen than the group may")
	}
}

// manage asks the simulated cluster to change something, as its root does.
func (b *Berth) manage(path string, form url.Values) {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.Sim.URL()+"/api2/json"+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Authorization", "PVEAPIToken="+b.Sim.Token())
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		b.t.Fatalf("%s gives %s", path, response.Status)
	}
}
