package fleet

import (
	"strconv"
	"strings"
	"sync"
)

// watchers are those who look at the fleet now.
type watchers struct {
	mu    sync.Mutex
	n     int
	nodes int            // how many of them look at the page of nodes
	shown map[string]int // how many of them show the container of a key
}

// Watcher is somebody who looks at the fleet, from Fleet.Watch until Close.
type Watcher struct {
	fleet *Fleet
	close func()
	keys  []string // guarded by the mutex of the fleet's watchers
	nodes bool     // guarded by it too
}

// Watch tells that somebody looks at the fleet, which makes the polls more frequent until the watcher is closed.
func (f *Fleet) Watch() *Watcher {
	w := &Watcher{fleet: f}
	w.close = sync.OnceFunc(w.leave)
	f.watchers.mu.Lock()
	f.watchers.n++
	first := f.watchers.n == 1
	f.watchers.mu.Unlock()
	if first { // the first one does not wait for the idle pace
		f.Refresh()
	}
	return w
}

// Show says which containers, by berth.Container.Key, are on the screen of this watcher now, in place of those said
// before. Their addresses are kept fresher than those of others.
func (w *Watcher) Show(keys []string) {
	all := &w.fleet.watchers
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.shown == nil {
		all.shown = map[string]int{}
	}
	for _, key := range keys {
		all.shown[key]++
	}
	for _, key := range w.keys {
		if all.shown[key]--; all.shown[key] == 0 {
			delete(all.shown, key)
		}
	}
	w.keys = append([]string(nil), keys...)
}

// ShowNodes says that the page of nodes is on the screen of this watcher, for which quorum and load are read.
func (w *Watcher) ShowNodes() {
	all := &w.fleet.watchers
	all.mu.Lock()
	if !w.nodes {
		w.nodes = true
		all.nodes++
	}
	all.mu.Unlock()
	w.fleet.Refresh()
}

// Close tells that nobody looks any more. Closing twice is harmless.
func (w *Watcher) Close() { w.close() }

func (w *Watcher) leave() {
	w.Show(nil)
	w.fleet.watchers.mu.Lock()
	defer w.fleet.watchers.mu.Unlock()
	w.fleet.watchers.n--
	if w.nodes {
		w.fleet.watchers.nodes--
	}
}

func (f *Fleet) nodesWatched() bool {
	f.watchers.mu.Lock()
	defer f.watchers.mu.Unlock()
	return f.watchers.nodes > 0
}

func (f *Fleet) watched() bool {
	f.watchers.mu.Lock()
	defer f.watchers.mu.Unlock()
	return f.watchers.n > 0
}

// shown gives the VMIDs of the named cluster that are on somebody's screen.
func (f *Fleet) shown(cluster string) map[int]bool {
	f.watchers.mu.Lock()
	defer f.watchers.mu.Unlock()
	vmids := make(map[int]bool, len(f.watchers.shown))
	for key := range f.watchers.shown {
		name, id, _ := strings.Cut(key, "/")
		if vmid, err := strconv.Atoi(id); err == nil && name == cluster {
			vmids[vmid] = true
		}
	}
	return vmids
}
