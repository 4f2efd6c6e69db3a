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
	page     dashboardPage
	pieces   [pieceCount]string
	cards    []cardPiece
	digest   string // of all that is shown; equal digests show the same

	before string                         // digest of the rendition before
	update func() *message                // from the one before to this one
	whole  func() *message                // from anything to this one
	made   map[*berth.Container]cardPiece // cards that need not be rendered again
}

// The pieces besides the cards.
const (
	pieceBanners = iota
	pieceSummary
	pieceMatching
	pieceEmpty
	pieceMore
	pieceCount
)

// cardPiece is a card rendered to HTML.
type cardPiece struct {
	id, html string
	figures  string // the part of html with the figures
}

func (c cardPiece) withoutFigures() string { return strings.Replace(c.html, c.figures, "", 1) }

// renderView renders what params show of the snapshot. Cards of containers that did not change are taken from the
// rendition before, if there is one.
func renderView(snapshot *fleet.Snapshot, params viewParams, before *rendition, now time.Time) (*rendition, error) {
	view := snapshot.View(params.Query, params.Sort, params.Limit, now)
	r := &rendition{snapshot: snapshot, page: newDashboardPage(view, params, now), made: map[*berth.Container]cardPiece{}}
	if err := r.renderPieces(); err != nil {
		return nil, err
	}
	if err := r.renderCards(view.Containers, before); err != nil {
		return nil, err
	}
	r.digest = r.digestOfAll()
	r.whole = sync.OnceValue(func() *message { return newUpdate(r.digest, r.wholePartials()) })
	if before != nil {
		r.before = before.digest
		r.update = sync.OnceValue(func() *message { return newUpdate(r.digest, r.partialsSince(before)) })
	}
	return r, nil
}

func (r *rendition) renderPieces() error {
	p := r.page
	for i, component := range []templ.Component{banners(p.Banners), summary(p.Tiles), matching(p.Matching), emptyNotice(p.Empty), more(p.More)} {
		html, err := toHTML(component)
		if err != nil {
			return err
		}
		r.pieces[i] = html
	}
	return nil
}

func (r *rendition) renderCards(containers []*berth.Container, before *rendition) error {
	reusable := before != nil && len(before.snapshot.Clusters) == len(r.snapshot.Clusters)
	for i, c := range containers {
		piece, ok := cardPiece{}, false
		if reusable {
			piece, ok = before.made[c]
		}
		if !ok {
			var err error
			if piece, err = renderCard(r.page.Cards[i]); err != nil {
				return err
			}
		}
		r.made[c] = piece
		r.cards = append(r.cards, piece)
	}
	return nil
}

func renderCard(v cardView) (cardPiece, error) {
	html, err := toHTML(card(v))
	if err != nil {
		return cardPiece{}, err
	}
	figures, err := toHTML(cardFigures(v))
	return cardPiece{id: v.DOMID, html: html, figures: figures}, err
}

func toHTML(c templ.Component) (string, error) {
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		return "", fmt.Errorf("render a piece of the dashboard: %w", err)
	}
	return b.String(), nil
}

func (r *rendition) digestOfAll() string {
	h := fnv.New64a()
	for _, piece := range r.pieces {
		_, _ = h.Write([]byte(piece)) // a hash does not fail
	}
	for _, c := range r.cards {
		_, _ = h.Write([]byte(c.html))
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// message gives what brings a page that shows the digest at to this rendition; nil when there is nothing to do.
func (r *rendition) message(at string) *message {
	switch {
	case at == r.digest:
		return nil
	case at == r.before && r.update != nil:
		return r.update()
	default:
		return r.whole()
	}
}

// partialsSince gives the partials for all that changed since before.
func (r *rendition) partialsSince(before *rendition) string {
	var b strings.Builder
	for i, target := range pieceTargets {
		if target != "" && r.pieces[i] != before.pieces[i] {
			writePartial(&b, target, r.pieces[i])
		}
	}
	if !r.sameOrder(before) {
		writePartial(&b, "#list", r.listHTML())
		return b.String()
	}
	for i, c := range r.cards {
		switch old := before.cards[i]; {
		case c.html == old.html:
		case c.withoutFigures() == old.withoutFigures():
			writePartial(&b, "#"+c.id+"-figures", c.figures)
		default:
			writePartial(&b, "#"+c.id, c.html)
		}
	}
	return b.String()
}

// wholePartials gives the partials for everything.
func (r *rendition) wholePartials() string {
	var b strings.Builder
	for i, target := range pieceTargets {
		if target != "" {
			writePartial(&b, target, r.pieces[i])
		}
	}
	writePartial(&b, "#list", r.listHTML())
	return b.String()
}

var pieceTargets = [pieceCount]string{pieceBanners: "#banners", pieceSummary: "#summary", pieceMatching: "#matching", pieceMore: "#more"}

func (r *rendition) sameOrder(before *rendition) bool {
	if len(r.cards) != len(before.cards) || r.pieces[pieceEmpty] != before.pieces[pieceEmpty] {
		return false
	}
	for i, c := range r.cards {
		if c.id != before.cards[i].id {
			return false
		}
	}
	return true
}

// listHTML is the element #list with everything in it.
func (r *rendition) listHTML() string {
	var b strings.Builder
	b.WriteString(`<div id="list">`)
	b.WriteString(r.pieces[pieceEmpty])
	if len(r.cards) > 0 {
		b.WriteString(`<ul id="cards" class="card-grid">`)
		for _, c := range r.cards {
			b.WriteString(c.html)
		}
		b.WriteString(`</ul>`)
	}
	b.WriteString(`</div>`)
	return b.String()
}

func writePartial(b *strings.Builder, target, html string) {
	fmt.Fprintf(b, `<hx-partial hx-target="%s" hx-swap="outerMorph">%s</hx-partial>`, target, html)
}

// views keeps the latest rendition of each view that people look at, so that equal views are computed and rendered once.
type views struct {
	fleet *fleet.Fleet
	now   func() time.Time

	mu   sync.Mutex
	open map[string]*view
}

// view is one query, sort and length of the list, and its latest rendition.
type view struct {
	params viewParams
	mu     sync.Mutex
	latest *rendition
	used   time.Time
}

const viewsKept = 200 // renditions kept at most; the least recently used ones go first

func newViews(f *fleet.Fleet, now func() time.Time) *views {
	return &views{fleet: f, now: now, open: map[string]*view{}}
}

// of gives the rendition of the current snapshot for params.
func (all *views) of(params viewParams) (*rendition, error) {
	now := all.now()
	v := all.find(params, now)
	v.mu.Lock()
	defer v.mu.Unlock()
	snapshot := all.fleet.Snapshot()
	if v.latest != nil && v.latest.snapshot == snapshot {
		return v.latest, nil
	}
	if v.latest != nil && v.latest.snapshot.ShowsSame(snapshot) {
		same := *v.latest
		same.snapshot = snapshot
		v.latest = &same
		return v.latest, nil
	}
	r, err := renderView(snapshot, params, v.latest, now)
	if err != nil {
		return nil, err
	}
	v.latest = r
	return r, nil
}

func (all *views) find(params viewParams, now time.Time) *view {
	all.mu.Lock()
	defer all.mu.Unlock()
	key := params.encode()
	v := all.open[key]
	if v == nil {
		all.makeRoom()
		v = &view{params: params}
		all.open[key] = v
	}
	v.used = now
	return v
}

func (all *views) makeRoom() {
	if len(all.open) < viewsKept {
		return
	}
	oldest := ""
	for key, v := range all.open {
		if oldest == "" || v.used.Before(all.open[oldest].used) {
			oldest = key
		}
	}
	delete(all.open, oldest)
}
