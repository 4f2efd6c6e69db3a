package browsertest

import (
	"fmt"
	"testing"
	"time"

	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

const (
	offered    = `document.querySelector('#storage')?.value && document.querySelector('#image')?.value && !document.querySelector('#place.htmx-request')` // by the node of the form
	sendForm   = `[data-testid="create"]`
	jobIs      = `document.querySelector('[data-testid="job-page"]')?.dataset.state`
	rootSecret = "correct horse battery"
)

// problemAt waits for a problem beside a field, which has the focus if it is the first one.
func (p *Page) problemAt(field, words string, first bool) {
	p.t.Helper()
	p.Wait(fmt.Sprintf(`document.querySelector('#%s').getAttribute("aria-invalid") === "true" && document.querySelector('#%[1]s-help').innerText.includes(%s)`, field, quoted(words)))
	if first {
		p.Wait(`document.activeElement?.id === ` + quoted(field))
	}
}

func (p *Page) valueOf(field string) string {
	p.t.Helper()
	return Eval[string](p, `document.getElementById(`+quoted(field)+`).value`)
}

// removeImages removes the OS images of every node but those that stay.
func (b *Berth) removeImages(stays func(volume string) bool) {
	b.t.Helper()
	root := b.asRoot()
	for _, node := range []string{"pve1", "pve2", "pve3"} {
		images, err := root.StorageContent(b.t.Context(), node, "local", pve.ContentQuery{Content: "vztmpl"})
		if err != nil {
			b.t.Fatal(err)
		}
		for i := range images {
			if stays(images[i].ID) {
				continue
			}
			task, err := root.DeleteVolume(b.t.Context(), node, "local", images[i].ID)
			if err == nil && task != "" {
				_, err = root.Wait(b.t.Context(), task)
			}
			if err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

// From the empty state to a running container, with problems that Berth finds, and one that Proxmox finds.
func TestFirstContainerIsCreated(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: -1, TaskTime: 100 * time.Millisecond})
	p := b.signInOperator(t, "olga", "/")
	p.Wait(`document.querySelector('#list')?.innerText.includes("No containers yet")`)
	p.Click(`#list a[href="/containers/new"]`)
	p.Wait(offered)
	p.fill("hostname", "-first-")
	p.fill("password", rootSecret)
	p.fill("memory", "8")
	p.Tap(sendForm)
	p.problemAt("hostname", "starts and ends with a letter", true)
	p.problemAt("memory", "at least 16 MiB", false)
	if got := p.valueOf("password"); got != rootSecret {
		t.Errorf("the password field has %q", got)
	}
	p.fill("hostname", "first")
	p.fill("memory", "256")
	Eval[bool](p, `(document.querySelector('#image').old = true, document.querySelector('#node').value = "pve3", document.querySelector('#node').dispatchEvent(new Event("change", { bubbles: true })))`)
	p.Wait(`!document.querySelector('#image').old && document.querySelector('#node').value === "pve3" && ` + offered)
	p.Wait(`document.querySelector('#summary-sentence').innerText.includes("An unprivileged container first on pve3")`)
	gone := p.valueOf("image")
	b.removeImages(func(volume string) bool { return volume != gone })
	p.Tap(sendForm)
	p.Wait(`location.pathname.startsWith("/jobs/") && ` + jobIs + ` === "failed"`)
	p.Click(`[data-testid="change"]`)
	p.problemAt("image", "does not exist", false)
	p.Wait(offered + ` && document.querySelector('#image').value !== ` + quoted(gone)) // the node was asked
	if got := [...]string{p.valueOf("hostname"), p.valueOf("memory"), p.valueOf("password")}; got != [...]string{"first", "256", ""} {
		t.Errorf("the form has %q", got)
	}
	p.problemAt("image", "does not exist", false)
	p.fill("password", rootSecret)
	p.Tap(sendForm)
	p.Wait(`location.pathname.startsWith("/jobs/") && ` + jobIs + ` === "done"`)
	p.Click(`a[href^="/containers/home:"]`)
	p.Wait(`document.querySelector('[data-testid="container-detail"][data-status="running"] h1')?.innerText === "first"`)
}

// On a phone, with no OS image: one is fetched, and what was typed stays. What a creation that failed has left is cleaned up.
func TestContainerOfAnImageThatIsFetchedFirst(t *testing.T) {
	t.Parallel()
	b := Start(t, storetest.Options(t, storetest.SQLite), pvesim.Options{Containers: -1, TaskTime: 100 * time.Millisecond})
	b.removeImages(func(string) bool { return false })
	phone := Look{Width: 390, Height: 844, Phone: true}
	p := b.signIn(t, phone, "/")
	p.Wait(`document.querySelector('[data-new-container]')`)
	p.Press("+")
	p.Wait(`document.querySelector('#fetch')?.innerText.includes("There is no OS image")`)
	p.fill("hostname", "second")
	p.fill("password", rootSecret)
	Eval[bool](p, `(document.querySelector('[data-narrow]').focus(), true)`)
	p.Paste("debian")
	p.Wait(`[...document.querySelectorAll('[data-appliance]:not([hidden])')].length > 0 && document.querySelector('[data-appliance][hidden]')`)
	p.Tap(`[data-appliance]:not([hidden]) input`)
	p.Tap(`[data-testid="fetch"]`)
	p.Wait(`document.querySelector('[data-testid="fetching"]')?.dataset.state === "done" && document.querySelector('#image').value.includes("debian")`)
	if got := p.valueOf("hostname"); got != "second" {
		t.Errorf("the hostname is %q after the fetch", got)
	}
	if wide := Eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
		t.Errorf("the form is %d px wider than the screen", wide)
	}
	b.Sim.Fail(pvesim.Fault{Task: "vzstart", Times: 1, Reason: "no such interface"})
	p.Tap(sendForm)
	p.Wait(`location.pathname.startsWith("/jobs/") && ` + jobIs + ` === "failed" && document.querySelector('[data-testid="clean-up"]')`)
	if Eval[bool](p, `!!document.querySelector('[data-testid="change"]')`) {
		t.Error("it is there, and is offered to be made anew")
	}
	p.Tap(`[data-testid="clean-up"]`)
	p.Wait(`document.querySelector('#sheet').open && !document.querySelector('#sheet-body').inert && document.querySelector('#sheet [data-testid="confirm"]')`)
	p.Tap(`#sheet [data-testid="confirm"]`)
	p.Wait(`!document.querySelector('#sheet').open`)
	p.Goto(b.App.URL() + "/")
	p.Wait(`document.querySelector('#list')?.innerText.includes("No containers yet")`)
}
