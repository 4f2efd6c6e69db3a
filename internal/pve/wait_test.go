package pve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const startTask = "UPID:pve1:00002C8B:0002765F:6B03A7B9:vzstart:101:root@pam:"

// script answers requests without a network, so that time can be the simulated time of synctest.
type script func(path string, n int) (status string, body string)

func (s script) client(t *testing.T) *Client {
	t.Helper()
	client, err := New(Config{Endpoints: []string{"https://127.0.0.1:8006"}, Token: testToken})
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	client.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		path := strings.TrimPrefix(r.URL.Path, "/api2/json")
		calls[path]++
		status, body := s(path, calls[path])
		if status == "" {
			return nil, errors.New("connection refused")
		}
		code := 0
		fmt.Sscan(status, &code)
		return &http.Response{Status: status, StatusCode: code, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})
	return client
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const (
	running = `{"data":{"status":"running","upid":"` + startTask + `"}}`
	stopped = `{"data":{"status":"stopped","exitstatus":%q,"upid":"` + startTask + `"}}`
)

func ended(exit string) string { return fmt.Sprintf(stopped, exit) }

func TestWaitEndsWithTheTask(t *testing.T) {
	t.Parallel()
	noTask := `{"data":null,"errors":{"upid":"no such task"}}`
	tests := map[string]struct {
		script   script
		kind     Kind // empty for success
		warnings int
		atMost   time.Duration
	}{
		"success": {func(_ string, n int) (string, string) {
			if n < 4 {
				return "200 OK", running
			}
			return "200 OK", ended("OK")
		}, "", 0, time.Second},
		"warnings are success": {func(string, int) (string, string) { return "200 OK", ended("WARNINGS: 3") }, "", 3, 0},
		"failure":              {func(string, int) (string, string) { return "200 OK", ended("CT is locked (backup)") }, KindLocked, 0, 0},
		"killed worker":        {func(string, int) (string, string) { return "200 OK", ended("unexpected status") }, KindAborted, 0, 0},
		"no right inside": {func(string, int) (string, string) {
			return "200 OK", ended("403 Permission check failed (/vms/101, VM.Backup)")
		}, KindForbidden, 0, 0},
		"not known yet": {func(_ string, n int) (string, string) {
			if n < 3 {
				return "400 Parameter verification failed.", noTask
			}
			return "200 OK", ended("OK")
		}, "", 0, time.Second},
		"never known": {func(string, int) (string, string) { return "400 Parameter verification failed.", noTask }, KindNotFound, 0, 7 * time.Second},
		"node goes offline while the task runs": {func(_ string, n int) (string, string) {
			if n > 3 && n < 30 {
				return "595 No route to host", ""
			}
			if n < 40 {
				return "200 OK", running
			}
			return "200 OK", ended("OK")
		}, "", 0, 45 * time.Second},
		"node stays offline":  {func(string, int) (string, string) { return "595 No route to host", "" }, KindNodeUnreachable, 0, 62 * time.Second},
		"token was withdrawn": {func(string, int) (string, string) { return "401 Authentication failed!", "" }, KindUnauthenticated, 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				started := time.Now()
				status, err := test.script.client(t).Wait(t.Context(), startTask)
				if got := Classify(err).Kind; got != test.kind || status.Warnings() != test.warnings {
					t.Errorf("got kind %q (%v) and %d warnings, want %q and %d", got, err, status.Warnings(), test.kind, test.warnings)
				}
				if took := time.Since(started); took > test.atMost {
					t.Errorf("took %s, want %s at most", took, test.atMost)
				}
			})
		})
	}
}

func TestWaitNoticesAnEndWithinASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const duration = 42 * time.Second
		started := time.Now()
		client := script(func(string, int) (string, string) {
			if time.Since(started) < duration {
				return "200 OK", running
			}
			return "200 OK", ended("OK")
		}).client(t)
		if _, err := client.Wait(t.Context(), startTask); err != nil {
			t.Fatal(err)
		}
		if late := time.Since(started) - duration; late > time.Second {
			t.Errorf("noticed %s late, want 1s at most", late)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		started := time.Now()
		_, err := script(func(string, int) (string, string) { return "200 OK", running }).client(t).Wait(ctx, startTask)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != 3*time.Second {
			t.Errorf("got %v after %s, want the deadline after 3s", err, time.Since(started))
		}
	})
}

func TestWaitForAnHATaskWaitsForTheState(t *testing.T) {
	t.Parallel()
	row := func(node, state string) string {
		return `{"data":[{"type":"lxc","id":"lxc/101","vmid":101,"node":"` + node + `","status":"unknown","hastate":"` + state + `"}]}`
	}
	tests := map[string]struct {
		task     string
		resource func(n int) string
		status   func(n int) string // of status/current
		fails    bool
		polls    int
	}{
		"start": {"hastart", func(int) string { return row("pve1", "started") }, func(n int) string {
			if n < 3 {
				return "stopped"
			}
			return "running"
		}, false, 3},
		"stop":                  {"hastop", func(int) string { return row("pve1", "stopped") }, func(n int) string { return "stopped" }, false, 1},
		"start on another node": {"hastart", func(int) string { return row("pve2", "started") }, func(n int) string { return "running" }, false, 1},
		"error of the manager":  {"hastart", func(int) string { return row("pve1", "error") }, func(n int) string { return "stopped" }, true, 1},
		"migration": {"hamigrate", func(n int) string {
			if n < 4 {
				return row("pve1", "migrate")
			}
			return row("pve2", "started")
		}, func(n int) string { return "running" }, false, 4},
		"container is gone": {"hastart", func(int) string { return `{"data":[]}` }, nil, true, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				polls := 0
				client := script(func(path string, n int) (string, string) {
					switch {
					case path == "/cluster/resources":
						polls = n
						return "200 OK", test.resource(n)
					case strings.HasSuffix(path, "/status/current"):
						return "200 OK", `{"data":{"vmid":101,"status":"` + test.status(n) + `"}}`
					}
					return "200 OK", ended("OK")
				}).client(t)
				_, err := client.Wait(t.Context(), UPID(strings.Replace(startTask, "vzstart", test.task, 1)))
				if (err != nil) != test.fails || polls != test.polls {
					t.Errorf("got %v after %d polls, want failure=%v after %d", err, polls, test.fails, test.polls)
				}
			})
		})
	}
}

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

func TestMakeTemplateFindsTheTaskThatTheServerDoesNotName(t *testing.T) {
	t.Parallel()
	list := func(rows ...string) string { return `{"data":[` + strings.Join(rows, ",") + `]}` }
	old, fresh := `{"upid":"`+strings.Replace(startTask, "vzstart", "vztemplate", 1)+`"}`, `{"upid":"UPID:pve1:00002C8C:0002765F:6B03A7C9:vztemplate:101:root@pam:"}`
	for exit, kind := range map[string]Kind{"OK": "", "volume 'x' does not exist": KindNotFound} {
		t.Run(exit, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := script(func(path string, n int) (string, string) {
					switch {
					case path == "/nodes/pve1/tasks" && n < 3:
						return "200 OK", list(old)
					case path == "/nodes/pve1/tasks":
						return "200 OK", list(old, fresh)
					case strings.HasSuffix(path, "/template"):
						return "200 OK", `{"data":null}`
					case strings.Contains(path, "00002C8C"):
						return "200 OK", ended(exit)
					}
					return "500 wrong task", ""
				}).client(t)
				if got := Classify(client.MakeTemplate(t.Context(), "pve1", 101)).Kind; got != kind {
					t.Errorf("got kind %q, want %q", got, kind)
				}
			})
		})
	}
}

func TestMakeTemplateLooksAtTheResultOfATaskThatIsNotFound(t *testing.T) {
	t.Parallel()
	for template, fails := range map[string]bool{"1": false, "0": true} {
		synctest.Test(t, func(t *testing.T) {
			client := script(func(path string, n int) (string, string) {
				switch {
				case strings.HasSuffix(path, "/tasks"):
					return "200 OK", `{"data":[]}`
				case strings.HasSuffix(path, "/config"):
					return "200 OK", `{"data":{"template":` + template + `}}`
				}
				return "200 OK", `{"data":null}`
			}).client(t)
			if err := client.MakeTemplate(t.Context(), "pve1", 101); (err != nil) != fails {
				t.Errorf("template %s: got %v, want failure=%v", template, err, fails)
			}
		})
	}
}

func TestBackupOfContainersThatMovedAwayIsNoSuccess(t *testing.T) {
	t.Parallel()
	client := script(func(string, int) (string, string) { return "200 OK", `{"data":"OK"}` }).client(t)
	u, err := client.Backup(t.Context(), "pve1", BackupRequest{VMIDs: []int{101, 102}, Storage: "local"})
	if u != "" || !errors.Is(err, ErrNotOnNode) || Classify(err).Kind != KindNoContainer {
		t.Errorf("got %q, %v, want ErrNotOnNode", u, err)
	}
}
