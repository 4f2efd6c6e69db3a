package pve

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/pve/pvesim"
)

// newSim starts a simulated cluster in which tasks and refusals take milliseconds.
func newSim(t *testing.T, version string) *pvesim.Sim {
	t.Helper()
	s, err := pvesim.New(pvesim.Options{Seed: 1, Version: version, TaskTime: 40 * time.Millisecond, StatisticsCycle: 50 * time.Millisecond, AuthDelay: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func login(t *testing.T, s *pvesim.Sim, l Login) *Client {
	t.Helper()
	client, err := New(Config{Endpoints: []string{s.URL()}, Fingerprint: s.Fingerprint(), Login: &l})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// totp is RFC 6238.
func totp(t *testing.T, secret string) string {
	t.Helper()
	key, err := base32.StdEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	if err := binary.Write(mac, binary.BigEndian, time.Now().Unix()/30); err != nil {
		t.Fatal(err)
	}
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff)%1_000_000)
}

func TestLoginSignsInOnceAndMayWrite(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"7.4", "8.4", "9.2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			sim := newSim(t, version)
			client := login(t, sim, Login{User: "root@pam", Password: "berth-demo"})
			var calls sync.WaitGroup
			for range 6 {
				calls.Go(func() {
					if _, err := client.Version(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			calls.Wait()
			resources, err := client.Resources(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			first := resources.Containers[0]
			if err := client.UpdateConfig(t.Context(), first.Node, first.VMID, ConfigChange{Settings: Settings{Description: new("x")}}); err != nil {
				t.Errorf("write with a ticket: %v", err)
			}
			if got := sim.CallsTo("POST /access/ticket"); got != 1 {
				t.Errorf("got %d sign-ins for 8 calls, want 1", got)
			}
		})
	}
}

func TestConsoleOpensWithATicketOnEveryVersion(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"7.4", "8.4", "9.2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			client := login(t, newSim(t, version), Login{User: "root@pam", Password: "berth-demo"})
			ct := find(t, client, runningOn("pve2"))
			console, err := client.OpenConsole(t.Context(), ct.Node, ct.VMID)
			if err != nil {
				t.Fatal(err)
			}
			defer console.Close()
			if _, err := io.WriteString(console, "\r"); err != nil {
				t.Fatal(err)
			}
			said := ""
			for buffer := make([]byte, 100); !strings.Contains(said, "login:"); {
				n, err := console.Read(buffer)
				if said += string(buffer[:n]); err != nil {
					t.Fatalf("got %q, %v, want a login prompt", said, err)
				}
			}
		})
	}
}

func TestWrongPasswordIsUnauthenticated(t *testing.T) {
	t.Parallel()
	_, err := login(t, newSim(t, "9.2"), Login{User: "root@pam", Password: "wrong"}).Version(t.Context())
	if got := Classify(err).Kind; got != KindUnauthenticated {
		t.Errorf("got %v, want unauthenticated", err)
	}
}

func TestSecondFactorIsAskedForOnce(t *testing.T) {
	t.Parallel()
	sim := newSim(t, "9.2")
	secret, err := sim.RequireTOTP("root@pam")
	if err != nil {
		t.Fatal(err)
	}
	_, err = login(t, sim, Login{User: "root@pam", Password: "berth-demo"}).Version(t.Context())
	if !errors.Is(err, ErrSecondFactor) || Classify(err).Kind != KindSecondFactor {
		t.Errorf("without a factor: got %v, want ErrSecondFactor", err)
	}

	asked := 0
	client := login(t, sim, Login{User: "root@pam", Password: "berth-demo", SecondFactor: func(_ context.Context, f Factors) (string, error) {
		if asked++; !f.TOTP || f.WebAuthn || f.Yubico {
			t.Errorf("got factors %+v, want TOTP", f)
		}
		return totp(t, secret), nil
	}})
	now := time.Now()
	client.now = func() time.Time { return now }
	for range 3 { // renewals every hour need no factor
		if _, err := client.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(renewAfter + time.Second)
	}
	if asked != 1 {
		t.Errorf("asked for the factor %d times, want once", asked)
	}

	wrong := login(t, sim, Login{User: "root@pam", Password: "berth-demo", SecondFactor: func(context.Context, Factors) (string, error) { return "totp:000000", nil }})
	if _, err := wrong.Version(t.Context()); Classify(err).Kind != KindUnauthenticated {
		t.Errorf("wrong code: got %v, want unauthenticated", err)
	}
}

func TestRefusedTicketIsReplacedOnce(t *testing.T) {
	t.Parallel()
	var signIns, starts atomic.Int32
	server := newServer(t, func(r *http.Request) (string, string) {
		if strings.HasSuffix(r.URL.Path, "/access/ticket") {
			return "200 OK", fmt.Sprintf(`{"data":{"ticket":"PVE:root@pam:%d::a+b/c==","CSRFPreventionToken":"t%[1]d"}}`, signIns.Add(1))
		}
		cookie, err := r.Cookie("PVEAuthCookie")
		if err != nil {
			t.Error(err)
			return "401 No ticket", ""
		}
		starts.Add(1)
		if cookie.Value != "PVE%3Aroot%40pam%3A2%3A%3Aa%2Bb%2Fc%3D%3D" || r.Header.Get("CSRFPreventionToken") != "t2" {
			return "401 Permission denied - invalid PVE ticket", ""
		}
		return "200 OK", `{"data":"` + startTask + `"}`
	})
	client, err := New(Config{Endpoints: []string{server.URL}, Fingerprint: fingerprintText(server), Login: &Login{User: "root@pam", Password: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Start(t.Context(), "pve1", 101); err != nil || signIns.Load() != 2 || starts.Load() != 2 {
		t.Errorf("got %v after %d sign-ins and %d requests, want success after 2 and 2", err, signIns.Load(), starts.Load())
	}
}

func TestChallengeNamesTheFactors(t *testing.T) {
	t.Parallel()
	tests := map[string]Factors{
		`PVE:!tfa!{"totp"%3Atrue}:6B03AABA::Nful`:                                  {TOTP: true},
		`PVE:!tfa!%7B%22recovery%22%3A%5B0%2C1%5D%2C%22totp%22%3Afalse%7D:6B03::x`: {Recovery: true},
		`PVE:!tfa!%7B%22webauthn%22%3A%7B%7D%2C%22yubico%22%3Atrue%7D:6B03::x`:     {WebAuthn: true, Yubico: true},
		`PVE:!tfa!%7B%22recovery%22%3A%22unavailable%22%7D:6B03::x`:                {},
	}
	for text, want := range tests {
		if got, err := parseChallenge(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "PVE:root@pam:6B03::x", "PVE:!tfa!nonsense:6B03::x", "PVE:!tfa!%zz:"} {
		if got, err := parseChallenge(text); err == nil {
			t.Errorf("%s: got %+v, want an error", text, got)
		}
	}
}

func TestPermissionsInheritUntilADeeperPath(t *testing.T) {
	t.Parallel()
	p := Permissions{
		"/":        {"VM.Audit": true, "Sys.Audit": false},
		"/vms/101": {"VM.PowerMgmt": true},
	}
	tests := []struct {
		path, privilege string
		want            bool
	}{
		{"/", "Sys.Audit", true}, {"/nodes/pve1", "Sys.Audit", false}, {"/vms/102", "VM.Audit", true},
		{"/vms/101", "VM.PowerMgmt", true}, {"/vms/101", "VM.Audit", false}, {"/vms/102", "VM.PowerMgmt", false},
		{"", "VM.Audit", false},
	}
	for _, test := range tests {
		if got := p.Has(test.path, test.privilege); got != test.want {
			t.Errorf("%s at %s: got %v, want %v", test.privilege, test.path, got, test.want)
		}
	}
}

func TestLoginKeepsThePasswordSecret(t *testing.T) {
	t.Parallel()
	l := Login{User: "root@pam", Password: "berth-demo"}
	if shown := fmt.Sprintf("%v %+v %#v", l, l, l); strings.Contains(shown, l.Password) {
		t.Errorf("the password shows in %q", shown)
	}
}
