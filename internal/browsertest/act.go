package browsertest

import (
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Press presses keys one after the other, as somebody at the keyboard; special keys are those of chromedp's package kb.
func (p *Page) Press(keys string, with ...chromedp.Modifier) {
	p.t.Helper()
	for _, key := range keys {
		for _, event := range keyEvents(key, with) {
			ctx, cancel := p.patience()
			_, err := chromedp.Call(ctx, input.DispatchKeyEvent, event)
			cancel()
			if err != nil {
				p.t.Fatalf("press %q: %v", key, err)
			}
		}
	}
}

// Tap clicks what a CSS selector finds by itself instead of at its place: for what moves while a card or dialog changes, where
// a click at a place could hit what is beside it. It waits until it can be pressed.
func (p *Page) Tap(selector string) {
	p.t.Helper()
	p.Wait(`(e => e && e.checkVisibility() && !e.closest("[inert]") && (e.click(), true))(document.querySelector(` + quoted(selector) + `))`)
}

// Paste puts text at the cursor all at once.
func (p *Page) Paste(text string) {
	p.t.Helper()
	ctx, cancel := p.patience()
	defer cancel()
	if _, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
		p.t.Fatalf("paste %q: %v", text, err)
	}
}

// keyEvents are a key going down and up. What it types belongs to its going down, so that a page which takes the key
// for itself keeps it from being typed; chromedp's own KeyEvent types it all the same.
func keyEvents(key rune, with []chromedp.Modifier) []input.DispatchKeyEventParams {
	var down, up input.DispatchKeyEventParams
	for _, event := range kb.Encode(key) {
		switch event.Type {
		case kb.KeyDown:
			down = *event
		case kb.KeyChar:
			down.Text, down.UnmodifiedText = event.Text, event.UnmodifiedText
		default:
			up = *event
		}
	}
	for _, modifier := range with {
		down.Modifiers |= int64(modifier)
		up.Modifiers |= int64(modifier)
		if modifier != chromedp.ModifierShift {
			down.Text, down.UnmodifiedText = "", ""
		}
	}
	return []input.DispatchKeyEventParams{down, up}
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
