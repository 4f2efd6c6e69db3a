package pvesim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
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

// apiError is a refusal with PVE's status and text.
type apiError struct {
	status int
	text   string            // reason phrase and message
	errors map[string]string // per parameter, for 400
	bare   bool              // empty body: 401, 595, 596
	plain  bool              // text body: errors of the web server itself
}

func (e *apiError) Error() string { return e.text }

// die is what PVE's code does most often: status 500 with a message.
func die(format string, args ...any) error {
	return &apiError{status: 500, text: fmt.Sprintf(format, args...)}
}

func forbid(format string, args ...any) error {
	return &apiError{status: 403, text: fmt.Sprintf(format, args...)}
}

// invalid is a 400 about parameters.
func invalid(errs map[string]string) error {
	return &apiError{status: 400, text: "Parameter verification failed.", errors: errs}
}

func invalidParam(name, format string, args ...any) error {
	return invalid(map[string]string{name: fmt.Sprintf(format, args...)})
}

func unauthenticated(text string) error { return &apiError{status: 401, text: text, bare: true} }

// answer takes one request through everything and returns what to send; nil closes the connection without an answer.
func (s *Sim) answer(v *server, req *http.Request, conn net.Conn, in *bufio.Reader) *response {
	w := &wire{server: v, conn: conn, in: in}
	if strings.HasPrefix(req.URL.Path, "/sim/") {
		return s.control(req)
	}
	if !w.wait(s.opt.Latency) {
		return nil
	}
	c := &call{sim: s, method: req.Method, req: req, wire: w, now: time.Now()}
	format, data, err := s.handle(c)
	if errors.Is(err, errHangUp) {
		s.records.add(c, 0)
		return nil
	}
	a := render(c, format, data, err)
	s.records.add(c, a.status)
	var refused *apiError
	if errors.As(err, &refused) && refused.status == 401 && !w.wait(s.opt.AuthDelay-time.Since(c.now)) {
		return nil
	}
	return a
}

// errHangUp means that the connection was used up or cut by the handler.
var errHangUp = errors.New("connection handled")

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
	c.now = time.Now()
	c.params = raw
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
	if c.node == nil {
		return die("hostname lookup '%s' failed - failed to get address info for: %s: Name or service not known", name, name)
	}
	if !c.node.online {
		return &apiError{status: 595, text: "No route to host", bare: true}
	}
	return nil
}

// postLimit is the largest body (since http-server 5.2.1; 64 KiB before).
func (s *Sim) postLimit() int64 {
	if s.world.release.before(8, 4) {
		return 64 << 10
	}
	return 512 << 10
}

// readParams collects query, body and path; the query wins over the body.
func (c *call) readParams() (params, error) {
	out := params{}
	if c.req.Method == http.MethodPost || c.req.Method == http.MethodPut {
		if c.route.upload {
			return out, c.readUpload(out)
		}
		if err := c.readBody(out); err != nil {
			return nil, err
		}
	}
	out.merge(parseForm(c.req.URL.RawQuery))
	delete(out, "_dc")
	for name, value := range c.vars {
		if have, ok := out[name]; ok && have != value {
			return nil, invalidParam(name, "duplicate parameter (already defined in URI) with conflicting values!")
		}
		out[name] = value
	}
	return out, nil
}

func (c *call) readBody(out params) error {
	length := max(c.req.ContentLength, 0)
	if limit := c.sim.postLimit(); length > limit {
		return &apiError{status: 501, text: "for data too large", bare: true}
	}
	kind, _, _ := mime.ParseMediaType(c.req.Header.Get("Content-Type"))
	if raw := c.req.Header.Get("Content-Type"); raw != "" && kind != "application/x-www-form-urlencoded" && kind != "application/json" {
		return &apiError{status: 506, text: fmt.Sprintf("upload 'Content-Type '%s' not implemented", raw), plain: true}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(c.req.Body, body); err != nil {
		return errHangUp
	}
	if kind == "application/json" {
		return parseJSON(body, out)
	}
	out.merge(parseForm(string(body)))
	return nil
}

// parseForm splits on "&" and ";"; repeated keys become one value joined by NUL, as PVE does.
func parseForm(text string) params {
	out := params{}
	for pair := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescapeQuery(name), unescapeQuery(value)
		if have, ok := out[name]; ok {
			value = have + "\x00" + value
		}
		out[name] = value
	}
	return out
}

func unescapeQuery(text string) string {
	if u, err := url.QueryUnescape(text); err == nil {
		return u
	}
	return text
}

// parseJSON reads a JSON object; true and false become 1 and 0, arrays are joined by NUL.
func parseJSON(body []byte, out params) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return &apiError{status: 500, plain: true, text: fmt.Sprintf("'\"' expected, at character offset 1 (before %q) at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934.\n", strings.Trim(string(body), "{}"))}
	}
	for name, value := range fields {
		out[name] = jsonText(value)
	}
	return nil
}

func jsonText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "1"
		}
		return "0"
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = jsonText(e)
		}
		return strings.Join(parts, "\x00")
	case nil:
		return ""
	}
	return "HASH(0x55d0c0de)" // what Perl makes of an object where a text is expected
}

// render turns the outcome into the answer PVE would send.
func render(c *call, format string, data any, err error) *response {
	a := &response{status: 200, reason: "OK", viaDaemon: c.route != nil && c.route.protected}
	var refused *apiError
	if err != nil && !errors.As(err, &refused) {
		refused = &apiError{status: 500, text: err.Error()}
	}
	if page, ok := data.(htmlPage); ok && err == nil {
		a.contentType, a.body = "text/html; charset=utf-8", []byte(page)
		return a
	}
	if refused != nil {
		a.status, a.reason = refused.status, refused.text
		if refused.bare || refused.plain {
			if refused.plain {
				a.body = []byte(refused.text)
			}
			return a
		}
	}
	if raw, is := data.(rawJSON); is && refused == nil && format == "json" {
		a.contentType = "application/json;charset=UTF-8"
		a.body = append(append([]byte(`{"data":`), raw...), '}')
		return a
	}
	envelope := c.envelope(format, data, refused)
	if format == "extjs" {
		a.status, a.reason = 200, "OK"
	}
	a.contentType = "application/json;charset=UTF-8"
	a.body = encode(envelope)
	return a
}

// envelope is the JSON around every answer.
func (c *call) envelope(format string, data any, refused *apiError) obj {
	out := obj{"data": data}
	if c.total != nil {
		out["total"] = *c.total
	}
	if refused != nil {
		out["data"] = nil
		if len(refused.errors) > 0 {
			out["errors"] = refused.errors
		}
		if !c.sim.world.release.before(8, 4) || format == "extjs" {
			out["message"] = refused.text
			if refused.status != 501 {
				out["message"] = refused.text + "\n"
			}
		}
	}
	if format == "extjs" {
		out["success"] = flag(refused == nil)
		if refused != nil {
			out["status"] = refused.status
		}
	}
	return out
}

// obj is one JSON object of an answer. PVE never sends true or false: use flag.
type obj = map[string]any

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("pvesim: answer cannot be encoded: %v", err)) // a handler returned something that is not JSON
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// htmlPage is an answer outside the API.
type htmlPage string

const welcomePage = htmlPage(`<!DOCTYPE html><html><head><title>Simulated Proxmox Virtual Environment</title></head>` +
	`<body>This is a simulated cluster. The API is below /api2/json, faults are below /sim/.</body></html>`)
