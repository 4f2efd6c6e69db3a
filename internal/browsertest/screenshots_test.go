package browsertest

import (
	"os"
	"path/filepath"
	"testing"

	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// looks are the sizes and themes in which every page must be good.
var looks = map[string]Look{
	"1440-light": {Width: 1440, Height: 900}, "1440-dark": {Width: 1440, Height: 900, Dark: true},
	"768-light": {Width: 768, Height: 1024}, "768-dark": {Width: 768, Height: 1024, Dark: true},
	"390-light": {Width: 390, Height: 844, Phone: true}, "390-dark": {Width: 390, Height: 844, Phone: true, Dark: true},
}

// TestScreenshots takes pictures of every page for people to look at, and asserts what a picture would show as broken:
// nothing is wider than the screen.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{})
	empty := StartEmpty(t, storetest.Options(t, storetest.SQLite))
	down := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: 12})
	p := down.SignIn(Desktop, "/")
	p.Wait(allCards + " === 12")
	down.Sim.Stop()
	p.Wait(`document.querySelectorAll('[data-status="unknown"]').length === 12`)
	pages := []struct {
		name string
		on   *Berth
		path string
		when string
	}{
		{"dashboard", b, "/", allCards + " === 40"},
		{"table", b, "/containers?layout=table", `document.querySelectorAll('[data-testid="container-row"]').length === 40`},
		{"grouped", b, "/?group=node", `document.querySelectorAll('.group-head').length === 3`},
		{"bad-query", b, "/?q=web%20colour:red", `document.querySelector('#query-problem').innerText !== ''`},
		{"container", b, "/containers/home:101", `document.querySelector('[data-testid="container-detail"]')`},
		{"filtered-empty", b, "/?q=status:error", `document.body.innerText.includes("No error containers")`},
		{"nodes", b, "/nodes", `document.body.innerText.includes("pve3")`},
		{"not-found", b, "/nowhere", `document.body.innerText.includes("Not found")`},
		{"no-cluster", empty, "/", `document.body.innerText.includes("No cluster is connected yet")`},
		{"cluster-down", down, "/", `document.querySelectorAll('[data-status="unknown"]').length === 12`},
		{"nodes-down", down, "/nodes", `document.body.innerText.includes("does not answer")`},
	}
	for lookName, look := range looks {
		if !look.Phone && os.Getenv("BERTH_SCREENSHOTS") == "" {
			continue // the narrowest screen is where things break
		}
		t.Run(lookName, func(t *testing.T) {
			login := Open(t, look, b.App.URL()+"/login")
			keepPicture(t, login, "login-"+lookName)
			for _, page := range pages {
				p := page.on.signIn(t, look, page.path)
				p.Wait(page.when)
				if wide := Eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
					t.Errorf("%s is %d px wider than the screen", page.name, wide)
				}
				keepPicture(t, p, page.name+"-"+lookName)
			}
		})
	}
}

// keepPicture writes a picture to the directory that BERTH_SCREENSHOTS names, if any.
func keepPicture(t *testing.T, p *Page, name string) {
	t.Helper()
	dir := os.Getenv("BERTH_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), p.Picture(), 0o644); err != nil {
		t.Fatal(err)
	}
}
