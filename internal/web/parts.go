package web

import (
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/fleet"
)

// partsView is what comes of a bulk action for each of its containers.
type partsView struct {
	Counts []partCount
	Rows   []partRow
	More   int // how many are not shown
}

// partCount is how many containers share an outcome.
type partCount struct {
	State statusView
	Count int
}

// partRow is one container of a bulk action.
type partRow struct {
	DOMID, Name, Message, Duration string
	State                          statusView
	Container, Job                 templ.SafeURL // empty: none
}

const mostParts = 2000 // shown on a page

// partStates is every outcome, in the order in which they are counted.
var partStates = []statusView{
	{Name: "done", Class: "tone-running", Icon: "circle-check"}, {Name: "running", Class: "tone-creating", Icon: "loader-circle"},
	{Name: "queued", Class: "tone-stopped", Icon: "clock"}, {Name: "failed", Class: "tone-error", Icon: "circle-x"},
	{Name: "refused", Class: "tone-unknown", Icon: "triangle-alert"}, {Name: "cancelled", Class: "tone-stopped", Icon: "circle-x"},
}

func newPartsView(snapshot *fleet.Snapshot, outcomes []fleet.BulkOutcome, j berth.Job) *partsView {
	v := &partsView{}
	counts := map[string]int{}
	for i := range outcomes {
		row := newPartRow(snapshot, &outcomes[i], j.Ended())
		counts[row.State.Name]++
		if i < mostParts {
			v.Rows = append(v.Rows, row)
		}
	}
	v.More = len(outcomes) - len(v.Rows)
	for _, state := range partStates {
		v.Counts = append(v.Counts, partCount{State: state, Count: counts[state.Name]})
	}
	return v
}

func newPartRow(snapshot *fleet.Snapshot, o *fleet.BulkOutcome, over bool) partRow {
	row := partRow{Name: o.Key, DOMID: "part-" + strings.ReplaceAll(o.Key, "/", "-"), Container: keyPath(o.Key), Message: o.Refused}
	if cluster, vmid, ok := splitKey(o.Key); ok {
		if c, found := snapshot.Find(cluster, vmid); found {
			row.Name = hostname(c) + " (" + strconv.Itoa(vmid) + ")"
		}
	}
	switch {
	case o.Job != nil:
		row.State = jobState(o.Job.State)
		row.Job = templ.SafeURL("/jobs/" + o.Job.ID)
		if o.Job.Ended() {
			row.Message = o.Job.Message
		}
		if o.Job.Ended() && !o.Job.StartedAt.IsZero() {
			row.Duration = duration(o.Job.EndedAt.Sub(o.Job.StartedAt))
		}
	case o.Refused != "":
		row.State = partState("refused")
	case over:
		row.State = partState("cancelled")
	default:
		row.State = partState("queued")
	}
	return row
}

func partState(name string) statusView {
	for _, state := range partStates {
		if state.Name == name {
			return state
		}
	}
	return statusView{Name: name}
}

// shownParts is what a page shows of each container of a bulk action, so that only what changed is sent.
type shownParts map[string]string // HTML by id of the element

// update brings a page up to date; it is empty if nothing has changed.
func (shown shownParts) update(p jobPage, lines []berth.JobLine) (string, error) {
	html, err := toHTML(jobUpdate(p, lines))
	if err != nil || p.Parts == nil {
		return html, err
	}
	var b strings.Builder
	b.WriteString(html)
	for _, row := range p.Parts.Rows {
		html, err := toHTML(partLine(row))
		if err != nil {
			return "", err
		}
		if shown[row.DOMID] != html {
			shown[row.DOMID] = html
			writePartial(&b, "#"+row.DOMID, morph, html)
		}
	}
	return b.String(), nil
}

// partChoices are which containers of a bulk action can be shown.
var partChoices = []struct{ Name, Text string }{{"all", "All"}, {"open", "Under way"}, {"bad", "Failed or refused"}, {"done", "Done"}}
