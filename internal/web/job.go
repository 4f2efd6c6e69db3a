package web

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/live"
	"berth/internal/web/ui"
)

// jobPage is one job with its steps, and what comes of a bulk action for each of its containers.
type jobPage struct {
	jobRow
	Steps     []stepRow
	Parts     *partsView // nil: no bulk action
	Refs      []string   // tasks of Proxmox
	CanCancel bool
	CanRetry  bool
	Retry     string        // what the button says
	Change    templ.SafeURL // the form with the values of a creation that made nothing; empty: it is none
	CleanUp   string        // the dialog that removes what a creation has left; empty: there is nothing
	Since     *pendingView  // what is done now about what the creation has left
	CancelBy  string
}

type stepRow struct {
	Name, Icon, Class, Duration string
}

func (s *Server) readJob(ctx context.Context, by berth.Actor, id string) (jobPage, error) {
	j, err := s.actions.Job(ctx, by, id)
	if err != nil {
		return jobPage{}, err
	}
	steps, err := s.store.JobSteps(ctx, id)
	if err != nil {
		return jobPage{}, err
	}
	p := jobPage{jobRow: newJobRow(j, s.now()), Refs: strings.Fields(j.Ref), CanCancel: s.actions.MayCancel(by, &j) && !j.Ended() && j.CancelBy == "", CancelBy: j.CancelBy,
		CanRetry: s.actions.MayRetry(by, &j), Retry: "Try again"}
	for _, step := range steps {
		p.Steps = append(p.Steps, newStepRow(step, j))
	}
	if j.Action == string(berth.ActionCreate) && p.CanRetry {
		if err := s.offerAfterCreation(ctx, by, &p, &j); err != nil {
			return jobPage{}, err
		}
	}
	outcomes, err := s.actions.BulkOutcomes(ctx, by, j)
	if berth.CodeOf(err) == berth.Invalid {
		return p, nil // it is about one container
	}
	p.Parts, p.Retry = newPartsView(s.fleet.Snapshot().For(by.Access), outcomes, j), "Retry failed"
	return p, err
}

// offerAfterCreation adds to the page of a creation that failed what else can be done than trying it again, as long as it is
// the last word about the container.
func (s *Server) offerAfterCreation(ctx context.Context, by berth.Actor, p *jobPage, j *berth.Job) error {
	creation, err := s.actions.Creation(ctx, by, j.ID)
	if err != nil {
		return err
	}
	if !creation.Made {
		p.Change = templ.SafeURL("/containers/new?again=" + j.ID)
	}
	cluster, vmid, ok := splitKey(j.Subject)
	c, found := s.fleet.Snapshot().For(by.Access).Find(cluster, vmid)
	o, err := offerNamed(string(berth.ActionCleanUp))
	if err != nil || !ok || !found || !o.suits(c) {
		return err
	}
	if p.Since = newPendingView(c); p.Since == nil {
		p.CleanUp = o.url(c)
	}
	return nil
}

func newStepRow(step berth.JobStep, j berth.Job) stepRow {
	switch {
	case !step.EndedAt.IsZero():
		return stepRow{Name: step.Name, Icon: "circle-check", Class: "tone-running", Duration: duration(step.EndedAt.Sub(step.StartedAt))}
	case j.State == berth.JobFailed || j.State == berth.JobCancelled:
		return stepRow{Name: step.Name, Icon: "circle-x", Class: "tone-error"}
	default:
		return stepRow{Name: step.Name, Icon: "loader-circle", Class: "tone-creating"}
	}
}

// getJob shows one job.
func (s *Server) getJob(w http.ResponseWriter, r *http.Request) error {
	p, err := s.readJob(r.Context(), actorOf(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	lines, err := s.store.JobLines(r.Context(), p.ID, 0, logShown)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, jobView(s.frame(r, p.Title, ui.Jobs), p, lines))
}

const logShown = 5000 // lines of a log on a page

// getJobLive keeps the page of one job current: its head as a whole, its log line by line. The id of a message is the
// number of the last line that the page has.
func (s *Server) getJobLive(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	seen, err := strconv.Atoi(cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("seen"), "0"))
	if err != nil {
		return berth.Errorf(berth.Invalid, "“seen” is not a number of lines.")
	}
	if _, err := s.actions.Job(r.Context(), actorOf(r), id); err != nil {
		return err
	}
	shown := shownParts{}
	return s.follow(w, r, s.hub.Subscribe(live.Jobs), func(ctx context.Context) (last, html string, err error) {
		p, err := s.readJob(ctx, actorOf(r), id)
		if err != nil {
			return "", "", err
		}
		lines, err := s.store.JobLines(ctx, id, seen, logShown)
		if err != nil {
			return "", "", err
		}
		if len(lines) > 0 {
			seen = lines[len(lines)-1].Number
		}
		html, err = shown.update(p, lines)
		return strconv.Itoa(seen), html, err
	})
}

// postCancel asks to end a job.
func (s *Server) postCancel(w http.ResponseWriter, r *http.Request) error {
	if err := s.actions.Cancel(r.Context(), actorOf(r), r.PathValue("id")); err != nil {
		return err
	}
	return goBack(w, r)
}

// postRetry asks again for what a job did not do, and shows the new job.
func (s *Server) postRetry(w http.ResponseWriter, r *http.Request) error {
	job, err := s.actions.Retry(r.Context(), actorOf(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/jobs/"+job.ID, http.StatusSeeOther)
	return nil
}

func lastLine(lines []berth.JobLine) string {
	if len(lines) == 0 {
		return "0"
	}
	return strconv.Itoa(lines[len(lines)-1].Number)
}
