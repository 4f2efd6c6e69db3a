package pve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

	anonymous bool // goes without credentials
}

func get(pattern string, args ...any) request {
	return request{method: http.MethodGet, pattern: pattern, args: args}
}

func post(pattern string, args ...any) request {
	return request{method: http.MethodPost, pattern: pattern, args: args}
}

func put(pattern string, args ...any) request {
	return request{method: http.MethodPut, pattern: pattern, args: args}
}

func del(pattern string, args ...any) request {
	return request{method: http.MethodDelete, pattern: pattern, args: args}
}

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
	return taskOf(r, text)
}

func taskOf(r request, text string) (UPID, error) {
	upid, err := ParseUPID(text)
	if err != nil {
		return "", &AnswerError{Method: r.method, Path: fillPath(r.pattern, r.args), Status: http.StatusOK, Problem: err.Error()}
	}
	return upid, nil
}

// do sends a request to the first endpoint that takes it. Reading moves on to the next endpoint when a connection
// fails; writing only when there was no connection at all, so nothing is ever written twice. On a kept connection that
// the server closed meanwhile, net/http reads once more by itself.
func (c *Client) do(ctx context.Context, r request) (answer, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return answer{}, fmt.Errorf("%s %s: waiting for a free slot: %w", r.method, r.pattern, context.Cause(ctx))
	}
	var failures []error
	for _, e := range inOrder(c.endpoints, c.now()) {
		a, connected, err := c.attempt(ctx, e, r)
		var broken *connectionError
		if !errors.As(err, &broken) {
			return a, err
		}
		failures = append(failures, err)
		if ctx.Err() != nil || (connected && r.method != http.MethodGet) {
			break
		}
	}
	return answer{}, allFailed(failures)
}

// allFailed are the failures of all endpoints, in one line.
type allFailed []error

func (f allFailed) Error() string {
	texts := make([]string, len(f))
	for i, err := range f {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (f allFailed) Unwrap() []error { return f }
