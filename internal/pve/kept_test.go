package pve

import (
	"bytes"
	"io"
	"net"
	"net/http/httptrace"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// pieces is a connection from which an answer comes in pieces.
type pieces struct {
	net.Conn
	rest [][]byte
}

func (c *pieces) Write(p []byte) (int, error) { return len(p), nil }

func (c *pieces) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.rest[0])
	if c.rest[0] = c.rest[0][n:]; len(c.rest[0]) == 0 {
		c.rest = c.rest[1:]
	}
	return n, nil
}

const (
	bothSaid = "HTTP/1.1 200 OK\r\nCache-Control: max-age=0\r\nConnection: close\r\nConnection: Keep-Alive\r\nContent-Length: 4\r\n\r\n"
	mended   = "HTTP/1.1 200 OK\r\nCache-Control: max-age=0\r\nConnection: Keep-Alive\r\nContent-Length: 4\r\n\r\n"
)

func TestOnlyContradictingHeadsAreMended(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ in, want string }{
		"both":              {bothSaid + "body", mended + "body"},
		"close first":       {"HTTP/1.1 200 OK\r\nConnection: close\r\nConnection: Keep-Alive\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\n\r\n"},
		"Keep-Alive first":  {"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nX: y\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nX: y\r\n\r\n"},
		"close alone":       {"HTTP/1.1 500 CT 101 not running\r\nConnection: close\r\n\r\n", ""},
		"Keep-Alive alone":  {"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\n\r\n", ""},
		"in the body":       {"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\n\r\n\r\nConnection: close\r\n", ""},
		"close in the body": {"HTTP/1.1 200 OK\r\nA: b\r\n\r\n" + bothSaid, ""},
		"no end of head":    {strings.TrimSuffix(bothSaid, "\r\n"), ""},
		"no HTTP":           {"\x16\x03\x01" + bothSaid, ""},
	} {
		conn := &keptConn{Conn: &pieces{rest: [][]byte{[]byte(test.in)}}}
		if _, err := conn.Write([]byte("GET")); err != nil {
			t.Fatal(err)
		}
		if test.want == "" {
			test.want = test.in
		}
		if got, err := io.ReadAll(conn); err != nil || string(got) != test.want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, test.want)
		}
	}
}

// TestMendingLosesNothing draws how the bytes of an answer are cut into reads, and how large the reads are.
func TestMendingLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringOfN(rapid.RuneFrom([]rune("ab\r\n:HTP/1.")), 4, 4, 4).Draw(t, "body")
		rest := []byte(bothSaid + body)
		var cut [][]byte
		for len(rest) > 0 {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			cut, rest = append(cut, rest[:n]), rest[n:]
		}
		conn := &keptConn{Conn: &pieces{rest: cut}}
		if _, err := conn.Write(nil); err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		buffer := make([]byte, rapid.IntRange(1, 200).Draw(t, "buffer"))
		for err := error(nil); err == nil; {
			var n int
			n, err = conn.Read(buffer)
			got.Write(buffer[:n])
		}
		if text := got.String(); text != bothSaid+body && text != mended+body {
			t.Fatalf("got %q from %q", text, cut)
		}
	})
}

func TestAnswersOfTheSecondDaemonKeepTheirConnection(t *testing.T) {
	t.Parallel()
	_, client := inCluster(t, "9.2")
	ct := find(t, client, runningOn("pve1"))
	connections := 0
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if !i.Reused {
			connections++
		}
	}}
	ctx := httptrace.WithClientTrace(t.Context(), trace)
	for range 60 {
		if _, err := client.ContainerStatus(ctx, ct.Node, ct.VMID); err != nil {
			t.Fatal(err)
		}
	}
	if connections > 1 {
		t.Errorf("got %d new connections for 60 calls, want 1 at most", connections)
	}
}

func TestUpgradedConnectionsAreLeftAlone(t *testing.T) {
	t.Parallel()
	const switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
	conn := &keptConn{Conn: &pieces{rest: [][]byte{[]byte(switched), []byte(bothSaid)}}}
	for range 2 {
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, len(switched))); err != nil {
			t.Fatal(err)
		}
	}
	if rest, err := io.ReadAll(conn); err != nil || string(rest) != bothSaid[len(switched):] {
		t.Errorf("got %q, %v, want what a terminal said as it was", rest, err)
	}
}
