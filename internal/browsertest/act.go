package browsertest

import (
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Press presses keys one after the other, as somebody at the keyboard; special keys are those of chromedp's package kb.
func (p *Page) Press(keys string, with ...chromedp.Modifier) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys, chromedp.KeyModifiers(with...)))
}

// ClickWith clicks what a CSS selector finds while keys such as Shift are held.
func (p *Page) ClickWith(selector string, held ...chromedp.Modifier) {
	p.t.Helper()
	at := Eval[[2]float64](p, `(e => {
		e.scrollIntoView({ block: "center" });
		const r = e.getBoundingClientRect();
		return [r.left + r.width / 2, r.top + r.height / 2];
	})(document.querySelector(`+quoted(selector)+`))`)
	p.do(chromedp.MouseClickXY(at[0], at[1], chromedp.ButtonModifiers(held...)))
}

// setTheme makes the system's preference dark or light. Nothing on the page is animated, so that what is looked at is
// not on its way from one colour to another.
func (p *Page) setTheme(dark bool) {
	p.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	ctx, cancel := p.patience()
	defer cancel()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	if err != nil {
		p.t.Fatalf("emulate %s: %v", scheme, err)
	}
}

// Texts gives the text of everything that a CSS selector finds, in the order of the page.
func (p *Page) Texts(selector string) []string {
	p.t.Helper()
	return Eval[[]string](p, `[...document.querySelectorAll(`+quoted(selector)+`)].map(e => e.innerText.trim())`)
}

// Names gives the names of the containers in the list, in the order of the page.
func (p *Page) Names() []string {
	p.t.Helper()
	return Eval[[]string](p, `[...document.querySelectorAll('#list [data-key]')].map(e => e.dataset.name)`)
}
