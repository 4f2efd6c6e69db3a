package web

import (
	"maps"
	"sync"
	"time"

	"berth"
	"berth/internal/fleet"
)

// views keeps the latest rendition of each view that people look at, so that equal views are computed and rendered once.
type views struct {
	fleet *fleet.Fleet
	now   func() time.Time

	mu    sync.Mutex
	open  map[string]*view
	swept time.Time // when those that nobody uses were last dropped
}

// view is one query, order, layout and length of the list, as seen by those with equal rights, and its latest rendition.
type view struct {
	mu     sync.Mutex
	whole  *fleet.Snapshot // of which latest shows a part
	latest *rendition
	used   time.Time // belongs to views.mu, as size
	size   int       // bytes of HTML
}

const (
	viewsKept   = 200         // renditions kept at most; the least recently used ones go first
	bytesKept   = 256 << 20   // of HTML, in all of them
	viewKeptFor = time.Minute // without use; a stream uses its view at every keepAlive
	sweepEvery  = viewKeptFor / 4
)

func newViews(f *fleet.Fleet, now func() time.Time) *views {
	return &views{fleet: f, now: now, open: map[string]*view{}}
}

// of gives the rendition of the current snapshot for params, of what access permits to see.
func (all *views) of(access berth.Access, params viewParams) (*rendition, error) {
	now := all.now()
	params.Limit = mostUseful(params.Limit, all.fleet.Snapshot().Counts.Total)
	v := all.find(access.Key()+"\n"+params.key(), now)
	v.mu.Lock()
	defer v.mu.Unlock()
	whole := all.fleet.Snapshot()
	if v.latest != nil && v.whole == whole {
		return v.latest, nil
	}
	if v.latest != nil && v.whole.ShowsSame(whole) {
		same := *v.latest
		same.snapshot = whole.For(access)
		v.whole, v.latest = whole, &same
		return v.latest, nil
	}
	r, err := renderView(whole.For(access), access, params, v.latest, now)
	if err != nil {
		return nil, err
	}
	v.whole, v.latest = whole, r
	all.keep(v, r.size())
	return r, nil
}

// mostUseful is a limit in whole pages, and not beyond all that there are: equal pages share a view.
func mostUseful(limit, total int) int {
	pages := (limit + pageSize - 1) / pageSize
	return min(pages, total/pageSize+1) * pageSize
}

func (all *views) find(key string, now time.Time) *view {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.dropUnused(now)
	v := all.open[key]
	if v == nil {
		if len(all.open) >= viewsKept {
			all.dropOldest()
		}
		v = &view{}
		all.open[key] = v
	}
	v.used = now
	return v
}

// dropUnused drops views that nobody uses any more: somebody who types a query opens one with every letter.
func (all *views) dropUnused(now time.Time) {
	if now.Sub(all.swept) < sweepEvery {
		return
	}
	all.swept = now
	maps.DeleteFunc(all.open, func(_ string, v *view) bool { return now.Sub(v.used) > viewKeptFor })
}

// keep notes how large a view is by now. Others go when all together are too large.
func (all *views) keep(v *view, size int) {
	all.mu.Lock()
	defer all.mu.Unlock()
	v.size = size
	for len(all.open) > 1 && all.size() > bytesKept {
		all.dropOldest()
	}
}

func (all *views) size() int {
	sum := 0
	for _, v := range all.open {
		sum += v.size
	}
	return sum
}

func (all *views) dropOldest() {
	oldest := ""
	for key, v := range all.open {
		if oldest == "" || v.used.Before(all.open[oldest].used) {
			oldest = key
		}
	}
	delete(all.open, oldest)
}
