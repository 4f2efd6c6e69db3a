package pve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"time"
)

// attempt is send with one more try if the server refuses a ticket that it gave earlier: it restarted with new keys,
// or its clock jumped. A refused request was not carried out, whatever its method.
func (c *Client) attempt(ctx context.Context, e *endpoint, r request) (answer, bool, error) {
	a, connected, err := c.send(ctx, e, r)
	var refused *Error
	if a.ticket.Text == "" || !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
		return a, connected, err
	}
	c.session.forget(ctx, a.ticket)
	return c.send(ctx, e, r)
}

// send sends a request to one endpoint, once, and reads the whole answer. It reports whether there was a connection
// over which the server may have got the request.
func (c *Client) send(ctx context.Context, e *endpoint, r request) (a answer, connected bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var certificateEnds time.Time
	trace := &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		connected, certificateEnds = true, certificateEndsOf(got.Conn)
	}}
	hr, err := newRequest(httptrace.WithClientTrace(ctx, trace), e, r)
	if err != nil {
		return a, false, err
	}
	var used ticket
	if !r.anonymous {
		if used, err = c.authorize(ctx, e, hr.Header, r.method != http.MethodGet); err != nil {
			return a, false, err
		}
	}
	started := c.now()
	a, err = c.exchange(hr, e)
	a.endpoint, a.ticket = e, used
	c.judge(ctx, e, err)
	if c.onCall != nil {
		c.onCall(Call{Method: r.method, Pattern: r.pattern, Endpoint: e.url.Host, Status: a.status, Started: started, Duration: c.now().Sub(started), Err: err,
			ServerTime: a.serverTime, CertificateEnds: certificateEnds})
	}
	return a, connected, err
}

// certificateEndsOf is the end of the certificate that a connection showed.
func certificateEndsOf(conn net.Conn) time.Time {
	if kept, ok := conn.(*keptConn); ok {
		return kept.certificateEnds
	}
	return time.Time{}
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

func newRequest(ctx context.Context, e *endpoint, r request) (*http.Request, error) {
	for _, arg := range r.args {
		if slices.Contains([]string{"", ".", ".."}, fmt.Sprint(arg)) {
			return nil, fmt.Errorf("%s %s: %q cannot be part of a path", r.method, r.pattern, arg)
		}
	}
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
	a.serverTime, _ = http.ParseTime(response.Header.Get("Date")) // none is as good as a wrong one
	a.body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes+1))
	if err != nil {
		return a, newConnectionError(e, hr, path, err)
	}
	return a, a.read(response)
}
