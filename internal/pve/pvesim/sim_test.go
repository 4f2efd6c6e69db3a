package pvesim

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"berth/internal/clocktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quick are options for tests: tasks, statistics and refusals take milliseconds.
func quick() Options {
	return Options{Now: clocktest.Now, Seed: 1, TaskTime: 40 * time.Millisecond, StatisticsCycle: 50 * time.Millisecond, AuthDelay: -1}
}

// startSim starts a simulator that ends with the test.
func startSim(t *testing.T, o Options) *Sim {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// reply is an answer of the simulator as it came over the wire.
type reply struct {
	status int
	reason string
	header http.Header
	body   []byte
	data   any
	fields map[string]any
}

// caller credentials for requests of tests.
type asUser struct {
	sim    *Sim
	token  string
	header http.Header
	client *http.Client
}

func as(s *Sim, token string) *asUser {
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	return &asUser{sim: s, token: token, client: &http.Client{Transport: tr}}
}

func root(t *testing.T, s *Sim) *asUser {
	u := as(s, s.Token())
	t.Cleanup(u.client.CloseIdleConnections)
	return u
}

// do sends one request; params are "key=value" pairs, in the query for GET and DELETE, else in a form.
func (u *asUser) do(t *testing.T, method, path string, pairs ...string) reply {
	t.Helper()
	form := url.Values{}
	for _, p := range pairs {
		k, v, _ := strings.Cut(p, "=")
		form.Set(k, v)
	}
	var body io.Reader
	target := u.sim.URL() + "/api2/json" + path
	if method == "GET" || method == "DELETE" {
		if len(form) > 0 {
			target += "?" + form.Encode()
		}
	} else {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return u.send(t, req)
}

func (u *asUser) send(t *testing.T, req *http.Request) reply {
	t.Helper()
	if u.token != "" {
		req.Header.Set("Authorization", "PVEAPIToken="+u.token)
	}
	for k, v := range u.header {
		req.Header[k] = v
	}
	resp, err := u.client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, reason: strings.TrimPrefix(resp.Status, fmt.Sprintf("%d ", resp.StatusCode)), header: resp.Header}
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	if json.Unmarshal(r.body, &r.fields) == nil {
		r.data = r.fields["data"]
	}
	return r
}

// ok is do that expects status 200.
func (u *asUser) ok(t *testing.T, method, path string, pairs ...string) any {
	t.Helper()
	r := u.do(t, method, path, pairs...)
	if r.status != 200 {
		t.Fatalf("%s %s %v: status %d %s, want 200", method, path, pairs, r.status, r.reason)
	}
	return r.data
}

// task sends a request that answers with a UPID, waits for the task and returns its exit status.
func (u *asUser) task(t *testing.T, method, path string, pairs ...string) string {
	t.Helper()
	upid, _ := u.ok(t, method, path, pairs...).(string)
	if !strings.HasPrefix(upid, "UPID:") {
		t.Fatalf("%s %s: answer %q is not a UPID", method, path, upid)
	}
	return u.sim.waitTask(t, upid)
}

// waitTask waits until a task has ended, without polling.
func (s *Sim) waitTask(t *testing.T, upid string) string {
	t.Helper()
	s.mu.Lock()
	task := s.world.tasks.byUPID[upid]
	s.mu.Unlock()
	if task == nil {
		t.Fatalf("no task %s", upid)
	}
	select {
	case <-task.done:
		return task.status
	case <-time.After(10 * time.Second):
		t.Fatalf("task %s does not end", upid)
		return ""
	}
}

// rows are the objects of a list by the value of a key.
func rows(t *testing.T, list any, key string) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, e := range list.([]any) {
		row := e.(map[string]any)
		out[fmt.Sprint(row[key])] = row
	}
	return out
}

func TestWorldIsTheSameForTheSameSeed(t *testing.T) {
	t.Parallel()
	config := func(o Options) []byte {
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var b bytes.Buffer
		for _, id := range s.world.vmids() {
			b.WriteString(section(s.world.containers[id].conf))
		}
		return b.Bytes()
	}
	if a, b := config(Options{Seed: 7}), config(Options{Seed: 7}); !bytes.Equal(a, b) {
		t.Error("two worlds of one seed differ")
	}
	if a, b := config(Options{Seed: 7}), config(Options{Seed: 8}); bytes.Equal(a, b) {
		t.Error("worlds of two seeds are equal")
	}
}

func TestResourcesShowTheWholeCluster(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	list := rows(t, root(t, s).ok(t, "GET", "/cluster/resources"), "id")
	kinds := map[string]int{}
	for _, row := range list {
		kinds[row["type"].(string)]++
	}
	if kinds["lxc"] != 40 || kinds["node"] != 3 || kinds["storage"] != 11 || kinds["pool"] < 4 {
		t.Errorf("rows by type: %v", kinds)
	}
	gitea := list["lxc/101"]
	if gitea["name"] != "gitea" || gitea["status"] != "running" || gitea["maxcpu"] != 2.0 || gitea["tags"] != "git;dev" {
		t.Errorf("gitea: %v", gitea)
	}
}

func TestStartedContainerLagsInResources(t *testing.T) {
	t.Parallel()
	o := quick()
	o.StatisticsCycle = time.Hour
	s := startSim(t, o)
	u := root(t, s)
	status := func() any {
		return rows(t, u.ok(t, "GET", "/cluster/resources", "type=vm"), "vmid")["126"]["status"]
	}
	if got := status(); got != "stopped" {
		t.Fatalf("before: %v", got)
	}
	if got := u.task(t, "POST", "/nodes/pve2/lxc/126/status/start"); got != "OK" {
		t.Fatalf("start: %s", got)
	}
	if got := status(); got != "stopped" {
		t.Errorf("resources after start show %v, want the old sample", got)
	}
	current := u.ok(t, "GET", "/nodes/pve2/lxc/126/status/current").(map[string]any)
	if current["status"] != "running" {
		t.Errorf("status/current after start: %v", current["status"])
	}
}

func TestStopAndStartKeepsWorldAndCertificate(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	u := root(t, s)
	before, url := s.Fingerprint(), s.URL()
	if got := u.task(t, "POST", "/nodes/pve1/lxc/101/status/stop"); got != "OK" {
		t.Fatalf("stop: %s", got)
	}
	s.Stop()
	if _, err := u.client.Get(url + "/api2/json/version"); err == nil {
		t.Error("port still answers after Stop")
	}
	if err := s.Start(strings.TrimPrefix(url, "https://")); err != nil {
		t.Fatal(err)
	}
	if s.Fingerprint() != before || s.URL() != url {
		t.Error("certificate or address changed")
	}
	current := u.ok(t, "GET", "/nodes/pve1/lxc/101/status/current").(map[string]any)
	if current["status"] != "stopped" {
		t.Errorf("container is %v after the restart, want stopped", current["status"])
	}
}
