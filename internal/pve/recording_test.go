package pve

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// recording is one request to a real Proxmox VE 9.2.11 and its answer.
type recording struct {
	Folder string `json:"-"`
	Name   string `json:"name"`
	Method string `json:"method"`
	Path   string `json:"path"` // with query
	Form   string `json:"form"`
	Status int    `json:"status"`
	Reason string `json:"reason"`
	Body   string `json:"body"`
}

func (r recording) id() string { return r.Folder + "/" + r.Name }

func readRecordings(t testing.TB) []recording {
	t.Helper()
	files, err := filepath.Glob("testdata/recordings/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	var all []recording
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			r := recording{Folder: strings.TrimSuffix(filepath.Base(file), ".jsonl")}
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all = append(all, r)
		}
	}
	return all
}

// params are what the recorded request sent, in the query or in the form.
func (r recording) params(t testing.TB) url.Values {
	t.Helper()
	text := r.Form
	if _, query, found := strings.Cut(r.Path, "?"); found {
		text = query
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		t.Fatalf("%s: %v", r.id(), err)
	}
	return values
}

// tape answers requests with a recording, through the parser of net/http, and keeps the last request.
type tape struct {
	recording recording
	request   *http.Request
	sent      url.Values
}

func (p *tape) RoundTrip(r *http.Request) (*http.Response, error) {
	p.request, p.sent = r, r.URL.Query()
	if r.Body != nil {
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		p.sent = r.PostForm
	}
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Length: %d\r\n\r\n", p.recording.Status, p.recording.Reason, len(p.recording.Body))
	return http.ReadResponse(bufio.NewReader(strings.NewReader(head+p.recording.Body)), r)
}

func newTape(t testing.TB) (*tape, *Client) {
	t.Helper()
	client, err := New(Config{Endpoints: []string{"https://127.0.0.1:8006"}, Token: testToken})
	if err != nil {
		t.Fatal(err)
	}
	p := &tape{}
	client.http.Transport = p
	return p, client
}

// fromForm reads a request of the client from a recorded form, so that encoding it again can be compared.
func fromForm[T any](t testing.TB, form url.Values) T {
	t.Helper()
	request, err := formTo[T](form)
	if err != nil {
		t.Fatalf("form %v: %v", form, err)
	}
	return request
}

func formTo[T any](form url.Values) (request T, err error) {
	object := map[string]string{}
	for key, values := range form {
		object[key] = values[0]
	}
	text, err := json.Marshal(object)
	if err != nil {
		return request, err
	}
	return request, decode(text, &request)
}

// matchPattern matches a path against a pattern with {} for segments.
func matchPattern(pattern, path string) (args []string, ok bool) {
	form := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\{\}`, "([^/]+)") + "$")
	m := form.FindStringSubmatch(path)
	if m == nil {
		return nil, false
	}
	for _, arg := range m[1:] {
		plain, err := url.PathUnescape(arg)
		if err != nil {
			return nil, false
		}
		args = append(args, plain)
	}
	return args, true
}
