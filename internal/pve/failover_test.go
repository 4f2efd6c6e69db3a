package pve

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const okVersion = `{"data":{"version":"9.2.11","release":"9.2"}}`

// counting starts a server that counts the requests it gets.
func counting(t *testing.T, answer func(n int32) (status, body string)) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	calls := new(atomic.Int32)
	return newServer(t, func(*http.Request) (string, string) { return answer(calls.Add(1)) }), calls
}

func good(int32) (string, string) { return "200 OK", okVersion }

func cut(int32) (string, string) { return "", "" } // the connection closes without an answer

// stopClock keeps endpoints resting however slow the machine is.
func stopClock(c *Client) {
	now := time.Now()
	c.now = func() time.Time { return now }
}

func TestReadsMoveToTheNextEndpoint(t *testing.T) {
	t.Parallel()
	dead, _ := counting(t, good)
	dead.Close()
	broken, brokenCalls := counting(t, cut)
	alive, aliveCalls := counting(t, good)
	client := newClient(t, dead, broken, alive)
	stopClock(client)
	for range 3 {
		if _, err := client.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if brokenCalls.Load() != 1 || aliveCalls.Load() != 3 {
		t.Errorf("got %d and %d calls, want 1 of the broken endpoint, which then rests, and 3 of the good one", brokenCalls.Load(), aliveCalls.Load())
	}
}

func TestWritesMoveOnOnlyIfNothingWasSent(t *testing.T) {
	t.Parallel()
	upid := func(int32) (string, string) {
		return "200 OK", `{"data":"UPID:pve1:00002C8B:0002765F:6B03A7B9:vzstart:101:root@pam:"}`
	}
	dead, _ := counting(t, good)
	dead.Close()
	broken, brokenCalls := counting(t, cut)
	alive, aliveCalls := counting(t, upid)

	if _, err := newClient(t, dead, alive).Start(t.Context(), "pve1", 101); err != nil || aliveCalls.Load() != 1 {
		t.Errorf("dead endpoint first: got %v after %d calls, want success after 1", err, aliveCalls.Load())
	}
	_, err := newClient(t, broken, alive).Start(t.Context(), "pve1", 101)
	if Classify(err).Kind != KindUnavailable || brokenCalls.Load() != 1 || aliveCalls.Load() != 1 {
		t.Errorf("broken endpoint first: got %v after %d and %d calls, want a failure after 1 and none", err, brokenCalls.Load(), aliveCalls.Load()-1)
	}
}

func TestEndpointReturnsAfterItsRest(t *testing.T) {
	t.Parallel()
	first, firstCalls := counting(t, func(n int32) (string, string) {
		if n == 1 {
			return cut(n)
		}
		return good(n)
	})
	second, secondCalls := counting(t, good)
	client := newClient(t, first, second)
	now := time.Now()
	client.now = func() time.Time { return now }
	call := func(want1, want2 int32) {
		t.Helper()
		if _, err := client.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got1, got2 := firstCalls.Load(), secondCalls.Load(); got1 != want1 || got2 != want2 {
			t.Errorf("got %d and %d calls, want %d and %d", got1, got2, want1, want2)
		}
	}
	call(1, 1) // fails over
	now = now.Add(firstRest / 3)
	call(1, 2) // the first one rests
	now = now.Add(firstRest)
	call(2, 2) // and is back
}

func TestRestGrowsWithJitterAndEnds(t *testing.T) {
	t.Parallel()
	e := &endpoint{}
	now := time.Now()
	for want := firstRest; want < longRest; want *= 2 {
		e.failed(now)
		if got := e.restUntil().Sub(now); got < want/2 || got >= want {
			t.Errorf("got a rest of %s, want %s to %s", got, want/2, want)
		}
	}
	for range 100 {
		e.failed(now)
	}
	if got := e.restUntil().Sub(now); got < longRest/2 || got >= longRest {
		t.Errorf("got a rest of %s after 100 failures, want %s to %s", got, longRest/2, longRest)
	}
	if e.succeeded(); !e.restUntil().IsZero() {
		t.Error("got a rest after a success, want none")
	}
}

// keptAlive is a server that answers the first request of a connection and cuts the connection at the second one,
// after having read it, as a node does that closes an idle connection while a request is on its way.
type keptAlive struct {
	listener net.Listener
	mu       sync.Mutex
	requests []string
	done     sync.WaitGroup
}

func newKeptAlive(t *testing.T) (*keptAlive, *Client) {
	t.Helper()
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	certificate.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificate.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	s := &keptAlive{listener: l}
	s.done.Go(s.serve)
	t.Cleanup(func() {
		l.Close()
		s.done.Wait()
	})
	client, err := New(Config{Endpoints: []string{"https://" + l.Addr().String()}, Token: testToken, Fingerprint: fingerprintText(certificate)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return s, client
}

func (s *keptAlive) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.done.Go(func() {
			defer conn.Close()
			s.answerOnce(conn)
		})
	}
}

func (s *keptAlive) answerOnce(conn net.Conn) {
	reader := bufio.NewReader(conn)
	for n := range 2 {
		r, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		io.Copy(io.Discard, r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, r.Method)
		s.mu.Unlock()
		if n == 0 {
			io.WriteString(conn, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(okVersion), okVersion))
		}
	}
}

func (s *keptAlive) count(method string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.requests {
		if m == method {
			n++
		}
	}
	return n
}

func TestReadsSurviveAConnectionThatWasKeptTooLong(t *testing.T) {
	t.Parallel()
	s, client := newKeptAlive(t)
	for range 3 {
		if _, err := client.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.count("GET"); got != 5 {
		t.Errorf("got %d requests for 3 reads, want 5: the second and third are sent again", got)
	}
}

func TestWritesAreNeverSentTwice(t *testing.T) {
	t.Parallel()
	for method, write := range map[string]func(context.Context, *Client) error{
		"POST": func(ctx context.Context, c *Client) error { _, err := c.Start(ctx, "pve1", 101); return err },
		"PUT": func(ctx context.Context, c *Client) error {
			return c.UpdateConfig(ctx, "pve1", 101, ConfigChange{Settings: Settings{Hostname: "x"}})
		},
		"DELETE": func(ctx context.Context, c *Client) error {
			_, err := c.Delete(ctx, "pve1", 101, DeleteOptions{})
			return err
		},
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s, client := newKeptAlive(t)
			if _, err := client.Version(t.Context()); err != nil {
				t.Fatal(err)
			}
			for n := 1; n <= 2; n++ { // the kept connection, which would break, is not used for them
				var broken *connectionError
				if err := write(t.Context(), client); errors.As(err, &broken) || s.count(method) != n {
					t.Errorf("got %d requests and %v, want %d that were answered", s.count(method), err, n)
				}
			}
			broken, calls := counting(t, cut)
			if err := write(t.Context(), newClient(t, broken)); Classify(err).Kind != KindUnavailable || calls.Load() != 1 {
				t.Errorf("connection breaks: got %d requests and %v, want 1 and a failure", calls.Load(), err)
			}
		})
	}
}

func TestCallsAreLimited(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now, most := 0, 0
	arrived, release := make(chan struct{}, 20), make(chan struct{})
	server := newServer(t, func(*http.Request) (string, string) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		arrived <- struct{}{}
		<-release
		mu.Lock()
		now--
		mu.Unlock()
		return "200 OK", okVersion
	})
	client := newClient(t, server)
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			if _, err := client.Version(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	for range 8 {
		<-arrived
	}
	if got := len(client.slots); got != 8 {
		t.Errorf("got %d slots in use, want 8", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Version(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a call without a slot: got %v, want context canceled", err)
	}
	close(release)
	calls.Wait()
	if most != 8 {
		t.Errorf("got %d calls at once, want 8", most)
	}
}

func TestEveryRequestIsReported(t *testing.T) {
	t.Parallel()
	server, _ := counting(t, func(int32) (string, string) { return "500 CT 101 already running", "" })
	var got []Call
	client, err := New(Config{Endpoints: []string{server.URL}, Token: testToken, Fingerprint: fingerprintText(server),
		OnCall: func(c Call) { got = append(got, c) }})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err = client.Start(t.Context(), "pve1", 101); err == nil {
		t.Fatal("got no error, want the server's")
	}
	if len(got) != 1 || got[0].Pattern != "/nodes/{node}/lxc/{vmid}/status/start" || got[0].Status != 500 || got[0].Err == nil || got[0].Duration <= 0 {
		t.Errorf("got %+v, want one call with pattern, status, error and duration", got)
	}
}

func TestHangingEndpointCostsOneCall(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hanging := newServer(t, func(*http.Request) (string, string) { <-release; return "", "" })
	defer close(release)
	alive, _ := counting(t, good)
	client := newClient(t, hanging, alive)
	stopClock(client)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := client.Version(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || Classify(err).Kind != KindUnavailable {
		t.Errorf("got %v, want the deadline", err)
	}
	if client.endpoints[0].restUntil().IsZero() || !client.endpoints[1].restUntil().IsZero() {
		t.Error("want the hanging endpoint to rest, and not the other, which was not asked")
	}
	if _, err := client.Version(t.Context()); err != nil {
		t.Errorf("got %v, want the other endpoint to answer", err)
	}
}

func TestConnectionsAreReusedAndResumed(t *testing.T) {
	t.Parallel()
	var connections, resumed atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api2/json/cluster/nextid" { // went through the other daemon, after which the server closes
			w.Header().Set("Connection", "close")
			io.WriteString(w, `{"data":"100"}`)
			return
		}
		io.WriteString(w, okVersion)
	}))
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		connections.Add(1)
		return ctx
	}
	server.TLS = &tls.Config{VerifyConnection: func(s tls.ConnectionState) error {
		if s.DidResume {
			resumed.Add(1)
		}
		return nil
	}}
	server.StartTLS()
	defer server.Close()
	client := newClient(t, server)
	for range 50 {
		if _, err := client.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("got %d connections for 50 calls, want 1", got)
	}
	for range 3 {
		if _, err := client.NextID(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if connections.Load() != 3 || resumed.Load() != 2 {
		t.Errorf("got %d connections, %d of them resumed, want 3 and 2", connections.Load(), resumed.Load())
	}
}

func TestHangingHandshakeEndsWithTheContext(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := New(Config{Endpoints: []string{"https://" + l.Addr().String()}, Token: testToken})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	started := time.Now()
	_, err = client.Version(ctx)
	if want := l.Addr().String() + " did not answer in time (GET /version)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	if _, err := FetchCertificate(ctx, "https://"+l.Addr().String()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("fetch certificate: got %v, want the deadline", err)
	}
	if took := time.Since(started); took > handshakeTimeout/2 {
		t.Errorf("took %s, want about 50ms", took)
	}
}
