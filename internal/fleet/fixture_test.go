package fleet

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

// fixture is a server that gives what a test says, for answers that no simulated cluster gives. Paths are below
// /api2/json; an answer gets the number of calls to its path so far and gives the data.
type fixture struct {
	server  *httptest.Server
	answers map[string]func(n int) string

	mu    sync.Mutex
	calls map[string]int
}

func serveFixture(t testing.TB, s *store.Store, answers map[string]func(n int) string) *fixture {
	t.Helper()
	f := &fixture{answers: answers, calls: map[string]int{}}
	f.server = httptest.NewTLSServer(f)
	t.Cleanup(f.server.Close)
	print := sha256.Sum256(f.server.Certificate().Raw)
	cluster := berth.Cluster{Name: "home", Endpoints: []string{f.server.URL}, Fingerprint: pve.FormatFingerprint(print)}
	if _, err := Connect(t.Context(), s, actor, cluster, "root@pam!berth=00000000-0000-0000-0000-000000000000"); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/api2/json")
	f.mu.Lock()
	f.calls[path]++
	n := f.calls[path]
	f.mu.Unlock()
	answer, ok := f.answers[path]
	switch {
	case path == "/version":
		fmt.Fprint(w, `{"data":{"version":"9.2.11","release":"9.2","repoid":"x"}}`)
	case ok:
		fmt.Fprintf(w, `{"data":%s}`, answer(n))
	default:
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// callsTo counts the calls to paths that contain part.
func (f *fixture) callsTo(part string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	total := 0
	for path, n := range f.calls {
		if strings.Contains(path, part) {
			total += n
		}
	}
	return total
}

func nodeRow(name string, uptime int) string {
	return fmt.Sprintf(`{"type":"node","id":"node/%[1]s","node":"%[1]s","status":"online","cpu":0.25,"maxcpu":8,"mem":1000,"maxmem":4000,"uptime":%d}`, name, uptime)
}

func guestRow(vmid int, node, more string) string {
	return fmt.Sprintf(`{"type":"lxc","id":"lxc/%[1]d","vmid":%[1]d,"node":"%[2]s","status":"running","name":"ct%[1]d","template":0,"uptime":100,`+
		`"cpu":0.1,"maxcpu":2,"mem":100,"maxmem":200,"disk":10,"maxdisk":20,"netin":1,"netout":2%[3]s}`, vmid, node, more)
}

func rows(all ...string) string { return "[" + strings.Join(all, ",") + "]" }

func always(data string) func(int) string { return func(int) string { return data } }
