package web

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"berth"
	"berth/internal/auth"
	"berth/internal/clocktest"
	"berth/internal/console"
	"berth/internal/fleet"
	"berth/internal/jobs"
	"berth/internal/live"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("berth/internal/store/storetest.(*server).wait"))
}

// site is a running web interface.
type site struct {
	t       *testing.T
	store   *store.Store
	fleet   *fleet.Fleet
	actions *fleet.Actions
	url     string
	hub     *live.Hub
	sim     *pvesim.Sim // nil: no cluster
}

// newSite starts one without clusters.
func newSite(t *testing.T) *site { return newSiteAt(t, fleet.DefaultPace()) }

func newSiteAt(t *testing.T, pace fleet.Pace) *site {
	t.Helper()
	s := storetest.Open(t, storetest.SQLite)
	hub := &live.Hub{}
	f := fleet.New(s, hub, slog.New(slog.DiscardHandler), clocktest.Now, pace)
	j, err := jobs.New(t.Context(), s, hub, slog.New(slog.DiscardHandler), jobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	actions := fleet.NewActions(f, j, fleet.DefaultPatience())
	consoles := console.New(actions.ConsoleDoor, s.AddEvent, slog.New(slog.DiscardHandler))
	server := New(s, f, actions, consoles, auth.New(s, auth.Options{Now: clocktest.Now}), hub, slog.New(slog.NewTextHandler(t.Output(), nil)), clocktest.Now)
	server.beat = 10 * time.Millisecond
	web := httptest.NewServer(server.Handler())
	t.Cleanup(func() { server.Close(); web.Close(); server.Wait(); consoles.Close() })
	return &site{t: t, store: s, fleet: f, actions: actions, url: web.URL, hub: hub}
}

// as gives a client that is signed in with a role; without a role it is nobody. It does not follow redirects.
func (s *site) as(role berth.Role) *http.Client {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	transport := &http.Transport{ExpectContinueTimeout: 30 * time.Second}
	s.t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Jar: jar, Transport: transport, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if role != "" {
		s.signIn(client, role)
	}
	return client
}

func (s *site) signIn(client *http.Client, role berth.Role) {
	s.t.Helper()
	user, err := s.store.AddUser(s.t.Context(), berth.Actor{Name: "test"}, berth.User{Name: "the-" + string(role), Role: role})
	if err != nil {
		s.t.Fatal(err)
	}
	s.signInAs(client, user)
}

func (s *site) signInAs(client *http.Client, user berth.User) {
	s.t.Helper()
	token, err := s.store.NewSignInLink(s.t.Context(), user.ID, time.Hour)
	if err != nil {
		s.t.Fatal(err)
	}
	if got := s.do(s.as(""), http.MethodHead, "/login?link="+token, nil); got.StatusCode != http.StatusOK || len(got.Cookies()) > 0 {
		s.t.Fatalf("looking at a link: %s", got.Status)
	}
	if got := s.do(client, http.MethodGet, "/login?link="+token, nil); got.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("signing in: %s", got.Status)
	}
}

type answer struct {
	*http.Response
	body string
}

func (s *site) do(client *http.Client, method, path string, header http.Header) answer {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := client.Do(request)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	if strings.Contains(response.Header.Get("Content-Type"), "event-stream") {
		return answer{Response: response} // it does not end
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{Response: response, body: string(body)}
}

func TestRequestsOfAnotherSiteAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	client := s.as(berth.RoleAdmin)
	for _, header := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Origin": {"https://evil.example"}}} {
		if got := s.do(client, http.MethodPost, "/refresh", header); got.StatusCode != http.StatusForbidden {
			t.Errorf("a POST with %v gets %s", header, got.Status)
		}
	}
	if got := s.do(client, http.MethodPost, "/refresh", http.Header{"Sec-Fetch-Site": {"same-origin"}}); got.StatusCode != http.StatusNoContent {
		t.Errorf("a POST of our own page gets %s", got.Status)
	}
}

func TestBadInputIsSaid(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	client := s.as(berth.RoleViewer)
	for path, want := range map[string]int{
		"/?sort=colour":           http.StatusUnprocessableEntity,
		"/?limit=0":               http.StatusUnprocessableEntity,
		"/?limit=lots":            http.StatusUnprocessableEntity,
		"/?group=colour":          http.StatusUnprocessableEntity,
		"/?layout=circle":         http.StatusUnprocessableEntity,
		"/list?q=status:sleeping": http.StatusUnprocessableEntity,
		"/more?q=colour:red":      http.StatusUnprocessableEntity,
		"/live?q=status:sleeping": http.StatusUnprocessableEntity,
		"/containers/home":        http.StatusNotFound,
		"/containers/home:101":    http.StatusNotFound,
		"/containers/:":           http.StatusNotFound,
		"/live?sort=colour":       http.StatusUnprocessableEntity,
		"/nowhere":                http.StatusNotFound,
		"/static/../web.go":       http.StatusNotFound,
		"/static/nothing.js":      http.StatusNotFound,
	} {
		if got := s.do(client, http.MethodGet, path, nil); got.StatusCode != want && got.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("GET %s: %s, want %d", path, got.Status, want)
		}
	}
	got := s.do(client, http.MethodGet, "/?q="+"status:%3Cscript%3Ealert(1)%3C/script%3E", nil)
	if strings.Contains(got.body, "<script>alert") {
		t.Error("a query is on the page as markup")
	}
}

func TestLinksLeadNowhereElse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/nodes": "/nodes", "/?q=status:running": "/?q=status:running", "": "/", "//evil.example": "/", "https://evil.example": "/",
		`/\evil.example`: "/", "javascript:alert(1)": "/", "/\t/evil.example": "/",
	} {
		if got := localPath(in); got != want {
			t.Errorf("localPath(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSignedOutSessionIsOver(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	client := s.as(berth.RoleViewer)
	if got := s.do(client, http.MethodPost, "/logout", nil); got.StatusCode != http.StatusSeeOther {
		t.Fatalf("signing out: %s", got.Status)
	}
	if got := s.do(client, http.MethodGet, "/", nil); got.StatusCode != http.StatusSeeOther {
		t.Errorf("after signing out the dashboard answers %s, want a redirect to the sign-in page", got.Status)
	}
}

func TestRemovedUserIsSignedOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	client := s.as(berth.RoleViewer)
	if err := s.store.RemoveUser(t.Context(), berth.Actor{Name: "test"}, "the-viewer"); err != nil {
		t.Fatal(err)
	}
	if got := s.do(client, http.MethodGet, "/", nil); got.StatusCode != http.StatusSeeOther {
		t.Errorf("a removed user gets %s", got.Status)
	}
}

func TestPagesForbidWhatTheyNeverNeed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	got := s.do(s.as(berth.RoleViewer), http.MethodGet, "/", nil)
	for header, want := range map[string]string{
		"Content-Security-Policy": "script-src 'self'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
	} {
		if !strings.Contains(got.Header.Get(header), want) {
			t.Errorf("%s is %q, want %q in it", header, got.Header.Get(header), want)
		}
	}
	if strings.Contains(got.body, "style=") || strings.Contains(got.body, "onclick") {
		t.Error("the page has inline styles or scripts, which its policy blocks")
	}
}

// A page whose stream is told so asks anew, and gets the form to sign in.
func TestStreamsOfNobodyAreNoPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, stream := range []string{"/live", "/jobs/live", "/nodes/live"} {
		if got := s.do(s.as(""), http.MethodGet, stream, nil); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s answers %s, want 401", stream, got.Status)
		}
	}
}

func TestStreamEndsWithTheSession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	client := s.as(berth.RoleViewer)
	response, err := client.Get(s.url + "/live")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := s.store.RemoveUser(t.Context(), berth.Actor{Name: "test"}, "the-viewer"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // returns when the stream ends
		t.Errorf("the stream ended with %v", err)
	}
}
