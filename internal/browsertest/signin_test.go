package browsertest

import (
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"berth/internal/clocktest"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

const goodPassword = "three words of mine"

func TestSetupMakesTheFirstAccountOnce(t *testing.T) {
	t.Parallel()
	b := StartEmpty(t, storetest.Options(t, storetest.SQLite))
	link, err := b.App.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const saysWhy = `document.querySelector('[role="alert"]')?.innerText.includes("does not work")`
	p := Open(t, Desktop, b.App.URL()+"/setup?token=guessed")
	p.Wait(saysWhy)
	p.Goto(link)
	p.Wait(`document.querySelector('form[action="/setup"]')`)
	p.Click(`[name="name"]`)
	p.Paste("anna")
	p.Click(`[name="password"]`)
	p.Paste("password123")
	p.Click(`form[action="/setup"] button`)
	p.Wait(`document.querySelector('[role="alert"]')?.innerText.includes("attackers try first")`)
	p.Click(`[name="password"]`)
	p.Paste(goodPassword)
	p.Click(`form[action="/setup"] button`)
	p.Wait(`document.body.innerText.includes("No cluster is connected yet")`)
	again := Open(t, Desktop, link)
	again.Wait(`document.querySelector('[role="alert"]')?.innerText.includes("set up already")`)

	again.signInWith("anna", "a wrong password")
	again.Wait(`document.querySelector('[role="alert"]')?.innerText.includes("name or the password is wrong")`)
	again.signInWith("anna", goodPassword)
	again.Wait(`document.body.innerText.includes("No cluster is connected yet")`)
}

// signInWith fills in the form for name and password.
func (p *Page) signInWith(name, password string) {
	p.t.Helper()
	p.Wait(`document.querySelector('form[action="/login"] [name="name"]')`)
	Eval[string](p, `document.querySelector('[name="name"]').value = ""`)
	p.Click(`[name="name"]`)
	p.Paste(name)
	p.Click(`[name="password"]`)
	p.Paste(password)
	p.Click(`form[action="/login"] button`)
}

func TestPasswordSecondFactorAndSessions(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: few})
	p := b.signInAs(t, "bert", "/account")
	p.Wait(`document.querySelector('form[action="/account/password"]')`)
	p.Click(`[name="password"]`)
	p.Paste(goodPassword)
	p.Click(`form[action="/account/password"] button`)
	p.Wait(`document.querySelector('form[action="/account/second-factor"]')`)
	p.Click(`form[action="/account/second-factor"] button`)
	p.Wait(`document.querySelector('img[alt^="QR"]')?.naturalWidth > 200`)
	seed := strings.ReplaceAll(Eval[string](p, `document.querySelector('[data-testid="seed"]').innerText`), " ", "")
	p.Click(`[name="code"]`)
	p.Paste("000000000")
	p.Click(`form[action$="/prove"] button`)
	p.Wait(`document.querySelector('[role="alert"]')`)
	p.Click(`[name="code"]`)
	p.Paste(codeAt(t, seed, clocktest.Now()))
	p.Click(`form[action$="/prove"] button`)
	p.Wait(`document.querySelectorAll('[data-testid="recovery"] li').length === 10`)
	recovery := Eval[string](p, `document.querySelector('[data-testid="recovery"] li').innerText`)

	phone := Open(t, Desktop, b.App.URL()+"/?q=status:running")
	phone.signInWith("bert", goodPassword)
	phone.Wait(`document.querySelector('form[action="/login/code"]')`)
	phone.Click(`[name="code"]`)
	phone.Paste("111")
	phone.Click(`form[action="/login/code"] button`)
	phone.Wait(`document.querySelector('[role="alert"]')?.innerText.includes("wrong")`)
	phone.Click(`[name="code"]`)
	phone.Paste(codeAt(t, seed, clocktest.Now().Add(30*time.Second))) // the one that proved it is used up
	phone.Click(`form[action="/login/code"] button`)
	phone.Wait(`location.search === "?q=status:running" && document.querySelector('[data-key]')`)

	other := Open(t, Desktop, b.App.URL()+"/login")
	other.signInWith("bert", goodPassword)
	other.Wait(`document.querySelector('form[action="/login/code"]')`)
	other.Click(`[name="code"]`)
	other.Paste(recovery)
	other.Click(`form[action="/login/code"] button`)
	other.Wait(allCards + ` > 0`)

	p.Goto(b.App.URL() + "/account")
	p.Wait(`document.querySelectorAll('[data-testid="session"]').length === 3`)
	for n := 2; n > 0; n-- {
		p.Click(`[data-testid="session"] form button`)
		p.Wait(`document.querySelectorAll('[data-testid="session"] form').length === ` + string(rune('0'+n-1)))
	}
	for _, ended := range []*Page{phone, other} {
		ended.Goto(b.App.URL() + "/nodes")
		ended.Wait(`location.pathname === "/login"`)
	}
}

func codeAt(t *testing.T, seed string, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(seed, at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}
