package web

import (
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/fleet"
)

func TestPartsOfBulkActions(t *testing.T) {
	t.Parallel()
	snapshot := &fleet.Snapshot{Clusters: []*fleet.ClusterView{{Cluster: berth.Cluster{Name: "home"}, Containers: []*berth.Container{{Cluster: "home", VMID: 101, Hostname: "web1"}}}}}
	ended := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	failed := berth.Job{ID: "j1", State: berth.JobFailed, Message: "Proxmox says: no.", StartedAt: ended.Add(-2 * time.Second), EndedAt: ended}
	for name, c := range map[string]struct {
		outcome fleet.BulkOutcome
		over    bool
		want    partRow
	}{
		"not begun":      {fleet.BulkOutcome{Key: "home/101"}, false, partRow{Name: "web1 (101)", State: partState("queued")}},
		"never begun":    {fleet.BulkOutcome{Key: "home/101"}, true, partRow{Name: "web1 (101)", State: partState("cancelled")}},
		"refused":        {fleet.BulkOutcome{Key: "home/101", Refused: "web1 is locked."}, false, partRow{Name: "web1 (101)", State: partState("refused"), Message: "web1 is locked."}},
		"failed":         {fleet.BulkOutcome{Key: "home/101", Job: &failed}, false, partRow{Name: "web1 (101)", State: jobState(berth.JobFailed), Message: "Proxmox says: no.", Duration: "2.0 s", Job: "/jobs/j1"}},
		"gone meanwhile": {fleet.BulkOutcome{Key: "home/102", Refused: "gone"}, false, partRow{Name: "home/102", State: partState("refused"), Message: "gone"}},
	} {
		c.want.DOMID, c.want.Container = "part-"+strings.ReplaceAll(c.outcome.Key, "/", "-"), keyPath(c.outcome.Key)
		if got := newPartRow(snapshot, &c.outcome, c.over); got != c.want {
			t.Errorf("%s: got\n%+v, want\n%+v", name, got, c.want)
		}
	}
}

// Only rows that changed are sent again.
func TestOnlyChangedPartsAreSent(t *testing.T) {
	t.Parallel()
	shown := shownParts{}
	p := jobPage{jobRow: jobRow{State: partState("running")}, Parts: &partsView{Rows: []partRow{{DOMID: "part-home-1", State: partState("queued")}, {DOMID: "part-home-2", State: partState("queued")}}}}
	update := func() string {
		html, err := shown.update(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		return html
	}
	if got := update(); !strings.Contains(got, "part-home-1") || !strings.Contains(got, "part-home-2") {
		t.Errorf("the first update lacks a row: %s", got)
	}
	p.Parts.Rows[1].State = partState("done")
	if got := update(); strings.Contains(got, "part-home-1") || !strings.Contains(got, "part-home-2") {
		t.Errorf("want only the second row again: %s", got)
	}
}
