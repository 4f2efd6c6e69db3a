package pve

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

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
