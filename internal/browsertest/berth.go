package browsertest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/app"
	"berth/internal/clocktest"
	"berth/internal/fleet"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
)

// Berth is a running Berth on a simulated cluster named "home".
type Berth struct {
	t       testing.TB
	options app.Options
	App     *app.App
	Sim     *pvesim.Sim
}

// Start starts a simulated cluster and a Berth on the database of o, both on free ports, and connects them.
func Start(t testing.TB, o store.Options, world pvesim.Options) *Berth {
	t.Helper()
	b := StartEmpty(t, o)
	b.Connect(world)
	return b
}

// Connect starts a simulated cluster and connects it under the name home.
func (b *Berth) Connect(world pvesim.Options) {
	b.t.Helper()
	world.Cluster, world.Now = "home", clocktest.Now
	sim, err := pvesim.New(world)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Sim = sim
	b.t.Cleanup(sim.Close)
	if err := sim.Start("127.0.0.1:0"); err != nil {
		b.t.Fatal(err)
	}
	cluster := berth.Cluster{Name: "home", Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint()}
	if _, err := fleet.Connect(b.t.Context(), b.App.Store, testActor, cluster, sim.Token()); err != nil {
		b.t.Fatal(err)
	}
}

var testActor = berth.Actor{Name: "test", Source: "cli"}

// StartEmpty starts a Berth that no cluster is connected to.
func StartEmpty(t testing.TB, o store.Options) *Berth {
	t.Helper()
	pace := fleet.DefaultPace()
	pace.Clusters = 50 * time.Millisecond // looks for new clusters more often than usual; all else is as in production
	return StartAt(t, o, pace)
}

// StartAt starts a Berth that asks its clusters at a pace of its own, so that a test sees in seconds what takes minutes.
func StartAt(t testing.TB, o store.Options, pace fleet.Pace) *Berth {
	t.Helper()
	b := &Berth{t: t, options: app.Options{Addr: "127.0.0.1:0", Store: o, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Pace: pace, Now: clocktest.Now}}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *Berth) start() {
	b.t.Helper()
	a, err := app.New(context.Background(), b.options)
	if err != nil {
		b.t.Fatal(err)
	}
	b.App = a
	b.options.Addr = strings.TrimPrefix(a.URL(), "http://") // the same one after a restart
	a.Start()
}

func (b *Berth) stop() {
	if err := b.App.Stop(); err != nil {
		b.t.Errorf("stop: %v", err)
	}
}

// Restart ends Berth and starts it again on the same address and database.
func (b *Berth) Restart() {
	b.t.Helper()
	b.stop()
	b.start()
}

// SignInLink makes an account of the role, which is also its name, and gives its one-time link.
func (b *Berth) SignInLink(role berth.Role) string {
	b.t.Helper()
	return b.signInLink(b.t, string(role), role)
}

func (b *Berth) signInLink(t testing.TB, name string, role berth.Role) string {
	t.Helper()
	ctx := context.Background()
	user, err := b.App.Store.UserByName(ctx, name)
	if berth.CodeOf(err) == berth.NotFound {
		user, err = b.App.Store.AddUser(ctx, testActor, berth.User{Name: name, Role: role})
	}
	if err != nil {
		t.Fatal(err)
	}
	link, err := b.App.SignInLink(ctx, user.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// SignIn opens a tab, signs in as an admin and goes to path.
func (b *Berth) SignIn(look Look, path string) *Page {
	b.t.Helper()
	return b.signIn(b.t, look, path)
}

// signIn is SignIn with a tab that belongs to a subtest.
func (b *Berth) signIn(t testing.TB, look Look, path string) *Page {
	t.Helper()
	return Open(t, look, b.SignInLink(berth.RoleAdmin)+"&next="+url.QueryEscape(path))
}

// signInAs is signIn with an account of its own, for what is kept for each user.
func (b *Berth) signInAs(t testing.TB, name, path string) *Page {
	t.Helper()
	return Open(t, Desktop, b.signInLink(t, name, berth.RoleViewer)+"&next="+url.QueryEscape(path))
}

// signInOperator is signIn with an account of its own that may act on containers.
func (b *Berth) signInOperator(t testing.TB, name, path string) *Page {
	t.Helper()
	return Open(t, Desktop, b.signInLink(t, name, berth.RoleOperator)+"&next="+url.QueryEscape(path))
}

// Client gives an HTTP client that is signed in with a role.
func (b *Berth) Client(role berth.Role) *http.Client {
	b.t.Helper()
	client := newCookieClient(b.t)
	response, err := client.Get(b.SignInLink(role))
	if err != nil {
		b.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		b.t.Fatalf("signing in: %s", response.Status)
	}
	return client
}

func newCookieClient(t testing.TB) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: patience}
}
