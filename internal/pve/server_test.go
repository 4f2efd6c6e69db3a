package pve

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const testToken = "root@pam!full=7b1d3641-aa72-4d5e-9848-381b76d3bddb"

// newServer starts an HTTPS server on 127.0.0.1 whose answers are written by hand, status line included.
func newServer(t *testing.T, answer func(*http.Request) (statusLine, body string)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Errorf("parse form: %v", err)
		}
		status, body := answer(r)
		connection, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("hijack: %v", err)
			return
		}
		defer connection.Close()
		reply(buffered.Writer, status, body)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that tests let fail
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func reply(w *bufio.Writer, status, body string) {
	if status != "" {
		fmt.Fprintf(w, "HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, len(body), body)
	}
	w.Flush()
}

// newClient makes a client of test servers, pinned to the certificate of the first.
func newClient(t *testing.T, servers ...*httptest.Server) *Client {
	t.Helper()
	c := Config{Token: testToken, Fingerprint: fingerprintText(servers[0])}
	for _, s := range servers {
		c.Endpoints = append(c.Endpoints, s.URL)
	}
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func fingerprintText(s *httptest.Server) string {
	return "sha256:" + strings.ReplaceAll(FormatFingerprint(fingerprintOf(s.Certificate())), ":", "")
}
