package pve

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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
