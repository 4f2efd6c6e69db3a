package fleet

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// granted types the commands that Berth proposes at a shell of the cluster, and gives the token that they print.
func granted(t testing.TB, sim *pvesim.Sim, g berth.Grants) string {
	t.Helper()
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	output := ""
	for _, line := range g.Commands() {
		out, status := sim.Shell("pve1", line)
		if status != 0 {
			t.Fatalf("%s ended with %d: %s", line, status, out)
		}
		output += out
	}
	secret := regexp.MustCompile(`value +│ ([0-9a-f-]{36}) `).FindStringSubmatch(output)
	if secret == nil {
		t.Fatalf("no secret was printed: %s", output)
	}
	return "berth@pve!berth=" + secret[1]
}

func startSim(t testing.TB, o pvesim.Options) (*pvesim.Sim, berth.Cluster) {
	t.Helper()
	o.Now = clocktest.Now
	sim, err := pvesim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return sim, berth.Cluster{Name: "home", Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint()}
}

func TestProposedCommandsGrantWhatTheirPurposeTakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		purpose         berth.Purpose
		works, mustLack string
	}{
		{berth.PurposeWatch, "See nodes and their load", "Console"}, {berth.PurposeOperate, "Console", "Delete"}, {berth.PurposeCreate, "Create containers", ""},
	} {
		t.Run(string(test.purpose), func(t *testing.T) {
			t.Parallel()
			sim, cluster := startSim(t, pvesim.Options{})
			token := granted(t, sim, berth.Grants{Purpose: test.purpose, Backups: []string{"local"}, Disks: []string{"local-lvm"}, Bridges: nil})
			x, err := Examine(t.Context(), clocktest.Now, cluster, token)
			if err != nil {
				t.Fatal(err)
			}
			if x.Containers != 40 || !strings.HasPrefix(x.Version, "9.") || x.Blind || len(x.Storages) == 0 || x.ClockSkew != 0 {
				t.Errorf("%d containers, version %s, %d storages, skew %s", x.Containers, x.Version, len(x.Storages), x.ClockSkew)
			}
			for _, f := range x.Findings {
				switch {
				case f.Feature == test.works && f.State != berth.FeatureWorks && f.State != berth.FeaturePartly:
					t.Errorf("got %+v", f)
				case f.Feature == test.mustLack && (f.State != berth.FeatureMissing || len(f.Commands) == 0):
					t.Errorf("got %+v", f)
				}
			}
		})
	}
}

func TestCommandsOfTheDoctorGrantWhatIsMissing(t *testing.T) {
	t.Parallel()
	sim, cluster := startSim(t, pvesim.Options{})
	token := granted(t, sim, berth.Grants{Purpose: berth.PurposeWatch})
	for range len(berth.Purposes()) + 20 { // every round grants the first thing that is missing
		x, err := Examine(t.Context(), clocktest.Now, cluster, token)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(x.Findings, func(f berth.Finding) bool { return f.State == berth.FeatureMissing })
		if i < 0 {
			return
		}
		for _, line := range x.Findings[i].Commands {
			if out, status := sim.Shell("pve1", line); status != 0 {
				t.Fatalf("%s ended with %d: %s", line, status, out)
			}
		}
	}
	t.Error("something is missing whatever is granted")
}

func TestTokenThatWasGrantedNothingIsSaidToBeBlind(t *testing.T) {
	t.Parallel()
	sim, cluster := startSim(t, pvesim.Options{})
	sim.Shell("pve1", "pveum user add blind@pve")
	out, _ := sim.Shell("pve1", "pveum user token add blind@pve berth --privsep 1")
	secret := regexp.MustCompile(`[0-9a-f-]{36}`).FindString(out)
	x, err := Examine(t.Context(), clocktest.Now, cluster, "blind@pve!berth="+secret)
	if err != nil || !x.Blind || x.Containers != 0 {
		t.Errorf("got %+v (%v)", x, err)
	}
}

// skewed is a server in front of the simulator whose clock is ahead.
func skewed(t *testing.T, sim *pvesim.Sim, by time.Duration) *httptest.Server {
	t.Helper()
	target, err := url.Parse(sim.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	proxy.ModifyResponse = func(r *http.Response) error {
		r.Header.Set("Date", clocktest.Now().Add(by).UTC().Format(http.TimeFormat))
		return nil
	}
	server := httptest.NewTLSServer(proxy)
	t.Cleanup(server.Close)
	return server
}

func TestClockThatIsWrongIsNoticed(t *testing.T) {
	t.Parallel()
	sim, cluster := startSim(t, pvesim.Options{})
	server := skewed(t, sim, time.Hour)
	certificate, err := Look(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	cluster.Endpoints, cluster.Fingerprint = []string{server.URL}, certificate.Fingerprint
	x, err := Examine(t.Context(), clocktest.Now, cluster, sim.Token())
	if err != nil || x.ClockSkew < 59*time.Minute || x.ClockSkew > 61*time.Minute {
		t.Errorf("skew is %s (%v)", x.ClockSkew, err)
	}
}

func TestLookSaysWhoIsThere(t *testing.T) {
	t.Parallel()
	sim, _ := startSim(t, pvesim.Options{})
	c, err := Look(t.Context(), sim.URL())
	if err != nil || c.Fingerprint != sim.Fingerprint() || c.Subject == "" || !c.Ends.After(clocktest.Now()) {
		t.Errorf("got %+v (%v)", c, err)
	}
	if _, err := Look(t.Context(), "ftp://x"); berth.CodeOf(err) != berth.Invalid {
		t.Errorf("got %v", err)
	}
	if _, err := Look(t.Context(), "https://"+freeAddress(t)); berth.CodeOf(err) != berth.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestConnectionIsChangedOnlyWhenItWorks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		sim := simulate(t, s, pvesim.Options{AuthDelay: -1})
		r := run(t, s, quick)
		r.wait("all are there", answering(40))
		before, err := s.ClusterByName(t.Context(), "home")
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]Change{
			"wrong secret":      {Token: "root@pam!berth=00000000-0000-0000-0000-000000000000"},
			"wrong fingerprint": {Fingerprint: "sha256:" + strings.Repeat("ab", 32)},
			"one bad endpoint":  {Endpoints: []string{sim.URL(), "https://" + freeAddress(t)}},
			"no address":        {Endpoints: []string{"pve1"}},
		} {
			if _, err := ChangeConnection(t.Context(), s, actor, "home", change); berth.CodeOf(err) != berth.Unavailable && berth.CodeOf(err) != berth.Invalid {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if after, err := s.ClusterByName(t.Context(), "home"); err != nil || !after.UpdatedAt.Equal(before.UpdatedAt) {
			t.Errorf("the cluster was changed (%v)", err)
		}
		token := granted(t, sim, berth.Grants{Purpose: berth.PurposeWatch})
		if _, err := ChangeConnection(t.Context(), s, actor, "home", Change{Token: token}); err != nil {
			t.Fatal(err)
		}
		snapshot := r.wait("the poller uses the new token and knows its rights", func(s *Snapshot) bool {
			return answering(40)(s) && s.Clusters[0].Cluster.TokenID == "berth@pve!berth" && s.Clusters[0].Rights != nil && len(s.Clusters[0].Containers[0].Lacks) > 0
		})
		c := firstWith(snapshot, berth.StatusRunning)
		refusal := berth.ActionRequest{Action: berth.ActionStop}.Check(c, berth.RoleOperator)
		if refusal == nil || refusal.Err.Code != berth.Forbidden || !strings.Contains(refusal.Err.Message, "VM.PowerMgmt") {
			t.Errorf("a stop is refused with %+v", refusal)
		}
		view := snapshot.Clusters[0]
		for _, finding := range berth.Diagnose(view.Cluster, view.Rights, view.Storages) {
			for _, line := range finding.Commands {
				if out, status := sim.Shell("pve1", line); status != 0 {
					t.Fatalf("%s ended with %d: %s", line, status, out)
				}
			}
		}
		if rights, err := r.ReadRights(t.Context(), view.Cluster.ID); err != nil || len(rights.Lacking("/vms", berth.ActionPrivileges()...)) > 0 {
			t.Errorf("the rights that were granted are not seen: %v (%v)", rights, err)
		}
		r.wait("the containers follow at once", func(s *Snapshot) bool { return len(s.Clusters[0].Containers[0].Lacks) == 0 })
	})
}

func TestChangedCertificateIsNotTrustedUntilItIsPinned(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{})
	r := run(t, s, quick)
	r.wait("it answers", answering(40))
	if err := sim.RenewCertificate(); err != nil {
		t.Fatal(err)
	}
	r.wait("the new one is not trusted", func(s *Snapshot) bool {
		return s.Clusters[0].Health.State == Failing && strings.Contains(s.Clusters[0].Health.Problem, sim.Fingerprint())
	})
	if _, err := ChangeConnection(t.Context(), s, actor, "home", Change{Fingerprint: sim.Fingerprint()}); err != nil {
		t.Fatal(err)
	}
	r.wait("it answers again", answering(40))
}

func TestQuorumAndLoadOfNodesAreReadWhileSomebodyLooks(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{})
	pace := quick
	pace.Details = 10 * time.Millisecond
	r := run(t, s, pace)
	r.wait("rights are known", func(s *Snapshot) bool { return answering(40)(s) && s.Clusters[0].Rights != nil })
	if got := sim.CallsTo("/nodes/{node}/status"); got != 0 {
		t.Errorf("%d looks at nodes although nobody has their page open", got)
	}
	watcher := r.Watch()
	watcher.ShowNodes()
	view := r.wait("all nodes have told", func(s *Snapshot) bool {
		return s.Clusters[0].Connection.QuorumKnown && !slices.ContainsFunc(s.Clusters[0].Nodes, func(n berth.Node) bool { return n.Version == "" || n.Load == [3]float64{} })
	}).Clusters[0]
	if c := view.Connection; !c.Quorate || c.Endpoint != strings.TrimPrefix(sim.URL(), "https://") || c.Version == "" || c.CertificateEnds.IsZero() || c.ClockSkew != 0 {
		t.Errorf("the connection is %+v", c)
	}
	sim.SetQuorate(false)
	r.wait("the loss of quorum is seen", func(s *Snapshot) bool { return !s.Clusters[0].Connection.Quorate })
	watcher.Close()
	if len(view.Storages) == 0 {
		t.Error("no storage is known")
	}
}
