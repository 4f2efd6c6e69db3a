package pve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Error is a refusal by the server.
type Error struct {
	Method, Path string
	Status       int
	// Message is the server's own text: "message" of the body, or the reason phrase of the status line, which is all
	// that servers before pve-http-server 5.2.0 send (first line only).
	Message string
	// Params says what is wrong with which parameter.
	Params map[string]string
}

// Error is the message, with the parameters if any, and the call in parentheses.
func (e *Error) Error() string {
	text := e.Message
	for _, name := range slices.Sorted(maps.Keys(e.Params)) {
		text += fmt.Sprintf(" %s: %s.", name, strings.TrimSuffix(e.Params[name], "."))
	}
	return fmt.Sprintf("%s (%s %s answered %d)", text, e.Method, e.Path, e.Status)
}

// refusal makes an error of an answer that is not a success. Proxmox never refuses with a web page: that is a proxy,
// whose 401 and 403 say nothing about our credentials.
func (a *answer) refusal(r *http.Response) error {
	if page := bytes.TrimSpace(a.body); len(page) > 0 && page[0] == '<' {
		return a.webPage(page)
	}
	e := &Error{Method: a.method, Path: a.path, Status: a.status, Message: reasonPhrase(r)}
	var body struct {
		Message string            `pve:"message"`
		Errors  map[string]string `pve:"errors"`
	}
	// Bodies of 401, 595 and 596 are empty, those of 506 plain text: the reason phrase then is all there is.
	if decode(a.body, &body) == nil {
		if message := strings.TrimSpace(body.Message); message != "" {
			e.Message = message
		}
		e.Params = trimmed(body.Errors)
	}
	return e
}

func reasonPhrase(r *http.Response) string {
	phrase := strings.TrimSpace(strings.TrimPrefix(r.Status, strconv.Itoa(r.StatusCode)))
	if phrase == "" {
		return fmt.Sprintf("server answered %d without a reason", r.StatusCode)
	}
	return phrase
}

func trimmed(params map[string]string) map[string]string {
	for name, text := range params {
		params[name] = strings.TrimSpace(text)
	}
	return params
}

// TaskError says how a task failed.
type TaskError struct {
	UPID UPID
	Exit string // the server's text
}

// Error names the task and the server's text.
func (e *TaskError) Error() string {
	if id := e.UPID.ID(); id != "" {
		return fmt.Sprintf("task %s of %s on %s failed: %s", e.UPID.Type(), id, e.UPID.Node(), e.Exit)
	}
	return fmt.Sprintf("task %s on %s failed: %s", e.UPID.Type(), e.UPID.Node(), e.Exit)
}

// connectionError says that there was no answer, or only the beginning of one.
type connectionError struct {
	endpoint string
	call     string
	err      error
}

func newConnectionError(e *endpoint, hr *http.Request, path string, err error) error {
	err = withoutURL(err)
	if hr.Context().Err() != nil && !errors.Is(err, hr.Context().Err()) {
		err = hr.Context().Err()
	}
	return &connectionError{e.url.Host, hr.Method + " " + path, explainTLS(e.url.Host, err)}
}

// withoutURL takes off the wrapping that would repeat the address with all parameters.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

func (e *connectionError) Error() string {
	var certificate *CertificateError
	if errors.As(e.err, &certificate) {
		return certificate.Error()
	}
	if errors.Is(e.err, context.DeadlineExceeded) {
		return fmt.Sprintf("%s did not answer in time (%s)", e.endpoint, e.call)
	}
	return fmt.Sprintf("no answer from %s: %v (%s)", e.endpoint, e.err, e.call)
}

func (e *connectionError) Unwrap() error { return e.err }
