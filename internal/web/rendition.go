package web

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/fleet"
)

// rendition is a view of one snapshot rendered to HTML, in the pieces that can change on their own. It is immutable
// and shared by everybody who looks at the same view.
type rendition struct {
	snapshot *fleet.Snapshot
	access   berth.Access
	params   viewParams
	page     dashboardPage
	pieces   [pieceCount]string
	items    []itemPiece
	keys     []string // of the containers of items
	digest   string   // of all that is shown; equal digests show the same

	before     string                // digest of the rendition before
	update     *message              // from the one before to this one; nil when there was none
	whole      func() *message       // from anything to this one
	zippedList func() zippedPart     // the list, for pages
	made       map[itemKey]itemPiece // items that need not be rendered again
}

// The pieces besides the items of the list, each an element of its own.
const (
	pieceBanners = iota
	pieceSummary
	pieceTotals
	pieceMatching
	pieceToolbar
	pieceMore
	pieceCount
)

var pieceTargets = [pieceCount]string{"#banners", "#summary", "#totals", "#matching", "#toolbar", "#more"}

// itemPiece is an item of the list rendered to HTML.
type itemPiece struct {
	id, html string
	figures  string // the part of html with the figures, if it is an element of its own
}

// itemKey names a rendered item: a container that did not change stays the same pointer.
type itemKey struct {
	container *berth.Container
	id        string
}

func (p itemPiece) withoutFigures() string { return strings.Replace(p.html, p.figures, "", 1) }

// renderView renders what params show of the snapshot to somebody with that access. Containers that did not change are taken
// from the rendition before, if there is one.
func renderView(snapshot *fleet.Snapshot, access berth.Access, params viewParams, before *rendition, now time.Time) (*rendition, error) {
	r := &rendition{snapshot: snapshot, access: access, params: params, page: newDashboardPage(snapshot, fleet.MayCreate(access), params, now), made: map[itemKey]itemPiece{}}
	if err := r.renderPieces(); err != nil {
		return nil, err
	}
	if err := r.renderItems(before, now); err != nil {
		return nil, err
	}
	r.digest = r.digestOfAll()
	r.zippedList = sync.OnceValue(r.zipList)
	r.whole = sync.OnceValue(func() *message { return newUpdate(r.digest, r.wholePartials()) })
	if before != nil { // made now, not when it is asked for: otherwise every rendition would keep the ones before it alive
		r.before, r.update = before.digest, newUpdate(r.digest, r.partialsSince(before))
	}
	return r, nil
}

func (r *rendition) renderPieces() error {
	p := r.page
	for i, component := range []templ.Component{banners(p.Banners), summary(p.Tiles), totals(p.Totals), matching(p.Matching), toolbarView(p.Toolbar), more(p.More)} {
		html, err := toHTML(component)
		if err != nil {
			return err
		}
		r.pieces[i] = html
	}
	return nil
}

func (r *rendition) renderItems(before *rendition, now time.Time) error {
	reusable := before != nil && before.page.Many == r.page.Many
	for _, item := range r.page.Items {
		key := itemKey{item.Container, item.ID}
		piece, ok := itemPiece{}, false
		if reusable && item.Container != nil {
			piece, ok = before.made[key]
		}
		if !ok {
			var err error
			if piece, err = r.renderItem(item, now); err != nil {
				return err
			}
		}
		if item.Container != nil {
			r.made[key] = piece
			r.keys = append(r.keys, item.Container.Key())
		}
		r.items = append(r.items, piece)
	}
	return nil
}

func (r *rendition) renderItem(item listItem, now time.Time) (itemPiece, error) {
	if item.Container == nil {
		html, err := toHTML(r.groupHead(item))
		return itemPiece{id: item.ID, html: html}, err
	}
	v := newCardView(item.Container, r.access.On(item.Container), item.ID, r.page.Many, now)
	switch r.params.Layout {
	case tableLayout:
		html, err := toHTML(row(v, r.page.Columns))
		return itemPiece{id: item.ID, html: html}, err
	case detailLayout:
		html, err := toHTML(detail(v, newDetailView(item.Container, r.access.On(item.Container))))
		return itemPiece{id: item.ID, html: html}, err
	}
	html, err := toHTML(card(v))
	return itemPiece{id: item.ID, html: html, figures: figuresOf(html, item.ID)}, err
}

// figuresOf finds the element with the figures in the card of the id. It is rendered only once and shares the card's
// memory; text of others is escaped and cannot look like it.
func figuresOf(card, id string) string {
	start := strings.Index(card, `<dl id="`+id+`-figures"`)
	if start < 0 {
		return ""
	}
	end := strings.Index(card[start:], "</dl>")
	if end < 0 {
		return ""
	}
	return card[start : start+end+len("</dl>")]
}

func (r *rendition) groupHead(item listItem) templ.Component {
	if r.params.Layout == tableLayout {
		return groupRow(item, len(r.page.Columns)+1)
	}
	return groupCard(item)
}

func toHTML(c templ.Component) (string, error) {
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		return "", fmt.Errorf("render a piece of the dashboard: %w", err)
	}
	return b.String(), nil
}

// size is how many bytes of HTML it holds.
func (r *rendition) size() int {
	size := 0
	for _, piece := range r.pieces {
		size += len(piece)
	}
	for _, p := range r.items {
		size += len(p.html)
	}
	return size
}

func (r *rendition) digestOfAll() string {
	h := fnv.New64a()
	for _, piece := range r.pieces {
		_, _ = h.Write([]byte(piece)) // a hash does not fail
	}
	for _, p := range r.items {
		_, _ = h.Write([]byte(p.html))
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// message gives what brings a page that shows the digest at to this rendition; nil when there is nothing to do.
func (r *rendition) message(at string) *message {
	switch {
	case at == r.digest:
		return nil
	case at == r.before && r.update != nil:
		return r.update
	default:
		return r.whole()
	}
}

// partialsSince gives the partials for all that changed since before.
func (r *rendition) partialsSince(before *rendition) string {
	var b strings.Builder
	for i, target := range pieceTargets {
		if r.pieces[i] != before.pieces[i] {
			r.writePiece(&b, i, target)
		}
	}
	if !r.sameOrder(before) {
		writePartial(&b, "#list", morph, r.listHTML())
		return b.String()
	}
	for i, p := range r.items {
		switch old := before.items[i]; {
		case p.html == old.html:
		case p.figures != "" && p.withoutFigures() == old.withoutFigures():
			writePartial(&b, "#"+p.id+"-figures", morph, p.figures)
		default:
			writePartial(&b, "#"+p.id, morph, p.html)
		}
	}
	return b.String()
}

// wholePartials gives the partials for everything.
func (r *rendition) wholePartials() string {
	var b strings.Builder
	for i, target := range pieceTargets {
		r.writePiece(&b, i, target)
	}
	writePartial(&b, "#list", morph, r.listHTML())
	return b.String()
}

func (r *rendition) sameOrder(before *rendition) bool {
	return len(r.items) == len(before.items) && r.page.Empty == before.page.Empty && r.continues(before)
}

// continues tells whether the list begins with the items of shorter, in their order.
func (r *rendition) continues(shorter *rendition) bool {
	if len(r.items) < len(shorter.items) {
		return false
	}
	for i, p := range shorter.items {
		if p.id != r.items[i].id {
			return false
		}
	}
	return true
}

const listStart = `<div id="list"`

// listHTML is the element #list with everything in it.
func (r *rendition) listHTML() string {
	items := r.itemsHTML(0)
	var b strings.Builder
	b.Grow(len(items) + 4096)
	if err := list(r.page, r.params.Layout, items).Render(context.Background(), &b); err != nil {
		return listStart + `></div>` // a strings.Builder does not fail, and nothing else in it can
	}
	return b.String()
}

func (r *rendition) zipList() zippedPart {
	html := r.listHTML()
	return zippedPart{start: listStart, length: len(html), deflated: quick.deflate([]byte(html))}
}

// itemsHTML is the HTML of the items from the given one on.
func (r *rendition) itemsHTML(from int) string {
	size := 0
	for _, p := range r.items[from:] {
		size += len(p.html)
	}
	var b strings.Builder
	b.Grow(size)
	for _, p := range r.items[from:] {
		b.WriteString(p.html)
	}
	return b.String()
}

const morph = "outerMorph" // keeps focus, menus and scroll position

// writePiece writes the partial of a piece. The end of the list is always a new element: the one that is there has seen
// itself come into view, which makes it load once only.
func (r *rendition) writePiece(b *strings.Builder, i int, target string) {
	swap := morph
	if i == pieceMore {
		swap = "outerHTML"
	}
	writePartial(b, target, swap, r.pieces[i])
}

func writePartial(b *strings.Builder, target, swap, html string) {
	fmt.Fprintf(b, `<hx-partial hx-target="%s" hx-swap="%s">%s</hx-partial>`, target, swap, html)
}
