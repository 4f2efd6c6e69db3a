package web

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth"
	"berth/internal/fleet"
)

// That there is no backup is only said when all of them are known.
func TestTheHeadOnlyWarnsOfNoBackupWhenThatIsCertain(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, test := range []struct {
		what string
		last fleet.LastBackup
		says string
		asks bool // again soon
	}{
		{"one is known", fleet.LastBackup{At: now.Add(-72 * time.Hour)}, "3 days ago", false},
		{"one is known, and others may not be", fleet.LastBackup{At: now.Add(-72 * time.Hour), Unseen: "The token lacks it."}, "3 days ago", false},
		{"there is none", fleet.LastBackup{}, "No backup", false},
		{"they may not be seen", fleet.LastBackup{Unseen: "The token lacks it."}, "Backups not known", false},
		{"they are being read", fleet.LastBackup{Unseen: "They are being read.", Soon: true}, "Looking for backups", true},
	} {
		d := &fleet.Detail{Container: &berth.Container{Cluster: "home", VMID: 101}, LastBackup: test.last}
		html, err := toHTML(lastBackup(newLastBackupView(d, now)))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(html, test.says) || strings.Contains(html, "No backup") != (test.says == "No backup") || strings.Contains(html, `aria-busy="true"`) != test.asks {
			t.Errorf("%s: %s, want %q", test.what, html, test.says)
		}
	}
}

func TestWhatTheTokenMayNotChangeIsClosedWithTheReason(t *testing.T) {
	t.Parallel()
	c := &berth.Container{Cluster: "home", VMID: 101, Live: berth.LiveRunning, Lacks: []string{"VM.Config.Memory"}}
	form := newEditForm(c, &berth.ConfigVersion{Values: map[string]string{"memory": "512", "net0": "name=eth0", "mp0": "/srv,mp=/srv", "unprivileged": "1"}})
	closed, waits := map[string]string{}, []string{}
	for _, k := range form.Keys {
		if k.Closed != "" {
			closed[k.Key] = k.Closed
		} else if k.Restart {
			waits = append(waits, k.Key)
		}
	}
	want := map[string]string{"memory": "Berth's API token lacks VM.Config.Memory on /vms/101.", "swap": "Berth's API token lacks VM.Config.Memory on /vms/101.",
		"hookscript": "Only root@pam may change it; no API token can.", "mp0": "Only root@pam may mount directories and devices of the node; no API token can."}
	if diff := cmp.Diff(want, closed); diff != "" {
		t.Errorf("closed -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"nameserver", "searchdomain", "features"}, waits); diff != "" {
		t.Errorf("what waits for a restart -want +got:\n%s", diff)
	}
}

func TestOnlyWhatWasChangedInTheDialogIsChanged(t *testing.T) {
	t.Parallel()
	form := url.Values{"was.memory": {"512"}, "set.memory": {" 1024 "}, "was.swap": {"512"}, "set.swap": {"512"}, "was.tags": {"a"}, "set.tags": {""},
		"was.description": {"two\nlines\n"}, "set.description": {"two\r\nlines"}, "was.hookscript": {"local:snippets/x"}}
	change, was := editedIn(form)
	if diff := cmp.Diff(berth.ConfigChange{Set: map[string]string{"memory": "1024"}, Unset: []string{"tags"}}, change); diff != "" {
		t.Errorf("change -want +got:\n%s", diff)
	}
	theirs := changedSince(was, map[string]string{"memory": "512", "swap": "777", "tags": "a", "description": "two\nlines\n", "hookscript": "local:snippets/x", "timezone": "host"})
	if diff := cmp.Diff([]fleet.PendingChange{{Key: "swap", Now: "512", Then: "777"}}, theirs); diff != "" {
		t.Errorf("what others changed -want +got:\n%s", diff)
	}
}

// The dialogs are made of what the server offers: nodes that are not possible are shown with the reason, what was chosen
// before stays, and where there is nothing to choose it is said.
func TestFieldsOfAMove(t *testing.T) {
	t.Parallel()
	nodes := []berth.NodeChoice{{Name: "pve1", Own: true, Refusal: "It is there."}, {Name: "pve2", Refusal: "pve2 is offline."},
		{Name: "pve3", Keep: true, Storages: []berth.StorageChoice{{Name: "nas", Type: "nfs", FreeBytes: 1 << 40}}}, {Name: "pve4", Storages: []berth.StorageChoice{{Name: "tank"}}}}
	ask := &orderAsk{container: &berth.Container{Live: berth.LiveRunning}, choices: berth.OrderChoices{Nodes: nodes}, query: url.Values{}}
	fields := migrateFields(ask)
	if ask.refusal != "" || fields[0].Value != "pve3" || fields[0].Choices[1].Refusal != "pve2 is offline." || fields[1].Value != "" || fields[2].Value != "restart" {
		t.Errorf("at first: %+v, refusal %q", fields, ask.refusal)
	}
	ask.again, ask.query = true, url.Values{"node": {"pve4"}, "storage": {"nas"}}
	fields = migrateFields(ask)
	storage := fields[1]
	if fields[0].Value != "pve4" || storage.Value != "tank" || !strings.Contains(storage.Help, "pve4 does not have") || slices.ContainsFunc(storage.Choices, func(c choiceText) bool { return c.Value == "" }) {
		t.Errorf("after another node was chosen: %+v", fields)
	}
	ask = &orderAsk{container: ask.container, choices: berth.OrderChoices{Nodes: nodes[:2]}, query: url.Values{}}
	migrateFields(ask)
	if ask.refusal != "There is no node for it: It is there. pve2 is offline." {
		t.Errorf("without a node: %q", ask.refusal)
	}
}
