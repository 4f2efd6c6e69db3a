package pve

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
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
