package browsertest

import (
	"testing"

	"berth"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestAnAdminLetsSomebodyIn(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few})
	admin := b.SignIn(Desktop, "/")
	admin.Wait(allCards + " === 12")
	admin.Click(`[popovertarget="user-menu"]`)
	admin.Click(`a[href="/settings/access"]`)
	admin.Wait(`document.querySelector('[data-testid="user"]')`)
	admin.Click(`form[action="/settings/users"] [name="name"]`)
	admin.Paste("bert")
	admin.Click(`form[action="/settings/users"] [name="scope"]`)
	admin.Paste("node:pve1")
	admin.Click(`form[action="/settings/users"] button`)
	admin.Wait(`document.querySelector('[data-testid="link"] code')`)
	link := Eval[string](admin, `document.querySelector('[data-testid="link"] code').innerText`)

	bert := Open(t, Desktop, link)
	bert.Wait(allCards + ` > 0`)
	if got := Eval[string](bert, `[...document.querySelectorAll('[data-key]')].map(e => e.innerText).join(" ")`); Eval[bool](bert, `document.body.innerText.includes("pve2")`) {
		t.Errorf("bert sees containers of pve2: %s", got)
	}
	if Eval[bool](bert, `!!document.querySelector('a[href="/settings/access"]')`) {
		t.Error("bert is offered what only an admin may do")
	}

	// What is given to a group arrives at its members, also on a page that is open.
	if _, err := b.App.Store.AddGroup(t.Context(), testActor, "team"); err != nil {
		t.Fatal(err)
	}
	if err := b.App.Store.Give(t.Context(), testActor, store.Holder{Group: "team"}, berth.Grant{Role: berth.RoleViewer}); err != nil {
		t.Fatal(err)
	}
	admin.Goto(b.App.URL() + "/settings/access")
	admin.Wait(`document.querySelector('[data-testid="group"]')`)
	Eval[string](admin, `document.querySelector('[data-testid="group"] select[name="user"]').value = "bert"`)
	admin.Click(`[data-testid="group"] form:has(select[name="user"]) button`)
	admin.Wait(`document.querySelector('[data-testid="member"]')`)
	bert.Goto(b.App.URL() + "/")
	bert.Wait(allCards + " === 12")
}

func TestTheLastAdminStays(t *testing.T) {
	t.Parallel()
	b := StartEmpty(t, storetest.Options(t, storetest.SQLite))
	p := b.SignIn(Desktop, "/settings/access")
	p.Wait(`document.querySelector('[data-testid="grant"]')`)
	p.Click(`[data-testid="grant"] button`)
	p.Wait(`document.querySelector('[role="alert"]')?.innerText.includes("nobody would be left")`)
	p.Wait(`document.querySelector('[data-testid="grant"]').innerText.includes("admin everywhere")`)
}
