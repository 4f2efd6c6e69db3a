// Package browsertest drives a real browser against a running Berth on a simulated cluster.
//
// The browser is Debian's chromium. Tests fail when it is missing, unless BERTH_TEST_WITHOUT=browser says that this
// machine has none.
package browsertest

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const testsAtOnce = "4" // most of the time a test waits for the next poll; -parallel overrides it

const patience = time.Minute // how long a page may take to become what a test waits for

var browser struct {
	once sync.Once
	ctx  context.Context
	stop context.CancelFunc
	err  error
}

// Main runs the tests of a package and ends the browser that they share.
func Main(m *testing.M) int {
	if err := flag.Set("test.parallel", testsAtOnce); err != nil {
		panic(err) // the flag is there in every test
	}
	code := m.Run()
	Close()
	return code
}

// Close ends the browser that the tests of a package share, if one was started. Main does it by itself.
func Close() {
	if browser.stop != nil {
		browser.stop()
	}
}

// startBrowser starts the one browser of the test process.
func startBrowser() {
	path, err := exec.LookPath("chromium")
	if err != nil {
		browser.err = err
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	browser.ctx, browser.stop = ctx, func() { stop(); stopAllocator() }
	browser.err = chromedp.Do(ctx)
}

// Look is how a page is looked at.
type Look struct {
	Width, Height int64
	Dark          bool
	Phone         bool
}

// Desktop is the look of most tests.
var Desktop = Look{Width: 1440, Height: 900}

// Page is a tab of its own, with cookies of its own. A script error or a blocked resource on it fails the test.
type Page struct {
	t   testing.TB
	ctx context.Context
}

// Open opens a tab at url.
func Open(t testing.TB, look Look, url string) *Page {
	t.Helper()
	if strings.Contains(os.Getenv("BERTH_TEST_WITHOUT"), "browser") {
		t.Skip("BERTH_TEST_WITHOUT says that there is no browser")
	}
	browser.once.Do(startBrowser)
	if browser.err != nil {
		t.Fatalf("these tests need chromium (Debian: apt-get install chromium; or BERTH_TEST_WITHOUT=browser): %v", browser.err)
	}
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
	p := &Page{t: t, ctx: ctx}
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // opens the tab, which lives as long as the context of this call
		t.Fatal(err)
	}
	p.setLook(look)
	p.listenForErrors()
	p.Goto(url)
	return p
}

func (p *Page) setLook(look Look) {
	p.t.Helper()
	var options []chromedp.EmulateViewportOption
	if look.Phone {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	p.do(chromedp.EmulateViewport(look.Width, look.Height, options...))
	p.setTheme(look.Dark)
}

// listenForErrors fails the test at its end if the page threw or was denied something by its content security policy.
func (p *Page) listenForErrors() {
	ctx, cancel := context.WithCancel(p.ctx)
	messages := chromedp.Console(ctx)
	var errors []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" && m.Source == "security" {
				errors = append(errors, m.String())
			}
		}
	}()
	p.t.Cleanup(func() {
		cancel()
		<-done
		for _, e := range errors {
			p.t.Errorf("script error on the page: %s", e)
		}
	})
}

// Goto navigates.
func (p *Page) Goto(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
	p.Wait("true")
}

// Wait waits until a JavaScript expression is true, also across a navigation: while a page arrives nothing counts, for
// half a page may look right.
func (p *Page) Wait(expression string) {
	p.t.Helper()
	ctx, cancel := p.patience()
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.readyState === "complete" && !!(`+expression+")"))
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("waited in vain until %s (%v)\nthe page says: %s", expression, err, p.text())
		case <-tick.C: // an error here is a page that is being replaced
		}
	}
}

// Eval gives the value of a JavaScript expression.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := p.patience()
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("evaluate %s: %v", expression, err)
	}
	return value
}

// Click clicks what a CSS selector finds. An element that is replaced by a live update in the same moment is looked for again.
func (p *Page) Click(selector string) {
	p.t.Helper()
	ctx, cancel := p.patience()
	defer cancel()
	for {
		err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(selector)))
		if err == nil {
			return
		}
		if ctx.Err() != nil || !strings.Contains(err.Error(), "node") {
			p.t.Fatalf("click %s: %v\nthe page says: %s", selector, err, p.text())
		}
	}
}

// Picture takes a picture of what is on the screen.
func (p *Page) Picture() []byte {
	p.t.Helper()
	ctx, cancel := p.patience()
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatalf("take a picture: %v", err)
	}
	return png
}

// quoted gives text as a JavaScript string.
func quoted(text string) string {
	b, _ := json.Marshal(text) // a string always has a JSON form
	return string(b)
}

func (p *Page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := p.patience()
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// patience limits one step, so that a page that hangs fails the test.
func (p *Page) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, patience)
}

func (p *Page) text() string {
	ctx, cancel := p.patience()
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText.slice(0, 2000)`))
	if err != nil {
		return err.Error()
	}
	return text
}
