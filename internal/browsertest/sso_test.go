package browsertest

import (
	"testing"

	"github.com/oauth2-proxy/mockoidc"

	"berth"
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
