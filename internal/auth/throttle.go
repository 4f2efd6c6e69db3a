package auth

import (
	"net/netip"
	"sync"
	"time"

	"berth"
)

// throttle makes those wait who fail again and again. It counts an attempt when it begins, so that many at once do not pass
// before the first has failed, and forgets those that succeed. It is in memory: each process counts for itself.
type throttle struct {
	now func() time.Time

	mu    sync.Mutex
	tries map[string]*tries
}

// tries are the attempts of one account or address.
type tries struct {
	failed int
	until  time.Time // nothing is tried before
	last   time.Time
}

// limit is how patient the throttle is with one kind of key.
type limit struct {
	free    int           // attempts without waiting
	longest time.Duration // wait between attempts however many there were: nobody is locked out for good
}

var (
	accountLimit = limit{free: 10, longest: time.Minute}
	knownLimit   = limit{free: 20, longest: 30 * time.Second} // an account, from where it has signed in before
	codeLimit    = limit{free: 5, longest: 2 * time.Minute}   // codes of a second factor
	historyLimit = limit{free: 200, longest: time.Minute}     // failures that are noted
	addressLimit = limit{free: 30, longest: 15 * time.Minute}
)

const (
	triesKept     = 20_000    // keys at most
	triesRemember = time.Hour // how long a key without attempts is remembered
)

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, tries: map[string]*tries{}}
}

// try counts an attempt. Returns TooMany while the key has to wait; then nothing is counted.
func (t *throttle) try(key string, l limit) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	k := t.tries[key]
	if k == nil || now.Sub(k.last) > triesRemember {
		t.makeRoom(now)
		k = &tries{}
		t.tries[key] = k
	}
	if wait := k.until.Sub(now); wait > 0 {
		return berth.Errorf(berth.TooMany, "Too many attempts; try again in %d seconds.", int(wait/time.Second)+1)
	}
	k.failed++
	k.last = now
	if over := k.failed - l.free; over >= 0 {
		k.until = now.Add(min(l.longest, time.Second<<min(over, 20)))
	}
	return nil
}

// succeeded forgets the attempts of a key.
func (t *throttle) succeeded(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.tries, key)
}

// pardon takes back one attempt of a key: it was a good one, but says nothing of the others.
func (t *throttle) pardon(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.tries[key]; k != nil && k.failed > 0 {
		k.failed--
		k.until = time.Time{}
	}
}

// makeRoom drops what is old and, when that is not enough, whatever has to wait least.
func (t *throttle) makeRoom(now time.Time) {
	if len(t.tries) < triesKept {
		return
	}
	for key, k := range t.tries {
		if now.Sub(k.last) > triesRemember {
			delete(t.tries, key)
		}
	}
	for key, k := range t.tries {
		if len(t.tries) < triesKept*9/10 {
			return
		}
		if !k.until.After(now) {
			delete(t.tries, key)
		}
	}
	for key := range t.tries { // all of them wait
		if len(t.tries) < triesKept {
			return
		}
		delete(t.tries, key)
	}
}

// network is the part of an address that one person has: an IPv4 address, or a /64 of IPv6.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
