package pvesim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// call is one API request on its way through the checks and into its handler.
type call struct {
	sim    *Sim
	route  *route
	method string
	path   string            // below /api2/json
	vars   map[string]string // {name} parts of the path
	params params
	user   caller
	node   *node // of a path with {node}
	now    time.Time
	req    *http.Request
	wire   *wire
	total  *int // top-level "total" of list answers
	// after runs when the answer has been decided and the world is unlocked: it may wait
	after    func() (any, error)
	uploaded int64 // bytes of an uploaded file
}

// wire is the open connection under a request, for the console and for faults.
type wire struct {
	server *server
	conn   net.Conn
	in     *bufio.Reader
}

// wait pauses for d; it reports false when the port was stopped meanwhile.
func (w *wire) wait(d time.Duration) bool {
	if d <= 0 {
		return !w.server.isStopped()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-w.server.stopped:
		return false
	}
}

// hang keeps the connection open and answers nothing until the client or Stop closes it.
func (w *wire) hang() { io.Copy(io.Discard, w.in) }

// answer takes one request through everything and returns what to send; nil closes the connection without an answer.
func (s *Sim) answer(v *server, req *http.Request, conn net.Conn, in *bufio.Reader) *response {
	w := &wire{server: v, conn: conn, in: in}
	if strings.HasPrefix(req.URL.Path, "/sim/") {
		return s.control(req)
	}
	if !w.wait(s.opt.Latency) {
		return nil
	}
	c := &call{sim: s, method: req.Method, req: req, wire: w, now: s.now()}
	format, data, err := s.handle(c)
	if errors.Is(err, errHangUp) {
		s.records.add(c, 0)
		return nil
	}
	a := render(c, format, data, err)
	s.records.add(c, a.status)
	var refused *apiError
	if errors.As(err, &refused) && refused.status == 401 && !w.wait(s.opt.AuthDelay-s.now().Sub(c.now)) {
		return nil
	}
	return a
}

// handle runs the checks in PVE's order: web server, route, credentials, token allowed, privileges, node, parameters, code.
func (s *Sim) handle(c *call) (format string, data any, err error) {
	if err := checkTransport(c.req); err != nil {
		return "", nil, err
	}
	format, known := c.splitPath()
	if !known {
		return format, nil, &apiError{status: 501, text: fmt.Sprintf("no formatter for uri %s, %s", c.path, format), plain: true}
	}
	if format == "" {
		return "", welcomePage, nil
	}
	data, err = s.checkAndRun(c)
	return format, data, err
}

func (s *Sim) checkAndRun(c *call) (any, error) {
	s.mu.Lock()
	c.route, c.vars = s.routes.find(c.method, c.path)
	err := c.authenticate()
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if c.route == nil || c.route.handler == nil {
		return nil, &apiError{status: 501, text: fmt.Sprintf("Method '%s %s' not implemented", c.method, c.path)}
	}
	raw, err := c.readParams()
	if err != nil {
		return nil, err
	}
	if err := c.disturb(); err != nil {
		return nil, err
	}
	data, err := s.locked(c, raw)
	if err == nil && c.after != nil {
		data, err = c.after()
	}
	return data, err
}

// locked does what needs the world: privileges, node, parameters, handler.
func (s *Sim) locked(c *call, raw params) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.now = s.now()
	c.params = raw
	if c.route.protected && c.sim.world.daemonDown {
		return nil, &apiError{status: 595, text: "Connection refused", bare: true}
	}
	if c.route.noToken && c.user.token != "" {
		return nil, forbid("URI '%s' not available with API token, need proper ticket.", c.path)
	}
	if err := c.checkPermissions(); err != nil {
		return nil, err
	}
	if err := c.findNode(); err != nil {
		return nil, err
	}
	if err := c.route.validate(c.params); err != nil {
		return nil, err
	}
	return c.route.handler(c)
}

// checkTransport refuses what PVE's web server cannot read.
func checkTransport(req *http.Request) error {
	switch req.Method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete:
	default:
		return &apiError{status: 501, text: fmt.Sprintf("method '%s' not available", req.Method), bare: true}
	}
	if len(req.TransferEncoding) > 0 {
		return &apiError{status: 501, text: "chunked transfer encoding not supported", bare: true}
	}
	if (req.Method == http.MethodGet || req.Method == http.MethodDelete) && req.ContentLength > 0 {
		return &apiError{status: 501, text: fmt.Sprintf("Unexpected content for method '%s'", req.Method), bare: true}
	}
	return nil
}

// splitPath cuts /api2/FORMAT off. An empty format is a page outside the API.
func (c *call) splitPath() (format string, known bool) {
	rest, isAPI := strings.CutPrefix(c.req.URL.EscapedPath(), "/api2/")
	if !isAPI {
		c.path = c.req.URL.Path
		return "", true
	}
	format, path, _ := strings.Cut(rest, "/")
	c.path = "/" + strings.Trim(unescapePath(path), "/")
	switch format {
	case "json", "extjs", "html":
		return format, true
	}
	return format, false
}

func unescapePath(p string) string {
	if u, err := url.PathUnescape(p); err == nil {
		return u
	}
	return p
}

// lookupFailed is the answer about a node that has no address.
func lookupFailed(node string) error {
	return die("hostname lookup '%s' failed - failed to get address info for: %s: Name or service not known", node, node)
}

// findNode resolves {node}; a call that runs on another node fails as PVE's proxy does when that node is away.
func (c *call) findNode() error {
	name, has := c.vars["node"]
	if !has {
		return nil
	}
	w := &c.sim.world
	c.node = w.node(name)
	if !c.route.proxy {
		return nil
	}
	if c.node == nil || c.node.ip == "" {
		return lookupFailed(name)
	}
	if !c.node.online {
		return &apiError{status: 595, text: "No route to host", bare: true}
	}
	return nil
}
