package pve

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// endpoint is one address of a cluster and how it fared lately.
type endpoint struct {
	url *url.URL

	mu       sync.Mutex
	failures int       // in a row
	restEnds time.Time // until then others are tried first
}

func parseEndpoint(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	switch {
	case err != nil:
		return nil, fmt.Errorf("endpoint %q: %w", s, err)
	case u.Scheme != "https" || u.Hostname() == "":
		return nil, fmt.Errorf("endpoint %q is not of the form https://HOST:8006", s)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, fmt.Errorf("endpoint %q has more than scheme, host and port", s)
	}
	if u.Port() == "" {
		u.Host = u.Hostname() + ":8006"
		if strings.Contains(u.Hostname(), ":") {
			u.Host = "[" + u.Hostname() + "]:8006"
		}
	}
	u.Path = ""
	return u, nil
}

const (
	firstRest = time.Second
	longRest  = 30 * time.Second
)

func (e *endpoint) succeeded() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failures, e.restEnds = 0, time.Time{}
}

// failed lets the endpoint rest: 1 s, 2 s, 4 s, ... up to 30 s, each between half and all of that, so that the clients
// of a cluster that comes back do not all return in the same moment.
func (e *endpoint) failed(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	rest := min(firstRest<<min(e.failures, 10), longRest)
	e.failures++
	e.restEnds = now.Add(rest/2 + rand.N(rest/2))
}

func (e *endpoint) restUntil() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.restEnds
}

// inOrder lists the endpoints in the order in which a call should try them: those that do not rest in the order of the
// configuration, then the resting ones, soonest first. A call with nothing but resting endpoints still tries them.
func inOrder(endpoints []*endpoint, now time.Time) []*endpoint {
	ordered := slices.Clone(endpoints)
	rest := func(e *endpoint) time.Duration { return max(0, e.restUntil().Sub(now)) }
	slices.SortStableFunc(ordered, func(a, b *endpoint) int { return cmp.Compare(rest(a), rest(b)) })
	return ordered
}
