package fleet

import (
	"net"
	"strings"
	"testing"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

var stopNow = pve.StopOptions{}

func simClient(t testing.TB, sim *pvesim.Sim) *pve.Client {
	t.Helper()
	client, err := pve.New(pve.Config{Endpoints: []string{sim.URL()}, Token: sim.Token(), Fingerprint: sim.Fingerprint()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestConnectSaysWhatIsWrongAndStoresNothing(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim, err := pvesim.New(pvesim.Options{Now: clocktest.Now, AuthDelay: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	wrong := "sha256:" + strings.Repeat("ab", 32)
	for name, test := range map[string]struct {
		cluster berth.Cluster
		token   string
		code    berth.Code
		says    []string
	}{
		"wrong fingerprint":  {berth.Cluster{Name: "a", Endpoints: []string{sim.URL()}, Fingerprint: wrong}, sim.Token(), berth.Unavailable, []string{"AB:AB", sim.Fingerprint()}},
		"no fingerprint":     {berth.Cluster{Name: "a", Endpoints: []string{sim.URL()}}, sim.Token(), berth.Unavailable, []string{"--fingerprint " + sim.Fingerprint()}},
		"half a fingerprint": {berth.Cluster{Name: "a", Endpoints: []string{sim.URL()}, Fingerprint: "AB:CD"}, sim.Token(), berth.Invalid, []string{"ingerprint"}},
		"wrong secret":       {berth.Cluster{Name: "a", Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint()}, "root@pam!berth=00000000-0000-0000-0000-000000000000", berth.Unavailable, []string{"API token"}},
		"not a token":        {berth.Cluster{Name: "a", Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint()}, "root@pam", berth.Invalid, []string{"oken"}},
		"nobody there":       {berth.Cluster{Name: "a", Endpoints: []string{"https://" + freeAddress(t)}, Fingerprint: wrong}, sim.Token(), berth.Unavailable, []string{"refused"}},
		"no such host":       {berth.Cluster{Name: "a", Endpoints: []string{"https://pve.invalid:8006"}, Fingerprint: wrong}, sim.Token(), berth.Unavailable, []string{"pve.invalid"}},
		"http":               {berth.Cluster{Name: "a", Endpoints: []string{"http://127.0.0.1:8006"}}, sim.Token(), berth.Invalid, []string{"https://"}},
		"a path":             {berth.Cluster{Name: "a", Endpoints: []string{"https://127.0.0.1:8006/api2"}}, sim.Token(), berth.Invalid, []string{"ends after the port"}},
		"bad name":           {berth.Cluster{Name: "My Cluster", Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint()}, sim.Token(), berth.Invalid, []string{"small letters"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Connect(t.Context(), s, actor, test.cluster, test.token)
			if got := berth.CodeOf(err); got != test.code {
				t.Errorf("code %q of %v, want %q", got, err, test.code)
			}
			for _, part := range test.says {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("the error %v does not say %q", err, part)
				}
			}
			if err != nil && strings.Contains(err.Error(), secretOf(test.token)) {
				t.Errorf("the error holds the secret: %v", err)
			}
			if clusters, err := s.Clusters(t.Context()); err != nil || len(clusters) != 0 {
				t.Errorf("stored: %v, %v", clusters, err)
			}
		})
	}
}

func TestNodesMayHaveCertificatesOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, storetest.Open(t, storetest.SQLite), pvesim.Options{})
	another := "sha256:" + strings.Repeat("ab", 32)
	cluster := berth.Cluster{Name: "home", Endpoints: []string{sim.URL()}, Fingerprint: another + ", " + sim.Fingerprint()}
	got, err := Connect(t.Context(), s, actor, cluster, sim.Token())
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSuffix(strings.Repeat("AB:", 32), ":") + "," + sim.Fingerprint(); got.Fingerprint != want {
		t.Errorf("fingerprints are %s, want %s", got.Fingerprint, want)
	}
}

func TestConnectedTwiceIsAConflict(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		sim := simulate(t, s, pvesim.Options{})
		cluster := berth.Cluster{Name: "home", Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint()}
		if _, err := Connect(t.Context(), s, actor, cluster, sim.Token()); berth.CodeOf(err) != berth.Conflict {
			t.Errorf("got %v, want a conflict", err)
		}
	})
}

func secretOf(token string) string {
	_, secret, found := strings.Cut(token, "=")
	if !found {
		return "\x00" // no secret to look for
	}
	return secret
}

// freeAddress is an address where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
