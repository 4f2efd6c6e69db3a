package pvesim

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rawConn is a TLS connection for requests that no HTTP client would send.
func rawConn(t *testing.T, s *Sim) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(s.URL(), "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c, bufio.NewReader(c)
}

// exchange sends a raw request and reads one response.
func exchange(t *testing.T, c net.Conn, in *bufio.Reader, s *Sim, request string) (*http.Response, string) {
	t.Helper()
	request = strings.ReplaceAll(request, "AUTH", "Host: sim\r\nAuthorization: PVEAPIToken="+s.Token())
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no answer to %q: %v", request, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestWebServerIsAsPickyAsPVE(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	post := "POST /api2/json/nodes/pve1/lxc/101/status/stop HTTP/1.1\r\nAUTH\r\n"
	tests := []struct{ name, request, status, body string }{
		{"HEAD", "HEAD /api2/json/version HTTP/1.1\r\nAUTH\r\n\r\n", "501 method 'HEAD' not available", ""},
		{"PATCH", "PATCH /api2/json/version HTTP/1.1\r\nAUTH\r\nContent-Length: 0\r\n\r\n", "501 method 'PATCH' not available", ""},
		{"DELETE with a body", "DELETE /api2/json/nodes/pve1/lxc/101 HTTP/1.1\r\nAUTH\r\nContent-Length: 2\r\n\r\n{}", "501 Unexpected content for method 'DELETE'", ""},
		{"chunked", post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501 chunked transfer encoding not supported", ""},
		{"content type", post + "Content-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>", "506 upload 'Content-Type 'text/xml' not implemented", "upload 'Content-Type 'text/xml' not implemented"},
		{"format", "GET /api2/foo/version HTTP/1.1\r\nAUTH\r\n\r\n", "501 no formatter for uri /version, foo", "no formatter for uri /version, foo"},
		{"unknown path", "GET /api2/json/nothing/here HTTP/1.1\r\nAUTH\r\n\r\n", "501 Method 'GET /nothing/here' not implemented", `{"data":null,"message":"Method 'GET /nothing/here' not implemented"}`},
		{"no credentials", "GET /api2/json/version HTTP/1.1\r\nHost: sim\r\n\r\n", "401 No ticket", ""},
		{"body over the limit", post + "Content-Length: 600000\r\n\r\n", "501 for data too large", ""},
		{"conflicting path parameter", "GET /api2/json/nodes/pve1/lxc/101/config?vmid=102 HTTP/1.1\r\nAUTH\r\n\r\n", "400 Parameter verification failed.", `{"data":null,"errors":{"vmid":"duplicate parameter (already defined in URI) with conflicting values!"},"message":"Parameter verification failed.\n"}`},
		{"too many headers", "GET /api2/json/version HTTP/1.1\r\nAUTH\r\n" + strings.Repeat("X: y\r\n", 70) + "\r\n", "431 too many http header lines (> 64)", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, in := rawConn(t, s)
			resp, body := exchange(t, c, in, s, tc.request)
			if resp.Status != tc.status || body != tc.body {
				t.Errorf("got %q with body %q, want %q with %q", resp.Status, body, tc.status, tc.body)
			}
			if _, err := in.ReadByte(); err != io.EOF {
				t.Errorf("connection stays open after status %d", resp.StatusCode)
			}
		})
	}
}

func TestConnectionServesAHundredRequests(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	c, in := rawConn(t, s)
	for i := 1; i <= maxRequestsPerConnection; i++ {
		resp, _ := exchange(t, c, in, s, "GET /api2/json/version HTTP/1.1\r\nAUTH\r\n\r\n")
		if want := i == maxRequestsPerConnection; resp.Close != want {
			t.Fatalf("request %d: close is %v", i, resp.Close)
		}
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Error("connection stays open after its last request")
	}
}

func TestAnswersThroughTheDaemonAskToClose(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	c, in := rawConn(t, s)
	fmt.Fprintf(c, "GET /api2/json/nodes/pve1/lxc/101/status/current HTTP/1.1\r\nHost: s\r\nAuthorization: PVEAPIToken=%s\r\n\r\n", s.Token())
	var got []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\r\n" {
			break
		}
		if value, is := strings.CutPrefix(line, "Connection: "); is {
			got = append(got, strings.TrimSpace(value))
		}
	}
	if fmt.Sprint(got) != "[close Keep-Alive]" {
		t.Errorf("Connection headers %v", got)
	}
}

func TestPlainHTTPIsRedirected(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 301 || resp.Header.Get("Location") != "https://h/" {
		t.Errorf("got %v %v", resp, err)
	}
}

func TestRefusedCredentialsAreHeldBack(t *testing.T) {
	t.Parallel()
	o := quick()
	o.AuthDelay = 120 * time.Millisecond
	u := as(startSim(t, o), "root@pam!berth=00000000-0000-0000-0000-000000000000")
	began := time.Now()
	r := u.do(t, "GET", "/version")
	if r.status != 401 || r.reason != "Authentication failed!" || len(r.body) != 0 {
		t.Errorf("got %d %s %q", r.status, r.reason, r.body)
	}
	if took := time.Since(began); took < o.AuthDelay {
		t.Errorf("answer came after %v", took)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	u := root(t, s)
	t.Run("status and count", func(t *testing.T) {
		s.Fail(Fault{Path: "/cluster/resources", Status: 596, Reason: "Connection timed out", Times: 2})
		for i, want := range []int{596, 596, 200} {
			if r := u.do(t, "GET", "/cluster/resources"); r.status != want {
				t.Errorf("call %d: status %d, want %d", i, r.status, want)
			}
		}
	})
	t.Run("dropped connection", func(t *testing.T) {
		s.Fail(Fault{Method: "POST", Path: "/nodes/{node}/lxc/{vmid}/status/start", Drop: true, Times: 1})
		c, in := rawConn(t, s)
		io.WriteString(c, "POST /api2/json/nodes/pve2/lxc/126/status/start HTTP/1.1\r\nHost: s\r\nAuthorization: PVEAPIToken="+s.Token()+"\r\nContent-Length: 0\r\n\r\n")
		if _, err := in.ReadByte(); err != io.EOF {
			t.Errorf("got %v, want the end of the connection", err)
		}
	})
	t.Run("hanging call ends with Stop", func(t *testing.T) {
		s := startSim(t, quick())
		s.Fail(Fault{Path: "/version", Hang: true})
		c, in := rawConn(t, s)
		io.WriteString(c, "GET /api2/json/version HTTP/1.1\r\nHost: s\r\nAuthorization: PVEAPIToken="+s.Token()+"\r\n\r\n")
		c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := in.ReadByte(); err == nil || err == io.EOF {
			t.Errorf("got %v, want silence", err)
		}
		s.Stop()
	})
	t.Run("task", func(t *testing.T) {
		s.Fail(Fault{Task: "vzstop", Reason: "unable to read tail (got 0 bytes)", Times: 1})
		if got := u.task(t, "POST", "/nodes/pve1/lxc/101/status/stop"); got != "unable to read tail (got 0 bytes)" {
			t.Errorf("exit status %q", got)
		}
	})
	t.Run("task at a line", func(t *testing.T) {
		s.Fail(Fault{Task: "vzcreate", Reason: "no space left on device", Line: 3, Times: 1})
		if got := u.task(t, "POST", "/nodes/pve1/lxc", "vmid=901", "ostemplate="+debian12, "rootfs=local-lvm:1"); got != "unable to create CT 901 - no space left on device" {
			t.Errorf("exit status %q", got)
		}
		if _, there := rows(t, u.ok(t, "GET", "/cluster/resources", "type=vm"), "vmid")["901"]; there {
			t.Error("container is still there")
		}
	})
	t.Run("over HTTP", func(t *testing.T) {
		post := func(path, body string) *http.Response {
			resp, err := u.client.Post(s.URL()+path, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			return resp
		}
		post("/sim/faults", `{"Path":"/nodes","Status":500,"Reason":"by hand","Times":1}`)
		if r := u.do(t, "GET", "/nodes"); r.reason != "by hand" {
			t.Errorf("fault over HTTP: %d %s", r.status, r.reason)
		}
		post("/sim/nodes/pve3/offline", "")
		if r := u.do(t, "GET", "/nodes/pve3/status"); r.status != 595 {
			t.Errorf("offline over HTTP: %d", r.status)
		}
		if resp := post("/sim/containers/101/none", ""); resp.StatusCode != 400 {
			t.Errorf("unknown order: %d", resp.StatusCode)
		}
	})
}

func TestRequestsAreRecorded(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	u := root(t, s)
	s.ResetCalls()
	u.do(t, "POST", "/nodes/pve1/lxc/101/status/stop", "skiplock=1")
	u.ok(t, "GET", "/nodes/pve1/lxc/101/status/current")
	u.ok(t, "GET", "/cluster/resources", "type=vm")
	got := s.Requests()
	if len(got) != 3 || got[0].Method != "POST" || got[0].Params["skiplock"] != "1" || got[0].Status != 400 || got[2].Params["type"] != "vm" {
		t.Errorf("requests: %+v", got)
	}
	counts := map[string]int{"/cluster/resources": 1, "/nodes/{node}/lxc": 0, "/nodes/": 2, "POST /nodes/{node}/lxc/{vmid}/status/stop": 1, "GET /nodes/": 1}
	for pattern, want := range counts {
		if n := s.CallsTo(pattern); n != want {
			t.Errorf("CallsTo(%q) = %d, want %d", pattern, n, want)
		}
	}
	if s.Calls() != 3 {
		t.Errorf("Calls() = %d", s.Calls())
	}
}
