package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/live"
	"berth/internal/store"
	"berth/internal/web/ui"
)

// jobRow is a job in a list.
type jobRow struct {
	ID, Title, Actor, Source, Message string
	Href                              templ.SafeURL
	State                             statusView
	CreatedAt, StartedAt, EndedAt     time.Time
	Duration                          string // empty while it runs
	Step                              string
	Progress                          string
	Now                               time.Time
}

// jobPage is one job with its steps, and the jobs that are parts of it.
type jobPage struct {
	jobRow
	Steps     []stepRow
	Parts     []jobRow
	Ref       string
	CanCancel bool
	CanRetry  bool
	CancelBy  string
}

type stepRow struct {
	Name, Icon, Class, Duration string
}

const jobsShown = 100

func newJobRow(j berth.Job, now time.Time) jobRow {
	row := jobRow{ID: j.ID, Title: j.Title, Actor: j.Actor, Source: j.Source, Message: j.Message, Step: j.Step, Now: now,
		Href: templ.SafeURL("/jobs/" + j.ID), State: jobState(j.State), CreatedAt: j.CreatedAt, StartedAt: j.StartedAt, EndedAt: j.EndedAt}
	if j.Ended() && !j.StartedAt.IsZero() {
		row.Duration = duration(j.EndedAt.Sub(j.StartedAt))
	}
	if j.Total > 0 && !j.Ended() {
		row.Progress = fmt.Sprintf("%d of %d", j.Done, j.Total)
	}
	return row
}

func jobState(s berth.JobState) statusView {
	switch s {
	case berth.JobRunning:
		return statusView{Name: "running", Class: "tone-creating", Icon: "loader-circle", Pulse: true}
	case berth.JobSucceeded:
		return statusView{Name: "done", Class: "tone-running", Icon: "circle-check"}
	case berth.JobFailed:
		return statusView{Name: "failed", Class: "tone-error", Icon: "circle-x"}
	case berth.JobCancelled:
		return statusView{Name: "cancelled", Class: "tone-stopped", Icon: "circle-x"}
	default:
		return statusView{Name: "queued", Class: "tone-stopped", Icon: "clock"}
	}
}

// duration says how long something took: "0.4 s", "12 s", "3 min 4 s".
func duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
}

func (s *Server) jobRows(ctx context.Context, by berth.Actor) ([]jobRow, error) {
	jobs, err := s.actions.Jobs(ctx, by, store.JobFilter{}, jobsShown)
	if err != nil {
		return nil, err
	}
	rows := make([]jobRow, 0, len(jobs))
	for _, j := range jobs {
		rows = append(rows, newJobRow(j, s.now()))
	}
	return rows, nil
}

// getJobs lists running and recent work.
func (s *Server) getJobs(w http.ResponseWriter, r *http.Request) error {
	rows, err := s.jobRows(r.Context(), actorOf(r))
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, jobsPage(s.frame(r, "Jobs", ui.Jobs), rows))
}

// getJobsLive keeps the list of jobs current.
func (s *Server) getJobsLive(w http.ResponseWriter, r *http.Request) error {
	return s.follow(w, r, func(ctx context.Context) (id, html string, err error) {
		rows, err := s.jobRows(ctx, actorOf(r))
		if err != nil {
			return "", "", err
		}
		html, err = toHTML(partialOf("#jobs", jobList(rows)))
		return "", html, err
	})
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
	parts, err := s.actions.Parts(ctx, by, id)
	if err != nil {
		return jobPage{}, err
	}
	p := jobPage{jobRow: newJobRow(j, s.now()), Ref: j.Ref, CanCancel: s.actions.MayCancel(by, &j) && !j.Ended() && j.CancelBy == "", CancelBy: j.CancelBy,
		CanRetry: s.actions.MayCancel(by, &j) && (j.State == berth.JobFailed || j.State == berth.JobCancelled)}
	for _, step := range steps {
		p.Steps = append(p.Steps, newStepRow(step, j))
	}
	for _, part := range parts {
		p.Parts = append(p.Parts, newJobRow(part, s.now()))
	}
	return p, nil
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
	return s.follow(w, r, func(ctx context.Context) (last, html string, err error) {
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
		html, err = toHTML(jobUpdate(p, lines))
		return strconv.Itoa(seen), html, err
	})
}

// follow streams what render gives, each time something about jobs changes and it gives something else, until the browser
// has gone or the server closes.
func (s *Server) follow(w http.ResponseWriter, r *http.Request, render func(context.Context) (id, html string, err error)) error {
	news := s.hub.Subscribe(live.Jobs)
	defer news.Close()
	beat := time.NewTicker(s.beat)
	defer beat.Stop()
	out := startStream(w, r)
	sent := ""
	for {
		id, html, err := render(r.Context())
		if err != nil {
			return err
		}
		if html != sent {
			out.send(newUpdate(id, html))
			sent = html
		}
		if out.flush() != nil {
			return nil
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.closing.Done():
			return nil
		case <-beat.C:
			out.send(newMessage("", ": still here\n\n"))
			if s.auth.Check(r.Context(), whoIs(r)) != nil {
				return nil
			}
		case <-news.News():
		}
	}
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

// jobsOf chooses the jobs that a user asked for.
func jobsOf(user string) store.JobFilter { return store.JobFilter{Actor: user} }

func lastLine(lines []berth.JobLine) string {
	if len(lines) == 0 {
		return "0"
	}
	return strconv.Itoa(lines[len(lines)-1].Number)
}
