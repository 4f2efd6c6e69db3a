package browsertest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/fleet"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// everything is a log that keeps what is written, debugging included.
type everything struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (e *everything) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.Write(p)
}

func (e *everything) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.String()
}

// TestPlantedSecretsAreNowhere gives Berth secrets of every kind and looks for them where they must not be: in the files of the
// database, the log, the history, and on the pages.
func TestPlantedSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	o := storetest.Options(t, storetest.SQLite)
	b := StartEmpty(t, o)
	log := &everything{}
	b.stop()
	b.options.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.start()
	setup, err := b.App.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.Connect(pvesim.Options{Containers: few})
	secrets := plant(t, b, setup)
	answers := visit(t, b, secrets)
	if _, err := fleet.Connect(t.Context(), b.App.Store, testActor, berth.Cluster{Name: "wrong", Endpoints: []string{b.Sim.URL()}, Fingerprint: b.Sim.Fingerprint()}, "root@pam!berth=planted-0000-wrong-token"); err == nil {
		t.Error("a wrong token connects a cluster")
	} else {
		answers["the error of a wrong token"] = err.Error()
	}
	secrets["wrong token"] = "planted-0000-wrong-token"
	answers["the log"] = log.String()
	answers["the database"] = filesOf(t, o.DataDir)
	for where, text := range answers {
		for what, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", what, where)
			}
		}
	}
	if !strings.Contains(answers["the database"], "findable") || !strings.Contains(answers["the log"], "cluster") || !strings.Contains(answers["/audit/export?format=jsonl"], "token.add") {
		t.Error("this test looks in the wrong place")
	}
}

// plant gives Berth secrets, and gives them by what they are. "session" is a cookie that signs in.
func plant(t *testing.T, b *Berth, setup string) map[string]string {
	t.Helper()
	s, ctx := b.App.Store, t.Context()
	_, token, _ := strings.Cut(setup, "token=")
	secrets := map[string]string{"setup token": token, "password": "planted password of mine", "client secret": "planted-client-secret"}
	client := newCookieClient(t)
	form := url.Values{"token": {token}, "name": {"anna"}, "password": {secrets["password"]}}
	if got := postForm(t, client, b.App.URL()+"/setup", form); got != http.StatusOK {
		t.Fatalf("the setup gives %d", got)
	}
	at, err := url.Parse(b.App.URL())
	if err != nil {
		t.Fatal(err)
	}
	secrets["session"] = client.Jar.Cookies(at)[0].Value
	anna, err := s.UserByName(ctx, "anna")
	if err != nil {
		t.Fatal(err)
	}
	if secrets["API token"], err = s.AddToken(ctx, testActor, berth.APIToken{UserID: anna.ID, User: "anna", Name: "findable", Grant: berth.Grant{Role: berth.RoleViewer}}); err != nil {
		t.Fatal(err)
	}
	if secrets["sign-in link"], err = s.NewSignInLink(ctx, anna.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.AddSignOn(ctx, testActor, berth.SignOn{Name: "corp", Issuer: "https://127.0.0.1:1", ClientID: "berth", Mapping: map[string]string{"a": "b"}}, secrets["client secret"]); err != nil {
		t.Fatal(err)
	}
	secrets["token of Proxmox"] = secretOf(t, s)
	secrets["seed"] = enrolOverHTTP(t, b, client, s, anna)
	return secrets
}

func secretOf(t *testing.T, s *store.Store) string {
	t.Helper()
	cluster, err := s.ClusterByName(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := s.ClusterSecret(t.Context(), cluster.ID)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func enrolOverHTTP(t *testing.T, b *Berth, client *http.Client, s *store.Store, u berth.User) (seed string) {
	t.Helper()
	postForm(t, client, b.App.URL()+"/account/second-factor", nil)
	seed, err := s.NewTOTPSeed(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.GenerateCode(seed, clocktest.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got := postForm(t, client, b.App.URL()+"/account/second-factor/prove", url.Values{"code": {code}}); got != http.StatusOK {
		t.Fatalf("the code gives %d", got)
	}
	return seed
}

func postForm(t *testing.T, client *http.Client, address string, form url.Values) (status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// visit gives what the pages say to an admin and to a program.
func visit(t *testing.T, b *Berth, secrets map[string]string) map[string]string {
	t.Helper()
	answers := map[string]string{}
	admin := b.Client(berth.RoleAdmin)
	for _, path := range []string{"/", "/nodes", "/jobs", "/audit", "/audit/export?format=jsonl", "/settings/access", "/account", "/login/sso/corp", "/containers/home:101"} {
		answers[path] = fetch(t, admin, b.App.URL()+path, "")
	}
	answers["an answer to a program"] = fetch(t, newCookieClient(t), b.App.URL()+"/", secrets["API token"])
	answers["an answer to a wrong program"] = fetch(t, newCookieClient(t), b.App.URL()+"/", secrets["API token"]+"x")
	return answers
}

func fetch(t *testing.T, client *http.Client, address, token string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// filesOf gives what is in the files of the database.
func filesOf(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "berth.db*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, content...)
	}
	return string(all)
}
