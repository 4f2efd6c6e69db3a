package pvesim

import (
	"maps"
	"strings"
	"sync"
	"time"
)

// Request is one API request that was answered, for assertions such as "exactly one POST".
type Request struct {
	Method, Path string // path below /api2/json
	Params       map[string]string
	Status       int // 0 when the connection was cut or became a console
	At           time.Time
}

const recordLimit = 10_000

// records remember the latest requests and count all of them.
type records struct {
	mu     sync.Mutex
	latest []Request
	total  int
	counts map[string]int // by "METHOD /path"; paths with a task id or a volume by their pattern
}

func (r *records) add(c *call, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[string]int{}
	}
	r.total++
	path := c.path
	if c.route != nil && (c.vars["upid"] != "" || c.vars["volume"] != "") {
		path = c.route.path
	}
	r.counts[c.method+" "+path]++
	if len(r.latest) >= recordLimit {
		r.latest = append(r.latest[:0], r.latest[recordLimit/2:]...)
	}
	p := maps.Clone(map[string]string(c.params))
	if p["password"] != "" {
		p["password"] = "..."
	}
	r.latest = append(r.latest, Request{Method: c.method, Path: c.path, Params: p, Status: status, At: c.now})
}

// Calls is the number of API requests answered since the start or the last ResetCalls.
func (s *Sim) Calls() int {
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	return s.records.total
}

// CallsTo counts requests by path, for example "/cluster/resources" or "/nodes/{node}/lxc", where {anything} or * stands
// for one part. A trailing "/" counts everything below; a leading method ("POST /nodes/{node}/lxc") counts only that.
func (s *Sim) CallsTo(pattern string) int {
	method, path, has := strings.Cut(pattern, " ")
	if !has {
		method, path = "", pattern
	}
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	n := 0
	for key, count := range s.records.counts {
		m, p, _ := strings.Cut(key, " ")
		if (method == "" || method == m) && matchPath(path, p) {
			n += count
		}
	}
	return n
}

// matchPath tells whether path fits a pattern of CallsTo or Fault.
func matchPath(pattern, path string) bool {
	below := len(pattern) > 1 && strings.HasSuffix(pattern, "/")
	want, got := strings.Split(strings.Trim(pattern, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	if len(got) < len(want) || len(got) > len(want) && !below {
		return false
	}
	for i, w := range want {
		if w != got[i] && w != "*" && !strings.HasPrefix(w, "{") {
			return false
		}
	}
	return true
}

// Requests are the latest requests, oldest first; at most 10,000 are kept.
func (s *Sim) Requests() []Request {
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	return append([]Request(nil), s.records.latest...)
}

// ResetCalls forgets all counts and recorded requests.
func (s *Sim) ResetCalls() {
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	s.records.latest, s.records.total, s.records.counts = nil, 0, nil
}
