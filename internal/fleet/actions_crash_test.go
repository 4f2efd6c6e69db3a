package fleet

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/jobs"
	"berth/internal/live"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// otherBerth is the environment variable that makes the test program a Berth that asks for an action and then works on it
// until it is killed. It holds the request; its arguments are data directory, database and key of the container.
const otherBerth = "BERTH_FLEET_TEST_ACTION"

// otherSpec is the environment variable that holds what the other Berth is to create.
const otherSpec = "BERTH_FLEET_TEST_SPEC"

func runOtherBerth() int {
	request := berth.ActionRequest{Action: berth.ActionCreate}
	if spec := os.Getenv(otherBerth); json.Unmarshal([]byte(spec), &request) != nil {
		fmt.Println("cannot read", spec)
		return 1
	}
	err := otherBerthMain(request, os.Args[1], os.Args[2], os.Args[3])
	fmt.Println("it was not killed:", err)
	return 1
}

func otherBerthMain(request berth.ActionRequest, dir, database, key string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := store.Open(ctx, store.Options{DataDir: dir, Database: database, Now: clocktest.Now})
	if err != nil {
		return err
	}
	hub, log := &live.Hub{}, slog.New(slog.NewTextHandler(os.Stdout, nil))
	f := New(s, hub, log, clocktest.Now, quick)
	j, err := jobs.New(ctx, s, hub, log, jobs.Options{Beat: 100 * time.Millisecond})
	if err != nil {
		return err
	}
	a := NewActions(f, j, hurried)
	if err := f.Load(ctx); err != nil {
		return err
	}
	if err := j.Start(); err != nil {
		return err
	}
	go f.Run(ctx) // both end with the process
	go a.Run(ctx)
	news := hub.Subscribe(live.Fleet)
	for {
		err := otherBerthAsks(ctx, a, key, request)
		if err == nil {
			<-ctx.Done()
			return ctx.Err()
		}
		if code := berth.CodeOf(err); code != berth.Unavailable && code != berth.NotFound { // it has not polled yet
			return err
		}
		select {
		case <-news.News():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// otherBerthAsks asks for the action; for a creation, of the container that the environment describes.
func otherBerthAsks(ctx context.Context, a *Actions, key string, request berth.ActionRequest) error {
	if request.Action != berth.ActionCreate {
		_, err := a.Do(ctx, anna, key, request)
		return err
	}
	spec := berth.CreateSpec{Password: secret}
	if err := json.Unmarshal([]byte(os.Getenv(otherSpec)), &spec); err != nil {
		return err
	}
	_, err := a.Create(ctx, anna, spec)
	if fieldsIn(err)["node"] != "" { // it has not polled yet
		return berth.Errorf(berth.Unavailable, "not yet")
	}
	return err
}

// moment is when a Berth is killed: at a request to Proxmox, before it gets there or before its answer gets back.
type moment struct {
	name   string
	method string
	part   string // of the path; VMID stands for the number
	after  string // only once such an order was given: its method
	early  bool   // before the request gets there
	late   bool   // and the request gets there only after the next Berth has looked for its task
}

var (
	looking  = moment{name: "while it looks at the container", method: "GET", part: "/lxc/VMID/status/current"}
	before   = moment{name: "before it gives the order", method: "GET", part: "/tasks?"}
	ordering = moment{name: "just before the order gets there", method: "POST", part: "/lxc/VMID/status/", early: true}
	queued   = moment{name: "while its order waits in the queue of Proxmox", method: "POST", part: "/lxc/VMID/status/", late: true}
	ordered  = moment{name: "before it learns of the order's task", method: "POST", part: "/lxc/VMID/status/"}
	waiting  = moment{name: "while it waits for the task", method: "GET", part: "/status?", after: "POST"}
	agreeing = moment{name: "while it waits for the container", method: "GET", part: "/lxc/VMID/status/current", after: "POST"}
)

// killer stands between Berth and the simulator and kills Berth at a moment.
type killer struct {
	moment moment
	vmid   string
	proxy  *httputil.ReverseProxy

	mu      sync.Mutex
	kill    func()
	ordered bool
	passing int           // requests that pass although they are the moment
	killed  chan struct{} // closed when it strikes
	looked  chan struct{} // gets a value when, after that, somebody has looked for tasks
	arrived atomic.Bool   // the late request did, when its job is over
}

func (k *killer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hit := k.hits(r)
	switch {
	case hit && k.moment.early:
		k.strike()
	case hit && k.moment.late:
		k.strikeAndWait()
		answer := httptest.NewRecorder() // the one who asked is dead, and the proxy would notice
		k.proxy.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
		k.arrived.Store(answer.Code == http.StatusOK)
		return
	case hit:
		defer k.strike()
	case strings.HasPrefix(r.URL.Path, "/api2/json/nodes/") && strings.HasSuffix(r.URL.Path, "/tasks"):
		defer k.noteLook()
	}
	k.proxy.ServeHTTP(w, r)
}

// noteLook tells a late request that the Berth after the crash has looked for tasks.
func (k *killer) noteLook() {
	select {
	case <-k.killed:
		select {
		case k.looked <- struct{}{}:
		default:
		}
	default:
	}
}

// hits tells whether this request is the moment.
func (k *killer) hits(r *http.Request) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	path := r.URL.Path + "?"
	about := strings.Contains(path, "/lxc/"+k.vmid) || strings.Contains(path, "/tasks") || strings.Contains(path, "/lxc?") || strings.Contains(path, "/vzdump?")
	hit := k.kill != nil && about && r.Method == k.moment.method && strings.Contains(path, strings.ReplaceAll(k.moment.part, "VMID", k.vmid)) &&
		(k.moment.after == "" || k.ordered) && !strings.Contains(path, "/cluster/")
	k.ordered = k.ordered || r.Method != http.MethodGet
	if hit && k.passing > 0 {
		k.passing--
		return false
	}
	return hit
}

// strike kills Berth and ends the request without an answer.
func (k *killer) strike() {
	k.killOnce()
	panic(http.ErrAbortHandler)
}

// strikeAndWait kills Berth and waits until the next one has looked for tasks.
func (k *killer) strikeAndWait() {
	k.killOnce()
	select {
	case <-k.looked:
	case <-time.After(patience):
	}
}

func (k *killer) killOnce() {
	k.mu.Lock()
	kill := k.kill
	k.kill = nil
	k.mu.Unlock()
	if kill != nil {
		close(k.killed)
		kill()
	}
}

// killProxy starts a killer in front of the simulator and connects it as home.
func killProxy(t *testing.T, s *store.Store, sim *pvesim.Sim, m moment, vmid string) *killer {
	t.Helper()
	target, err := url.Parse(sim.URL())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true} // it is on this machine
	k := &killer{moment: m, vmid: vmid, killed: make(chan struct{}), looked: make(chan struct{}, 1), proxy: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}}
	server := httptest.NewUnstartedServer(k)
	server.Config.ErrorLog = k.proxy.ErrorLog
	server.StartTLS()
	t.Cleanup(server.Close)
	print := sha256.Sum256(server.Certificate().Raw)
	cluster := berth.Cluster{Name: "home", Endpoints: []string{server.URL}, Fingerprint: pve.FormatFingerprint(print)}
	if _, err := Connect(t.Context(), s, actor, cluster, sim.Token()); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestActionsSurviveKill9(t *testing.T) {
	t.Parallel()
	deleting := ordered
	deleting.method, deleting.part = "DELETE", "/lxc/VMID?"
	for _, c := range []struct {
		action   berth.Action
		database string
		moment   moment
	}{
		{berth.ActionStart, storetest.SQLite, looking},
		{berth.ActionStart, storetest.SQLite, before},
		{berth.ActionStart, storetest.SQLite, ordering},
		{berth.ActionStart, storetest.SQLite, queued},
		{berth.ActionStart, storetest.SQLite, ordered},
		{berth.ActionStart, storetest.SQLite, waiting},
		{berth.ActionStart, storetest.SQLite, agreeing},
		{berth.ActionStart, storetest.Postgres, ordering},
		{berth.ActionStart, storetest.Postgres, ordered},
		{berth.ActionStart, storetest.Postgres, waiting},
		{berth.ActionStop, storetest.SQLite, ordered},
		{berth.ActionShutdown, storetest.SQLite, ordered},
		{berth.ActionReboot, storetest.SQLite, ordered},
		{berth.ActionDelete, storetest.SQLite, deleting},
		{berth.ActionDelete, storetest.Postgres, deleting},
	} {
		t.Run(fmt.Sprintf("%s %s on %s", c.action, c.moment.name, c.database), func(t *testing.T) {
			t.Parallel()
			surviveKill(t, storetest.Options(t, c.database), c.action, c.moment)
		})
	}
}

func surviveKill(t *testing.T, o store.Options, action berth.Action, m moment) {
	sim, err := pvesim.New(pvesim.Options{Now: clocktest.Now, Cluster: "home", TaskTime: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s := storetest.OpenWith(t, o)
	c := containerFor(t, sim, action)
	k := killProxy(t, s, sim, m, vmidText(c))
	killOtherBerth(t, o, berth.ActionRequest{Action: action, StopFirst: true}, c.Key(), k)
	orders := func() int { return (&actionRig{sim: sim}).orders(c) }

	r := resume(t, s, hurried)
	r.sim = sim
	active, err := s.JobsOfSubject(t.Context(), c.Key(), 10)
	if err != nil || len(active) != 1 {
		t.Fatalf("after the crash there are jobs %+v (%v), want one", active, err)
	}
	r.wantEnd(active[0], berth.JobSucceeded, "")
	if got := orders(); got != 1 || m.late && !k.arrived.Load() {
		t.Errorf("%d orders for one action, and that the late one arrived is %v", got, k.arrived.Load())
	}
	if busy, err := s.ActiveJobs(t.Context()); err != nil || len(busy) != 0 {
		t.Errorf("still held: %+v (%v)", busy, err)
	}
}

// containerFor gives a container that the action can be done to.
func containerFor(t *testing.T, sim *pvesim.Sim, action berth.Action) *berth.Container {
	t.Helper()
	resources, err := simClient(t, sim).Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wanted := "running"
	if action == berth.ActionStart {
		wanted = "stopped"
	}
	for _, row := range resources.Containers {
		if row.Status == wanted && row.HAState == "" && row.Lock == "" {
			return &berth.Container{Cluster: "home", VMID: row.VMID, Node: row.Node, Hostname: row.Name}
		}
	}
	t.Fatalf("no container is %s", wanted)
	return nil
}

// killOtherBerth runs another Berth that does the action, until it is killed.
func killOtherBerth(t *testing.T, o store.Options, request berth.ActionRequest, key string, k *killer, more ...string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	said := &syncBuffer{}
	cmd := exec.CommandContext(t.Context(), program, o.DataDir, o.Database, key)
	cmd.Env = append(append(os.Environ(), otherBerth+"="+string(text), clocktest.Environment()), more...)
	cmd.Stdout, cmd.Stderr = said, said
	k.mu.Lock()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }() // it is killed: that it failed is no news
	k.kill = func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("kill: %v", err)
		}
		<-gone
	}
	k.mu.Unlock()
	<-gone
	select {
	case <-k.killed:
	default:
		t.Fatalf("the other Berth ended by itself:\n%s", said)
	}
}
