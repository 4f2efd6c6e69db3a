package web

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/live"
	"berth/internal/store"
	"berth/internal/web/ui"
)

// jobRow is a job, or a task that was started outside Berth, in a list.
type jobRow struct {
	ID, Title, Actor, Source, Message string
	Href                              templ.SafeURL // empty: it has no page
	State                             statusView
	CreatedAt, StartedAt, EndedAt     time.Time
	Duration                          string // empty while it runs
	Step                              string
	Progress                          string
	Now                               time.Time
	Outside                           bool // a task of Proxmox that Berth did not start
	Container                         templ.SafeURL
}

const jobsShown = 100

func newJobRow(j berth.Job, now time.Time) jobRow {
	row := jobRow{ID: j.ID, Title: j.Title, Actor: j.Actor, Source: j.Source, Message: j.Message, Step: j.Step, Now: now,
		Href: templ.SafeURL("/jobs/" + j.ID), State: jobState(j.State), CreatedAt: j.CreatedAt, StartedAt: j.StartedAt, EndedAt: j.EndedAt}
	if j.Ended() && !j.StartedAt.IsZero() {
		row.Duration = duration(j.EndedAt.Sub(j.StartedAt))
	}
	row.Container = keyPath(j.Subject)
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

// jobChoice is which jobs are listed.
type jobChoice string

const (
	allJobs     jobChoice = ""
	myJobs      jobChoice = "mine"
	outsideJobs jobChoice = "elsewhere"
	failedJobs  jobChoice = "failed"
)

// jobsView is the list of jobs, and what it can be narrowed to.
type jobsView struct {
	Choice  jobChoice
	Choices []menuLink
	Rows    []jobRow
	Live    string // address of the stream
	Empty   emptyList
}

var jobChoices = []struct {
	choice     jobChoice
	text, none string
}{
	{allJobs, "All", "No jobs yet"}, {myJobs, "Mine", "No jobs of yours yet"},
	{outsideJobs, "Outside Berth", "Nothing was done outside Berth lately"}, {failedJobs, "Failed", "Nothing failed"},
}

func newJobsView(choice jobChoice, rows []jobRow) jobsView {
	v := jobsView{Choice: choice, Rows: rows, Live: jobsAddress("/jobs/live", choice)}
	for _, c := range jobChoices {
		v.Choices = append(v.Choices, menuLink{Text: c.text, Href: templ.SafeURL(jobsAddress("/jobs", c.choice)), Selected: c.choice == choice})
		if c.choice == choice && len(rows) == 0 {
			v.Empty = emptyList{Icon: "clock", Title: c.none, Text: "What people do to containers shows up here, in Berth and outside it."}
		}
	}
	return v
}

func jobsAddress(path string, choice jobChoice) string {
	if choice == allJobs {
		return path
	}
	return path + "?show=" + string(choice)
}

func parseJobChoice(r *http.Request) (jobChoice, error) {
	choice := jobChoice(r.URL.Query().Get("show"))
	for _, c := range jobChoices {
		if c.choice == choice {
			return choice, nil
		}
	}
	return "", berth.Errorf(berth.Invalid, "“%s” is no choice of jobs; choose mine, elsewhere or failed.", choice)
}

// jobRows lists jobs and tasks, the newest first.
func (s *Server) jobRows(ctx context.Context, choice jobChoice, by berth.Actor) ([]jobRow, error) {
	now := s.now()
	var rows []jobRow
	if choice != outsideJobs {
		filter := store.JobFilter{}
		switch choice {
		case myJobs:
			filter = jobsOf(by.Name)
		case failedJobs:
			filter.State = berth.JobFailed
		}
		jobs, err := s.actions.Jobs(ctx, by, filter, jobsShown)
		if err != nil {
			return nil, err
		}
		for _, j := range jobs {
			rows = append(rows, newJobRow(j, now))
		}
	}
	if choice != myJobs {
		rows = append(rows, outsideRows(s.fleet.Snapshot().For(by.Access), choice == failedJobs, now)...)
	}
	slices.SortStableFunc(rows, func(a, b jobRow) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return rows[:min(len(rows), jobsShown)], nil
}

// getJobs lists running and recent work.
func (s *Server) getJobs(w http.ResponseWriter, r *http.Request) error {
	choice, err := parseJobChoice(r)
	if err != nil {
		return err
	}
	rows, err := s.jobRows(r.Context(), choice, actorOf(r))
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, jobsPage(s.frame(r, "Jobs", ui.Jobs), newJobsView(choice, rows)))
}

// getJobsLive keeps the list of jobs current. Tasks that others start are looked for as often as for the list of containers.
func (s *Server) getJobsLive(w http.ResponseWriter, r *http.Request) error {
	choice, err := parseJobChoice(r)
	if err != nil {
		return err
	}
	watcher := s.fleet.Watch()
	defer watcher.Close()
	return s.follow(w, r, s.hub.Subscribe(live.Jobs, live.Fleet), func(ctx context.Context) (id, html string, err error) {
		rows, err := s.jobRows(ctx, choice, actorOf(r))
		if err != nil {
			return "", "", err
		}
		html, err = toHTML(partialOf("#jobs", jobList(newJobsView(choice, rows))))
		return "", html, err
	})
}

// relativeText finds the ages on a page, which the browser keeps current by itself.
var relativeText = regexp.MustCompile(`(data-relative="[a-z]+">)[^<]*`)

const followGap = 200 * time.Millisecond // least time between two looks at the jobs for one page

// follow streams what render gives, each time there is news and it gives something else, until the browser has gone or the
// server closes. It ends the subscription.
func (s *Server) follow(w http.ResponseWriter, r *http.Request, news *live.Subscription, render func(context.Context) (id, html string, err error)) error {
	defer news.Close()
	beat := time.NewTicker(s.beat)
	defer beat.Stop()
	out := startStream(w, r)
	sent := ""
	for {
		id, html, err := render(r.Context())
		if err != nil {
			return s.brokeOff(r, err)
		}
		if still := relativeText.ReplaceAllString(html, "$1"); still != sent {
			out.send(newUpdate(id, html))
			sent = still
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
			select { // many clusters have much news
			case <-r.Context().Done():
			case <-time.After(followGap):
			}
		}
	}
}

// jobsOf chooses the jobs that a user asked for.
func jobsOf(user string) store.JobFilter { return store.JobFilter{Actor: user} }
