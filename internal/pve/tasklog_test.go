package pve

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

func TestFollowedLogHasEveryLineOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const lines = 1203
		written := 0
		client := script(nil).client(t)
		client.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			body := running
			if strings.HasSuffix(r.URL.Path, "/log") {
				body = logPageOf(r, written)
			} else if written = min(lines, written*3+1); written == lines {
				body = ended("job errors")
			}
			if written == 4 { // the node cannot be reached for a moment
				written++
				return nil, errors.New("connection reset")
			}
			return &http.Response{Status: "200 OK", StatusCode: 200, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})
		next := 1
		for line, err := range client.FollowLog(t.Context(), startTask, 0) {
			if err != nil || line.Number != next || line.Text != fmt.Sprint("line ", next) {
				t.Fatalf("got %+v, %v, want line %d", line, err, next)
			}
			next++
		}
		if next != lines+1 {
			t.Errorf("got %d lines, want %d", next-1, lines)
		}
	})
}

// logPageOf answers like a node whose log has so many lines.
func logPageOf(r *http.Request, written int) string {
	if written <= 1 {
		return `{"data":[{"n":1,"t":"no content"}],"total":1}`
	}
	var start, limit int
	fmt.Sscan(r.URL.Query().Get("start"), &start)
	fmt.Sscan(r.URL.Query().Get("limit"), &limit)
	var rows []string
	for n := start + 1; n <= min(written, start+limit); n++ {
		rows = append(rows, fmt.Sprintf(`{"n":%d,"t":"line %d"}`, n, n))
	}
	return fmt.Sprintf(`{"data":[%s],"total":%d}`, strings.Join(rows, ","), written)
}

func TestFollowedLogEndsWithAnErrorOrTheReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		forbidden := script(func(string, int) (string, string) { return "403 Permission check failed (/nodes/pve1, Sys.Audit)", "" })
		yielded := 0
		for _, err := range forbidden.client(t).FollowLog(t.Context(), startTask, 0) {
			if yielded++; Classify(err).Kind != KindForbidden {
				t.Errorf("got %v, want forbidden", err)
			}
		}
		if yielded != 1 {
			t.Errorf("got %d errors, want 1", yielded)
		}
		endless := script(func(path string, n int) (string, string) {
			if strings.HasSuffix(path, "/log") {
				return "200 OK", fmt.Sprintf(`{"data":[{"n":%d,"t":"x"}]}`, n)
			}
			return "200 OK", running
		})
		read := 0
		for _, err := range endless.client(t).FollowLog(t.Context(), startTask, 0) {
			if read++; err != nil || read == 5 {
				break
			}
		}
		if read != 5 {
			t.Errorf("got %d lines, want to stop at 5", read)
		}
	})
}
