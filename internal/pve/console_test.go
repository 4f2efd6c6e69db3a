package pve

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

const consoleGrant = `{"data":{"user":"root@pam!full","ticket":"PVEVNC:6B03A6F1::Kp2+/x==","port":"5900","upid":"UPID:pve1:00001947:0002284F:6B03A6F1:vncproxy:102:root@pam!full:"}}`

// newTerminal starts a server that hands out a console ticket and lets session talk over the websocket.
func newTerminal(t *testing.T, session func(context.Context, *websocket.Conn)) *Client {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "PVEAPIToken="+testToken {
			t.Errorf("%s %s without credentials", r.Method, r.URL)
		}
		if strings.HasSuffix(r.URL.Path, "/termproxy") {
			io.WriteString(w, consoleGrant)
			return
		}
		query := r.URL.Query()
		if query.Get("port") != "5900" || query.Get("vncticket") != "PVEVNC:6B03A6F1::Kp2+/x==" || r.Header.Get("Sec-WebSocket-Extensions") != "" {
			t.Errorf("got query %v, extensions %q, want port and ticket of the grant, and none", query, r.Header.Get("Sec-WebSocket-Extensions"))
		}
		socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"binary"}})
		if err != nil || socket.Subprotocol() != "binary" {
			t.Errorf("accept: %v", err)
			return
		}
		socket.SetReadLimit(-1)
		defer socket.CloseNow() // as the server ends: without a closing frame
		session(r.Context(), socket)
	}))
	t.Cleanup(server.Close)
	return newClient(t, server)
}

// expect reads one message and compares it.
func expect(ctx context.Context, t *testing.T, socket *websocket.Conn, want string) {
	t.Helper()
	if _, got, err := socket.Read(ctx); err != nil || string(got) != want {
		t.Errorf("server got %.80q, %v, want %.80q", got, err, want)
	}
}

const greeting = "root@pam!full:PVEVNC:6B03A6F1::Kp2+/x==\n"

func say(ctx context.Context, t *testing.T, socket *websocket.Conn, text string) {
	t.Helper()
	if err := socket.Write(ctx, websocket.MessageBinary, []byte(text)); err != nil {
		t.Error(err)
	}
}

// recordedFrames are what a real terminal sent.
func recordedFrames(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/recordings/console.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	sessions := map[string][]string{}
	for line := range bytes.Lines(text) {
		var r struct {
			Name   string
			Frames []string
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if r.Frames != nil {
			sessions[r.Name] = r.Frames
		}
	}
	return sessions
}

func TestConsoleReadsWhatATerminalSaid(t *testing.T) {
	t.Parallel()
	sessions := recordedFrames(t)
	sessions["greeting and output in one frame"] = []string{"OK\x1b[H\x1b[J", "# "}
	sessions["greeting in two frames"] = []string{"O", "K# "}
	if len(sessions) != 4 {
		t.Fatalf("got %d sessions, want 2 recorded and 2 more", len(sessions))
	}
	for name, frames := range sessions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newTerminal(t, func(ctx context.Context, socket *websocket.Conn) {
				expect(ctx, t, socket, greeting)
				for _, frame := range frames {
					say(ctx, t, socket, frame)
				}
			})
			console, err := client.OpenConsole(t.Context(), "pve1", 102)
			if err != nil {
				t.Fatal(err)
			}
			defer console.Close()
			got, err := io.ReadAll(console)
			want := strings.TrimPrefix(strings.Join(frames, ""), "OK")
			if err != nil || string(got) != want || console.User != "root@pam!full" {
				t.Errorf("got %q, %v as %s, want %q", got, err, console.User, want)
			}
		})
	}
}

func TestConsoleFramesWhatIsTyped(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", consoleChunk+10)
	checked := make(chan struct{})
	client := newTerminal(t, func(ctx context.Context, socket *websocket.Conn) {
		defer close(checked)
		expect(ctx, t, socket, greeting)
		say(ctx, t, socket, "OK")
		expect(ctx, t, socket, "1:120:40:")
		expect(ctx, t, socket, "0:7:Füße\r")
		expect(ctx, t, socket, fmt.Sprintf("0:%d:%s", consoleChunk, long[:consoleChunk]))
		expect(ctx, t, socket, "0:10:xxxxxxxxxx")
	})
	console, err := client.OpenConsole(t.Context(), "pve1", 102)
	if err != nil {
		t.Fatal(err)
	}
	defer console.Close()
	if err := console.Resize(120, 40); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"Füße\r", long, ""} {
		if n, err := io.WriteString(console, text); n != len(text) || err != nil {
			t.Errorf("got %d, %v, want %d bytes written", n, err, len(text))
		}
	}
	<-checked
}

func TestRefusedConsoleSaysSo(t *testing.T) {
	t.Parallel()
	for name, session := range map[string]func(context.Context, *websocket.Conn){
		"closed": func(ctx context.Context, s *websocket.Conn) { expect(ctx, t, s, greeting) },
		"other words": func(ctx context.Context, s *websocket.Conn) {
			expect(ctx, t, s, greeting)
			say(ctx, t, s, "authentication failed")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newTerminal(t, session).OpenConsole(t.Context(), "pve1", 102)
			if !errors.Is(err, ErrConsoleRefused) {
				t.Errorf("got %v, want ErrConsoleRefused", err)
			}
		})
	}
}

func TestConsoleConnectionErrorsAreClassified(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]Kind{
		"401 permission denied - invalid PVEVNC ticket": KindUnauthenticated,
		"400 Parameter verification failed.":            KindInvalid,
		"":                                              KindUnavailable,
	} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, newServer(t, func(r *http.Request) (string, string) {
				if r.Method == http.MethodPost {
					return "200 OK", consoleGrant
				}
				return status, ""
			}))
			_, err := client.OpenConsole(t.Context(), "pve1", 102)
			if got := Classify(err).Kind; got != want {
				t.Errorf("got %q (%v), want %q", got, err, want)
			}
			if err != nil && strings.Contains(err.Error(), "PVEVNC%3A") {
				t.Errorf("the ticket shows in %v", err)
			}
		})
	}
}

func TestClosedConsoleEndsReading(t *testing.T) {
	t.Parallel()
	client := newTerminal(t, func(ctx context.Context, socket *websocket.Conn) {
		expect(ctx, t, socket, greeting)
		say(ctx, t, socket, "OK")
		socket.Read(ctx) // until the client goes
	})
	console, err := client.OpenConsole(t.Context(), "pve1", 102)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := console.Read(make([]byte, 1))
		ended <- err
	}()
	if err := console.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != io.EOF {
		t.Errorf("got %v, want EOF", err)
	}
}

func TestConsoleTicketIsAskedForAgainAfterAFailedFork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		client := script(func(_ string, n int) (string, string) {
			if n == 1 {
				return "500 got no worker upid - start worker failed", ""
			}
			return "200 OK", consoleGrant
		}).client(t)
		ticket, _, err := client.consoleTicket(t.Context(), "pve1", 102)
		if err != nil || ticket.Port != "5900" || time.Since(started) != time.Second {
			t.Errorf("got %+v, %v after %s, want a ticket after 1s", ticket, err, time.Since(started))
		}
	})
}

// wire is the server's end of a websocket without a network, so that time can be that of synctest.
type wire struct {
	net.Conn
	ready chan struct{}
}

// upgrade answers the request for a websocket.
func (w *wire) upgrade(r *http.Request) *http.Response {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	here, there := net.Pipe()
	w.Conn = there
	close(w.ready)
	return &http.Response{Status: "101 Switching Protocols", StatusCode: 101, Request: r, Body: here, Header: http.Header{
		"Upgrade": {"websocket"}, "Connection": {"upgrade"}, "Sec-Websocket-Protocol": {"binary"},
		"Sec-Websocket-Accept": {base64.StdEncoding.EncodeToString(sum[:])}}}
}

// message reads a short message of the client.
func (w *wire) message(t *testing.T) string {
	t.Helper()
	var head [6]byte // type, masked length, mask
	if _, err := io.ReadFull(w, head[:]); err != nil {
		t.Error(err)
		return ""
	}
	text := make([]byte, head[1]&0x7f)
	if _, err := io.ReadFull(w, text); err != nil {
		t.Error(err)
	}
	for i := range text {
		text[i] ^= head[2+i%4]
	}
	return string(text)
}

func TestIdleConsoleIsKeptAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := script(nil).client(t)
		w := &wire{ready: make(chan struct{})}
		client.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost {
				return &http.Response{Status: "200 OK", StatusCode: 200, Body: io.NopCloser(strings.NewReader(consoleGrant)), Request: r}, nil
			}
			return w.upgrade(r), nil
		})
		var beats []time.Duration
		var server sync.WaitGroup
		server.Go(func() {
			<-w.ready
			if got := w.message(t); got != greeting {
				t.Errorf("got greeting %q", got)
			}
			w.Write([]byte{0x82, 2, 'O', 'K'})
			opened := time.Now()
			for len(beats) < 3 && w.message(t) == "2" {
				beats = append(beats, time.Since(opened).Round(time.Second))
			}
		})
		console, err := client.OpenConsole(t.Context(), "pve1", 102)
		if err != nil {
			t.Fatal(err)
		}
		server.Wait()
		if want := []time.Duration{20 * time.Second, 40 * time.Second, time.Minute}; !slices.Equal(beats, want) {
			t.Errorf("got keep-alives after %v, want %v", beats, want)
		}
		console.Close()
	})
}
