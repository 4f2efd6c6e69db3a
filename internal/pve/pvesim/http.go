package pvesim

import (
	"bufio"
	"compress/gzip"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The server is written on a bare TLS connection because net/http can send neither custom reason phrases nor the other
// habits of PVE's web server (http-server 6.0.5): 100 requests per connection, 5 s idle, close after every status >= 400.
const (
	maxRequestsPerConnection = 100
	idleTimeout              = 5 * time.Second
	headerLimit              = 8 << 10
	headerLines              = 64
)

// server is one open API port.
type server struct {
	sim      *Sim
	listener net.Listener
	tls      *tls.Config
	stopped  chan struct{}

	mu    sync.Mutex
	conns map[net.Conn]bool
	wg    sync.WaitGroup
}

func newServer(s *Sim, l net.Listener) *server {
	v := &server{sim: s, listener: l, stopped: make(chan struct{}), conns: map[net.Conn]bool{}}
	v.tls = &tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	v.wg.Add(1)
	go v.accept()
	return v
}

// stop closes the port and every connection and waits for their goroutines.
func (v *server) stop() {
	close(v.stopped)
	v.listener.Close()
	v.mu.Lock()
	for c := range v.conns {
		c.Close()
	}
	v.mu.Unlock()
	v.wg.Wait()
}

func (v *server) accept() {
	defer v.wg.Done()
	for {
		c, err := v.listener.Accept()
		if err != nil {
			return // the listener was closed
		}
		v.mu.Lock()
		v.conns[c] = true
		v.mu.Unlock()
		v.wg.Go(func() {
			v.serve(c)
			v.mu.Lock()
			delete(v.conns, c)
			v.mu.Unlock()
			c.Close()
		})
	}
}

func (v *server) isStopped() bool {
	select {
	case <-v.stopped:
		return true
	default:
		return false
	}
}

// serve answers the requests of one connection.
func (v *server) serve(raw net.Conn) {
	if v.isStopped() {
		return
	}
	r := bufio.NewReader(raw)
	raw.SetDeadline(time.Now().Add(idleTimeout))
	if first, err := r.Peek(1); err != nil {
		return
	} else if first[0] != 0x16 { // not a TLS hello
		redirectToHTTPS(raw, r)
		return
	}
	c := tls.Server(peeked{raw, r}, v.tls)
	defer c.Close()
	in := bufio.NewReader(c)
	for n := 1; n <= maxRequestsPerConnection; n++ {
		c.SetDeadline(time.Now().Add(idleTimeout))
		req, err := readRequest(in)
		if err != nil {
			v.refuse(c, err)
			return
		}
		c.SetDeadline(time.Time{})
		a := v.sim.answer(v, req, c, in)
		drain(c, req)
		if a == nil || !a.write(c, req, v.sim.now(), n == maxRequestsPerConnection) {
			return
		}
	}
}

// drain reads what is left of a refused request's body, so that closing the connection does not destroy the answer.
func drain(c net.Conn, req *http.Request) {
	if req.ContentLength > 0 {
		c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		io.Copy(io.Discard, req.Body)
	}
}

// peeked is a connection whose first bytes were looked at.
type peeked struct {
	net.Conn
	r io.Reader
}

func (p peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

// redirectToHTTPS answers plain HTTP: 301 for GET, 308 for the rest (since 7.4).
func redirectToHTTPS(c net.Conn, in *bufio.Reader) {
	req, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	status := "308 Permanent Redirect"
	if req.Method == http.MethodGet {
		status = "301 Moved Permanently"
	}
	fmt.Fprintf(c, "HTTP/1.1 %s\r\nLocation: https://%s%s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status, req.Host, req.URL.RequestURI())
}

var errHeaders = errors.New("too many header lines or bytes")

// readRequest reads one request head; the body is still to be read.
func readRequest(in *bufio.Reader) (*http.Request, error) {
	limited := &headReader{in: in, left: headerLimit + 4096, lines: headerLines + 1}
	head, err := limited.readHead()
	if err != nil {
		return nil, err
	}
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.TrimLeft(head, "\r\n"))))
	if err != nil {
		return nil, err
	}
	length := max(req.ContentLength, 0)
	req.Body = io.NopCloser(io.LimitReader(in, length))
	return req, nil
}

// headReader reads up to the empty line that ends a request head, within PVE's limits.
type headReader struct {
	in          *bufio.Reader
	left, lines int
}

func (h *headReader) readHead() (string, error) {
	var head strings.Builder
	for {
		line, err := h.in.ReadString('\n')
		if err != nil {
			return "", err
		}
		head.WriteString(line)
		if strings.TrimRight(line, "\r\n") == "" && head.Len() > len(line) {
			return head.String(), nil
		}
		h.lines--
		if h.left -= len(line); h.left < 0 || h.lines < 0 {
			return "", errHeaders
		}
	}
}

// refuse answers a request that could not be read; a closed or idle connection gets nothing.
func (v *server) refuse(c net.Conn, err error) {
	if errors.Is(err, errHeaders) {
		(&response{status: 431, reason: "too many http header lines (> 64)"}).write(c, &http.Request{Method: http.MethodGet}, v.sim.now(), true)
	}
}

// response is what goes on the wire.
type response struct {
	status      int
	reason      string
	contentType string
	body        []byte
	viaDaemon   bool // went through pvedaemon: carries "Connection: close" beside "Keep-Alive", as PVE does
	extra       []string
}

// write sends the response, dated now, and reports whether the connection stays open.
func (a *response) write(c net.Conn, req *http.Request, now time.Time, last bool) bool {
	keep := a.status < 400 && !last && !req.Close
	body, encoding := a.compress(req)
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nCache-Control: max-age=0\r\n", a.status, reasonPhrase(a.reason))
	switch {
	case !keep:
		b.WriteString("Connection: close\r\n")
	case a.viaDaemon:
		b.WriteString("Connection: close\r\nConnection: Keep-Alive\r\n")
	default:
		b.WriteString("Connection: Keep-Alive\r\n")
	}
	fmt.Fprintf(&b, "Date: %s\r\nPragma: no-cache\r\nServer: pve-api-daemon/3.0\r\n", now.UTC().Format(http.TimeFormat))
	fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	if a.contentType != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", a.contentType)
	}
	if encoding != "" {
		fmt.Fprintf(&b, "Content-Encoding: %s\r\n", encoding)
	}
	for _, h := range a.extra {
		b.WriteString(h + "\r\n")
	}
	fmt.Fprintf(&b, "Expires: %s\r\n\r\n", now)
	if req.Method == http.MethodHead {
		body = nil
	}
	c.SetWriteDeadline(time.Now().Add(30 * time.Second))
	bufs := net.Buffers{[]byte(b.String()), body}
	_, err := bufs.WriteTo(c)
	return err == nil && keep
}

// reasonPhrase is the first line of a message.
func reasonPhrase(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.ReplaceAll(line, "\r", "")
}

var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	return w
}}

// compress gzips answers over 1 KiB for clients that accept it.
func (a *response) compress(req *http.Request) (body []byte, encoding string) {
	if len(a.body) <= 1024 || !strings.Contains(req.Header.Get("Accept-Encoding"), "gzip") {
		return a.body, ""
	}
	var b strings.Builder
	b.Grow(len(a.body) / 8)
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	w.Reset(&b)
	w.Write(a.body)
	w.Close()
	return []byte(b.String()), "gzip"
}
