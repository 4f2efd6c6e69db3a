package browsertest

import (
	"fmt"
	"testing"
	"time"

	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

const (
	shown     = `document.querySelectorAll('#list [data-key]').length`
	different = `new Set([...document.querySelectorAll('#list [data-key]')].map(e => e.dataset.key)).size`
)

func TestScrollingLoadsMore(t *testing.T) {
	t.Parallel()
	b := startBusy(t, storetest.Options(t, storetest.SQLite), time.Second, pvesim.Options{Containers: 350})
	for path, all := range map[string]int{
		"/":                                  350,
		"/containers?layout=table&sort=-cpu": 350, // an order that changes on the way
		"/?group=tag&q=vmid:100-200":         100, // more entries than containers
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			scrollToTheEnd(t, b.signIn(t, Desktop, path), all)
		})
	}
}

// scrollToTheEnd loads everything while figures change, and finds each container once in each group.
func scrollToTheEnd(t *testing.T, p *Page, all int) {
	p.Wait(shown + ` >= 100 && ` + scriptRuns)
	if got := Eval[int](p, shown); got != 100 {
		t.Errorf("the page begins with %d containers, want 100", got)
	}
	countUpdates(p)
	for Eval[bool](p, `!!document.querySelector('[data-more]')`) {
		before := Eval[int](p, shown)
		p.Wait(fmt.Sprintf(`(scrollTo(0, document.documentElement.scrollHeight), %s > %d || !document.querySelector('[data-more]'))`, shown, before))
	}
	p.Wait(fmt.Sprintf("%s === %d", different, all))
	if twice := Eval[[]string](p, `(ids => ids.filter((id, i) => ids.indexOf(id) !== i))([...document.querySelectorAll('#list [id]')].map(e => e.id))`); len(twice) > 0 {
		t.Errorf("%d elements are there twice: %q", len(twice), twice)
	}
	Eval[bool](p, `(window.updates = 0, true)`)
	p.Wait(`window.updates >= 3`) // the longer list is live as well
	if got := Eval[int](p, different); got != all {
		t.Errorf("after more updates %d containers are shown, want %d", got, all)
	}
}
