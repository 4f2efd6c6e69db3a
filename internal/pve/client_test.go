package pve

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestErrorTextComesFromTheBodyOrTheReasonPhrase(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"8.4 and later":       `{"data":null,"message":"CT 101 not running\n"}`,
		"before 8.3":          `{"data":null}`,
		"answer without body": ``,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, newServer(t, func(*http.Request) (string, string) {
				return "500 CT 101 not running", body
			}))
			_, err := client.Stop(t.Context(), "pve1", 101, StopOptions{})
			var refused *Error
			if !errors.As(err, &refused) || refused.Message != "CT 101 not running" || refused.Status != 500 {
				t.Errorf("got error %#v, want the server's text", err)
			}
			if got := Classify(err).Kind; got != KindNotRunning {
				t.Errorf("got kind %q, want %q", got, KindNotRunning)
			}
		})
	}
}

func TestWholeMessageAndFieldsComeFromTheBody(t *testing.T) {
	t.Parallel()
	client := newClient(t, newServer(t, func(*http.Request) (string, string) {
		return "400 Parameter verification failed.", `{"data":null,"message":"first line\nsecond line\n","errors":{"net0":"invalid format\n\n","vmid":7}}`
	}))
	_, err := client.Version(t.Context())
	want := &Error{Method: "GET", Path: "/version", Status: 400, Message: "first line\nsecond line", Params: map[string]string{"net0": "invalid format", "vmid": "7"}}
	var got *Error
	if errors.As(err, &got); !cmp.Equal(want, got) {
		t.Errorf("(-want +got):\n%s", cmp.Diff(want, got))
	}
	const text = "first line\nsecond line net0: invalid format. vmid: 7. (GET /version answered 400)"
	if err.Error() != text {
		t.Errorf("got text %q, want %q", err, text)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere, calls := counting(t, good)
	client := newClient(t, newServer(t, func(*http.Request) (string, string) {
		return "301 Moved Permanently\r\nLocation: " + elsewhere.URL, ""
	}))
	if _, err := client.Version(t.Context()); err == nil || !strings.Contains(err.Error(), "Moved Permanently") || calls.Load() != 0 {
		t.Errorf("got %v and %d calls of the other server, want an error and none", err, calls.Load())
	}
}

func TestUnusableAnswersSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ status, body, want string }{
		"page of a proxy":    {"200 OK", "<html><head><title>Please sign in</title>", `a web page ("Please sign in")`},
		"truncated JSON":     {"200 OK", `{"data":{"version":"9.2`, "JSON is broken"},
		"empty body":         {"200 OK", "", "it is empty"},
		"no envelope":        {"200 OK", `{"version":"9.2"}`, "it has no data"},
		"list for an object": {"200 OK", `{"data":[1]}`, "unreadable value"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, newServer(t, func(*http.Request) (string, string) { return test.status, test.body }))
			_, err := client.Version(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one that contains %q", err, test.want)
			}
			if got := Classify(err).Kind; got != KindUnavailable {
				t.Errorf("got kind %q, want %q", got, KindUnavailable)
			}
		})
	}
}

func TestWrongCertificateNamesBothFingerprints(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(*http.Request) (string, string) { return "200 OK", `{"data":{}}` })
	pinned := strings.Repeat("AB:", 31) + "AB"
	client, err := New(Config{Endpoints: []string{server.URL}, Token: testToken, Fingerprint: pinned})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Version(t.Context())
	shown := FormatFingerprint(fingerprintOf(server.Certificate()))
	want := "certificate of " + server.Listener.Addr().String() + " has changed: expected SHA-256 fingerprint " + pinned + ", got " + shown
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %v", err, want)
	}
	var wrong *CertificateError
	if !errors.As(err, &wrong) || FormatFingerprint(wrong.Want) != pinned || FormatFingerprint(wrong.Got) != shown {
		t.Errorf("got %#v, want both fingerprints", wrong)
	}
	if got := Classify(err).Kind; got != KindUntrusted {
		t.Errorf("got kind %q, want %q", got, KindUntrusted)
	}
}

func TestOneOfSeveralPinsIsEnough(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(*http.Request) (string, string) { return "200 OK", `{"data":{}}` })
	client, err := New(Config{Endpoints: []string{server.URL}, Token: testToken, Fingerprint: strings.Repeat("AB", 32) + ", " + fingerprintText(server)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Version(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAuthoritiesReplaceThoseOfTheSystem(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(*http.Request) (string, string) { return "200 OK", `{"data":{}}` })
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	client, err := New(Config{Endpoints: []string{server.URL}, Token: testToken, Authorities: authority})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Version(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestUnknownAuthorityTellsTheFingerprintToPin(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(*http.Request) (string, string) { return "200 OK", `{"data":{}}` })
	client, err := New(Config{Endpoints: []string{server.URL}, Token: testToken})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Version(t.Context())
	var wrong *CertificateError
	if !errors.As(err, &wrong) || wrong.Got != fingerprintOf(server.Certificate()) {
		t.Fatalf("got %v, want an error with the fingerprint", err)
	}
	got, err := FetchCertificate(t.Context(), server.URL)
	if err != nil || got.Fingerprint != wrong.Got {
		t.Errorf("FetchCertificate: got %v, %v, want fingerprint %s", got, err, FormatFingerprint(wrong.Got))
	}
}

func TestStartSendsOneEmptyFormAndReturnsTheTask(t *testing.T) {
	t.Parallel()
	const upid = "UPID:pve1:00002C8B:0002765F:6B03A7B9:vzstart:101:root@pam!full:"
	var calls atomic.Int32
	client := newClient(t, newServer(t, func(r *http.Request) (string, string) {
		calls.Add(1)
		got := r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + " " + r.Header.Get("Content-Type")
		want := "POST /api2/json/nodes/pve1/lxc/101/status/start PVEAPIToken=" + testToken + " application/x-www-form-urlencoded"
		if got != want || r.ContentLength != 0 || r.TransferEncoding != nil {
			t.Errorf("got %q with %d bytes %v, want %q with none", got, r.ContentLength, r.TransferEncoding, want)
		}
		return "200 OK", `{"data":"` + upid + `"}`
	}))
	got, err := client.Start(t.Context(), "pve1", 101)
	if err != nil || got != upid || calls.Load() != 1 {
		t.Errorf("got %q, %v after %d calls, want %q after 1", got, err, calls.Load(), upid)
	}
}

func TestCanceledCallEndsAtOnce(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	client := newClient(t, newServer(t, func(*http.Request) (string, string) {
		close(arrived)
		<-release
		return "200 OK", `{"data":{}}`
	}))
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := client.Version(ctx)
	if !errors.Is(err, context.Canceled) || Classify(err).Kind != KindCanceled {
		t.Errorf("got %v, want context canceled", err)
	}
}

func TestOddValueCostsOnlyItsField(t *testing.T) {
	t.Parallel()
	got, err := DecodeResources([]byte(`{"data":[
		{"type":"lxc","id":"lxc/101","vmid":"oops","node":"pve1","status":"running","maxmem":{},"cpu":-1.217,"uptime":"246","tags":"a;b"},
		{"type":"qemu","id":"qemu/102","vmid":102},
		7,
		{"type":"node","id":"node/pve1","node":"pve1","status":"online","cpu":"0.5"},
		{"type":"storage","id":"storage/pve1/tank","storage":"tank","node":"pve1","content":"images,rootdir","shared":"1"},
		{"type":"sdn","id":"sdn/pve1/x"},
		{"type":"pool","id":"/pool/web","pool":"web"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Resources{
		Containers: []ContainerResource{{VMID: 101, Node: "pve1", Status: "running", Tags: []string{"a", "b"},
			Uptime: 246 * time.Second, Odd: []string{"vmid", "maxmem"}}},
		Nodes:    []NodeResource{{Node: "pve1", Status: "online", CPU: 0.5}},
		Storages: []StorageResource{{Storage: "tank", Node: "pve1", Content: []string{"images", "rootdir"}, Shared: true}},
		Pools:    []PoolResource{{Pool: "web"}},
		Odd:      []string{"2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resources differ (-want +got):\n%s", diff)
	}
}
