package pve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

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
