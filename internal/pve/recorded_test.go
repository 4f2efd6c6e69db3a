package pve

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

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
		call, result, err := play(t, client, r, path)
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

func play(t *testing.T, client *Client, r recording, path string) (pattern string, result any, err error) {
	for _, call := range replayedCalls {
		method, pattern, _ := strings.Cut(call.pattern, " ")
		if args, ok := matchPattern(pattern, path); ok && method == r.Method {
			result, err := call.run(t, client, args, r.params(t))
			return call.pattern, result, err
		}
	}
	unescaped, err := url.PathUnescape(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.do(context.Background(), request{method: r.Method, pattern: unescaped})
	return "", nil, err
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
		if got, want := spelled(key, p.sent), spelled(key, recorded); got != want && (got != "" || want != "0") {
			t.Errorf("%s: sent %s=%q, recorded %q", r.id(), key, got, want)
		}
	}
	for key := range p.sent {
		if _, known := recorded[key]; !known && key != "limit" && key != "new-format" {
			t.Errorf("%s: sent %s=%q, which was not recorded", r.id(), key, p.sent.Get(key))
		}
	}
}

// spelled is the value of a key; of tags in the one of several spellings that the client uses.
func spelled(key string, form url.Values) string {
	if key == "tags" {
		return strings.Join(splitList(form.Get(key)), ",")
	}
	return form.Get(key)
}
