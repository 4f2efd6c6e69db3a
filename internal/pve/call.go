package pve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
)

// request is one call of the API. Its parameters go into the query of GET and DELETE, which may have no body
// (501 otherwise), and into the form of POST and PUT.
type request struct {
	method  string
	pattern string // such as /nodes/{node}/lxc/{vmid}/config
	args    []any
	params  any // struct with pve tags, url.Values, or nil
}

func get(pattern string, args ...any) request  { return request{"GET", pattern, args, nil} }
func post(pattern string, args ...any) request { return request{"POST", pattern, args, nil} }
func put(pattern string, args ...any) request  { return request{"PUT", pattern, args, nil} }
func del(pattern string, args ...any) request  { return request{"DELETE", pattern, args, nil} }

func (r request) with(params any) request {
	r.params = params
	return r
}

func (r request) form() url.Values {
	if v, ok := r.params.(url.Values); ok {
		return v
	}
	return encodeForm(r.params)
}

// fetch sends a request and decodes the data of the answer.
func fetch[T any](ctx context.Context, c *Client, r request) (T, error) {
	var result T
	a, err := c.do(ctx, r)
	if err != nil {
		return result, err
	}
	err = a.decode(&result)
	return result, err
}

// run sends a request whose answer holds nothing of interest.
func (c *Client) run(ctx context.Context, r request) error {
	_, err := c.do(ctx, r)
	return err
}

// start sends a request that starts a task.
func (c *Client) start(ctx context.Context, r request) (UPID, error) {
	text, err := fetch[string](ctx, c, r)
	if err != nil {
		return "", err
	}
	upid, err := ParseUPID(text)
	if err != nil {
		return "", &AnswerError{Method: r.method, Path: fillPath(r.pattern, r.args), Status: http.StatusOK, Problem: err.Error()}
	}
	return upid, nil
}

// do sends a request to the first endpoint that takes it. Reading moves on to the next endpoint when a connection
// fails; writing only when there was no connection at all, so nothing is ever written twice.
func (c *Client) do(ctx context.Context, r request) (answer, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return answer{}, fmt.Errorf("%s %s: waiting for a free slot: %w", r.method, r.pattern, context.Cause(ctx))
	}
	tries := inOrder(c.endpoints, c.now())
	if r.method == http.MethodGet && len(tries) == 1 {
		tries = append(tries, tries[0])
	}
	var failures []error
	for i, e := range tries {
		a, connected, err := c.send(ctx, e, r)
		var broken *connectionError
		if !errors.As(err, &broken) {
			return a, err
		}
		failures = append(failures, err)
		final := ctx.Err() != nil || (connected && r.method != http.MethodGet) || (!connected && i+1 < len(tries) && tries[i+1] == e)
		if final {
			break
		}
	}
	return answer{}, joinFailures(failures)
}

func joinFailures(failures []error) error {
	if len(failures) == 1 || failures[0].Error() == failures[len(failures)-1].Error() {
		return failures[len(failures)-1]
	}
	return errors.Join(failures...)
}

// send sends a request to one endpoint, once, and reads the whole answer. It reports whether there was a connection
// over which the server may have got the request.
func (c *Client) send(ctx context.Context, e *endpoint, r request) (a answer, connected bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	started := c.now()
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }}
	hr, err := c.newRequest(httptrace.WithClientTrace(ctx, trace), e, r)
	if err != nil {
		return a, false, err
	}
	a, err = c.exchange(hr, e)
	c.judge(ctx, e, err)
	if c.onCall != nil {
		c.onCall(Call{r.method, r.pattern, e.url.Host, a.status, c.now().Sub(started), err})
	}
	return a, connected, err
}

// judge keeps the health of an endpoint: an answer of any kind is health, a caller who gave up is no evidence.
func (c *Client) judge(ctx context.Context, e *endpoint, err error) {
	var broken *connectionError
	switch {
	case !errors.As(err, &broken):
		e.succeeded()
	case !errors.Is(ctx.Err(), context.Canceled):
		e.failed(c.now())
	}
}

func (c *Client) newRequest(ctx context.Context, e *endpoint, r request) (*http.Request, error) {
	target := e.url.String() + "/api2/json" + fillPath(r.pattern, r.args)
	form := r.form().Encode()
	var body io.Reader
	if r.method == http.MethodPost || r.method == http.MethodPut {
		body = strings.NewReader(form)
	} else if form != "" {
		target += "?" + form
	}
	hr, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.pattern, err)
	}
	if body != nil {
		hr.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	hr.Header.Set("Accept", "application/json")
	hr.Header.Set("Authorization", c.token.header())
	return hr, nil
}

const maxAnswerBytes = 256 << 20

func (c *Client) exchange(hr *http.Request, e *endpoint) (answer, error) {
	path := strings.TrimPrefix(hr.URL.EscapedPath(), "/api2/json")
	response, err := c.http.Do(hr)
	if err != nil {
		return answer{}, newConnectionError(e, hr, path, err)
	}
	defer response.Body.Close()
	a := answer{method: hr.Method, path: path, status: response.StatusCode}
	a.body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes+1))
	if err != nil {
		return a, newConnectionError(e, hr, path, err)
	}
	return a, a.read(response)
}
