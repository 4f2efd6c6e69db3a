package pve

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	running = `{"data":{"status":"running","upid":"` + startTask + `"}}`
	stopped = `{"data":{"status":"stopped","exitstatus":%q,"upid":"` + startTask + `"}}`
)

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
