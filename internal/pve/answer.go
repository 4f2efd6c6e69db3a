package pve

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// answer is what the server said, its envelope opened.
type answer struct {
	method, path string
	status       int
	body         []byte // as sent
	data         []byte // value of "data" within body
	total        int    // "total" of paged lists
	endpoint     *endpoint
	ticket       ticket // that the request went with, if any

	serverTime time.Time // its clock, to the second; zero if it did not tell
}

// AnswerError says that an answer was not one of the Proxmox API: a proxy's page, half a text, nothing.
type AnswerError struct {
	Method, Path string
	Status       int
	Problem      string // in plain words
}

// Error is one line.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s %s: answer %d is not usable: %s", e.Method, e.Path, e.Status, e.Problem)
}

func (a *answer) problem(format string, args ...any) error {
	return &AnswerError{a.method, a.path, a.status, fmt.Sprintf(format, args...)}
}

// read opens the envelope of a success or makes an error of anything else.
func (a *answer) read(r *http.Response) error {
	if a.status != http.StatusOK {
		return a.refusal(r)
	}
	if len(a.body) > maxAnswerBytes {
		return a.problem("longer than %d bytes", maxAnswerBytes)
	}
	return a.open()
}

func (a *answer) open() error {
	trimmed := bytes.TrimSpace(a.body)
	if len(trimmed) == 0 {
		return a.problem("it is empty")
	}
	if trimmed[0] == '<' {
		return a.webPage(trimmed)
	}
	if err := checkSyntax(trimmed); err != nil {
		return a.problem("JSON is broken after %d bytes (%v)", len(trimmed), err)
	}
	r := &reader{data: trimmed}
	if !r.open('{') {
		return a.problem("it is not a JSON object")
	}
	for r.more('}') {
		switch key := string(r.key()); key {
		case "data":
			a.data = r.raw()
		case "total":
			n, _ := digits(bytes.Trim(r.raw(), `"`))
			a.total = int(n)
		default:
			r.raw()
		}
	}
	if a.data == nil {
		return a.problem("it has no data")
	}
	return nil
}

// decode reads the data of the answer into *target.
func (a *answer) decode(target any) error {
	if err := decodeChecked(a.data, target); err != nil {
		return a.problem("%v", err)
	}
	return nil
}

func (a *answer) webPage(page []byte) error {
	return a.problem("it is a web page%s, perhaps of a proxy in between", pageTitle(page))
}

func pageTitle(page []byte) string {
	_, rest, found := bytes.Cut(page, []byte("<title>"))
	title, _, closed := bytes.Cut(rest, []byte("</title>"))
	if !found || !closed {
		return ""
	}
	return fmt.Sprintf(" (%.80q)", strings.TrimSpace(string(title)))
}
