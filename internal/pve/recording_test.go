package pve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

// TestRecordedRequestsAreAnsweredAndMade plays every recording back to the call of the client that it belongs to. The
// client must send what was recorded, decode all that it knows of a success, and classify a refusal.
func TestRecordedRequestsAreAnsweredAndMade(t *testing.T) {
	t.Parallel()
	kinds := readKinds(t)
	played := map[string]int{}
	for _, r := range readRecordings(t) {
		path, _, _ := strings.Cut(r.Path, "?")
		if r.Status == http.StatusSwitchingProtocols || strings.HasPrefix(r.Path, "/api2/") {
			continue // consoles and other formats than JSON
		}
		p, client := newTape(t)
		p.recording = r
		result, err, call := play(t, client, r, path)
		played[call]++
		if want, listed := unusable[r.id()]; listed {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want an error with %q", r.id(), err, want)
			}
			continue
		}
		if r.Status != http.StatusOK {
			checkKind(t, r, err, kinds)
			continue
		}
		if err != nil {
			t.Errorf("%s: %s %s: %v", r.id(), r.Method, r.Path, err)
			continue
		}
		if call != "" {
			checkRequest(t, p, r, path)
			checkDecoded(t, r, call, result)
		}
	}
	for _, call := range replayedCalls {
		if played[call.pattern] == 0 && !call.unrecorded {
			t.Errorf("no recording was played to %s", call.pattern)
		}
	}
}

// unusable are recorded answers with status 200 that are no success.
var unusable = map[string]string{
	"http/html-root":        "a web page (\"pve1 - Proxmox Virtual Environment\")",
	"node/journal":          "JSON is broken", // recorded compressed
	"node/task-unknown-log": "unable to open file - No such file or directory",
}

func play(t *testing.T, client *Client, r recording, path string) (result any, err error, pattern string) {
	for _, call := range replayedCalls {
		method, pattern, _ := strings.Cut(call.pattern, " ")
		if args, ok := matchPattern(pattern, path); ok && method == r.Method {
			result, err := call.run(t, client, args, r.params(t))
			return result, err, call.pattern
		}
	}
	unescaped, err := url.PathUnescape(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.do(context.Background(), request{method: r.Method, pattern: unescaped})
	return nil, err, ""
}

// checkRequest compares what the client sent with what was recorded. Zeros are the server's defaults and not sent.
func checkRequest(t *testing.T, p *tape, r recording, path string) {
	t.Helper()
	want, err := url.PathUnescape(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.request.Method + " " + strings.TrimPrefix(p.request.URL.Path, "/api2/json"); got != r.Method+" "+want {
		t.Errorf("%s: sent %s, recorded %s %s", r.id(), got, r.Method, want)
	}
	recorded := r.params(t)
	for key := range recorded {
		if got, want := comparable(key, p.sent), comparable(key, recorded); got != want && (got != "" || want != "0") {
			t.Errorf("%s: sent %s=%q, recorded %q", r.id(), key, got, want)
		}
	}
	for key := range p.sent {
		if _, known := recorded[key]; !known && key != "limit" && key != "new-format" {
			t.Errorf("%s: sent %s=%q, which was not recorded", r.id(), key, p.sent.Get(key))
		}
	}
}

// comparable is the value of a key; of tags in the one of several spellings that the client uses.
func comparable(key string, form url.Values) string {
	if key == "tags" {
		return strings.Join(splitList(form.Get(key)), ",")
	}
	return form.Get(key)
}

// readKinds reads which recorded refusal is of which kind.
func readKinds(t *testing.T) map[string]Kind {
	t.Helper()
	text, err := os.ReadFile("testdata/kinds.txt")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]Kind{}
	for line := range strings.Lines(string(text)) {
		if id, kind, found := strings.Cut(strings.TrimSpace(line), " "); found {
			kinds[id] = Kind(strings.TrimSpace(kind))
		}
	}
	return kinds
}

// missingPrivilege is how recordings of calls without a privilege are named.
var missingPrivilege = regexp.MustCompile(`-without-([A-Z][A-Za-z]*\.[A-Za-z.]+)$`)

func checkKind(t *testing.T, r recording, err error, kinds map[string]Kind) {
	t.Helper()
	got := Classify(err)
	want, listed := kinds[r.id()]
	if r.Status == http.StatusForbidden && !listed {
		want = KindForbidden
	} else if !listed {
		t.Errorf("%s: no kind is listed for it: %d %q %s, got %q", r.id(), r.Status, r.Reason, r.Body, got.Kind)
		return
	}
	if got.Kind != want {
		t.Errorf("%s: got kind %q, want %q for %d %q %s", r.id(), got.Kind, want, r.Status, r.Reason, r.Body)
	}
	if r.Status == http.StatusForbidden {
		checkForbidden(t, r, got)
	}
}

// checkForbidden compares path and privilege with the text, and the privilege with the name of the recording.
func checkForbidden(t *testing.T, r recording, got Problem) {
	t.Helper()
	rootOnly := strings.Contains(r.Reason, "root@pam")
	text := "Permission check failed"
	if got.Path != "" {
		text += " (" + got.Path + ", " + strings.Join(got.Privileges, "|") + ")"
	}
	if got.RootOnly != rootOnly || (!rootOnly && r.Reason != text && !strings.Contains(r.Reason, "does not exist")) {
		t.Errorf("%s: got %+v from %q", r.id(), got, r.Reason)
	}
	if m := missingPrivilege.FindStringSubmatch(r.Name); m != nil && got.Path != "" && !slices.Contains(got.Privileges, m[1]) {
		t.Errorf("%s: got privileges %q, want %s among them", r.id(), got.Privileges, m[1])
	}
}

// TestRecordedExitTextsAreClassified goes through the ends of all recorded tasks.
func TestRecordedExitTextsAreClassified(t *testing.T) {
	t.Parallel()
	kinds := map[string]Kind{ // by a part of the exit text
		"can't lock file":                       KindBusy,
		"Failed to obtain guest migration lock": KindBusy,
		"403 Permission check failed":           KindForbidden,
		"CT is locked (backup)":                 KindLocked,
		"Configuration file":                    KindNoContainer,
		"unable to open file '/etc/pve/nodes":   KindNoQuorum,
		"cannot remove protected volume":        KindProtected,
		"already used":                          KindExists,
		"feature is not available":              KindUnsupported,
		"bridge 'vmbr77' does not exist":        KindNotFound,
		"snapshot 'nope' does not exist":        KindNotFound,
		"unexpected status":                     KindAborted,
	}
	seen := map[string]bool{}
	for exit := range recordedExits(t) {
		failed := TaskRow{Status: exit, EndTime: time.Unix(1, 0)}.Err()
		if good := exit == "OK" || strings.HasPrefix(exit, "WARNINGS"); good != (failed == nil) {
			t.Errorf("got %v for exit %q", failed, exit)
		}
		for part, want := range kinds {
			if strings.Contains(exit, part) {
				seen[part] = true
				if got := Classify(failed).Kind; got != want {
					t.Errorf("got kind %q for exit %q, want %q", got, exit, want)
				}
			}
		}
	}
	for part := range kinds {
		if !seen[part] {
			t.Errorf("no recorded task ended with %q", part)
		}
	}
}

// recordedExits are the ends of tasks in recorded lists and states.
func recordedExits(t *testing.T) map[string]bool {
	t.Helper()
	exits := map[string]bool{}
	for _, r := range readRecordings(t) {
		path, _, _ := strings.Cut(r.Path, "?")
		p, client := newTape(t)
		p.recording = r
		switch {
		case r.Status != http.StatusOK:
		case strings.HasSuffix(path, "/tasks"):
			rows, err := fetch[[]TaskRow](t.Context(), client, get("/x"))
			if err != nil {
				t.Fatalf("%s: %v", r.id(), err)
			}
			for _, row := range rows {
				if !row.Running() {
					exits[row.Status] = true
				}
			}
		case strings.Contains(path, "/tasks/") && strings.HasSuffix(path, "/status"):
			status, err := fetch[TaskStatus](t.Context(), client, get("/x"))
			if err != nil {
				t.Fatalf("%s: %v", r.id(), err)
			}
			if !status.Running() {
				exits[status.ExitStatus] = true
			}
		}
	}
	return exits
}

func TestClusterStatusOfRecordedClusters(t *testing.T) {
	t.Parallel()
	want := map[string]ClusterStatus{
		"general/cluster-status": {Quorate: true, Members: []ClusterMember{{Node: "pve1", Address: "192.0.2.2", Online: true, Local: true}}},
		"cluster-1of2-quorate/cluster-status": {Name: "testcluster", Quorate: true, Members: []ClusterMember{
			{Node: "pve2", ID: 2}, {Node: "pve1", Address: "192.0.2.2", ID: 1, Online: true, Local: true}}},
		"cluster-noquorum/cluster-status": {Name: "testcluster", Members: []ClusterMember{
			{Node: "pve2", ID: 2}, {Node: "pve1", Address: "192.0.2.2", ID: 1, Online: true, Local: true}}},
	}
	for _, r := range readRecordings(t) {
		if _, listed := want[r.id()]; !listed {
			continue
		}
		p, client := newTape(t)
		p.recording = r
		got, err := client.ClusterStatus(t.Context())
		if diff := cmp.Diff(want[r.id()], got); err != nil || diff != "" {
			t.Errorf("%s: %v, (-want +got):\n%s", r.id(), err, diff)
		}
		delete(want, r.id())
	}
	if len(want) > 0 {
		t.Errorf("not recorded: %v", want)
	}
}
