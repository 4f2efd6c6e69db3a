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
)

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
