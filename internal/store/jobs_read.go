package store

import (
	"context"
	"database/sql"
	"math"
	"time"

	"berth"
	"berth/internal/store/sqlc"
)

// topicJobs is the revision that changes when a job begins, is taken up, or ends.
const topicJobs = "jobs"

// JobsRevision gives a number that grows whenever any process adds, takes up or ends a job. It is cheap to ask.
func (s *Store) JobsRevision(ctx context.Context) (int64, error) {
	return s.revision(ctx, topicJobs)
}

// Job gives one job. Returns NotFound if the id is unknown.
func (s *Store) Job(ctx context.Context, id string) (berth.Job, error) {
	row, err := s.look().Job(ctx, id)
	if err != nil {
		return berth.Job{}, explain("read job "+id, missing(err, "There is no such job."))
	}
	return jobOf(row), nil
}

// ActiveJobs lists the jobs that are not over, oldest first.
func (s *Store) ActiveJobs(ctx context.Context) ([]berth.Job, error) {
	rows, err := s.look().ActiveJobs(ctx)
	return jobsOf(rows), explain("list the active jobs", err)
}

// JobFilter says which jobs to give. Empty fields do not filter.
type JobFilter struct {
	Subject string
	State   berth.JobState
	Actor   string
	Before  *berth.Job // only jobs older than this one: the last of the page before
}

// Jobs gives the newest jobs that pass the filter, newest first, at most limit (1 to 1000). Parts of other jobs are left
// out; ChildJobs has them.
func (s *Store) Jobs(ctx context.Context, f JobFilter, limit int) ([]berth.Job, error) {
	olderThan, olderID := int64(math.MaxInt64), ""
	if f.Before != nil {
		olderThan, olderID = millis(f.Before.CreatedAt), f.Before.ID
	}
	rows, err := s.look().Jobs(ctx, sqlc.JobsParams{Subject: f.Subject, State: string(f.State), Actor: f.Actor,
		OlderThan: olderThan, OlderID: olderID, N: int64(max(1, min(limit, maxEvents)))})
	return jobsOf(rows), explain("list jobs", err)
}

// JobsOfSubject gives the newest jobs about one subject, parts of other jobs included, newest first.
func (s *Store) JobsOfSubject(ctx context.Context, subject string, limit int) ([]berth.Job, error) {
	rows, err := s.look().JobsOfSubject(ctx, sqlc.JobsOfSubjectParams{Subject: subject, N: int64(max(1, min(limit, maxEvents)))})
	return jobsOf(rows), explain("list the jobs of "+subject, err)
}

// ChildJobs lists the parts of a job, oldest first.
func (s *Store) ChildJobs(ctx context.Context, parentID string) ([]berth.Job, error) {
	rows, err := s.look().ChildJobs(ctx, parentID)
	return jobsOf(rows), explain("list the parts of job "+parentID, err)
}

// JobSteps lists the steps of a job that were begun, in order.
func (s *Store) JobSteps(ctx context.Context, id string) ([]berth.JobStep, error) {
	rows, err := s.look().JobSteps(ctx, id)
	if err != nil {
		return nil, explain("list the steps of job "+id, err)
	}
	steps := make([]berth.JobStep, len(rows))
	for i, r := range rows {
		steps[i] = berth.JobStep{Name: r.Name, StartedAt: fromMillis(r.StartedAt), EndedAt: fromNullMillis(r.EndedAt)}
	}
	return steps, nil
}

// JobLines gives up to limit lines of a job's log after the first ones.
func (s *Store) JobLines(ctx context.Context, id string, after, limit int) ([]berth.JobLine, error) {
	rows, err := s.look().JobLines(ctx, sqlc.JobLinesParams{JobID: id, After: int64(after), Rows: int64(limit)})
	if err != nil {
		return nil, explain("read the log of job "+id, err)
	}
	lines := make([]berth.JobLine, len(rows))
	for i, r := range rows {
		lines[i] = berth.JobLine{Number: int(r.N), At: fromMillis(r.At), Text: r.Text}
	}
	return lines, nil
}

// CountJobLines tells how many lines a job's log has.
func (s *Store) CountJobLines(ctx context.Context, id string) (int, error) {
	n, err := s.look().CountJobLines(ctx, id)
	return int(n), explain("count the lines of job "+id, err)
}

func jobsOf(rows []sqlc.Job) []berth.Job {
	jobs := make([]berth.Job, len(rows))
	for i, r := range rows {
		jobs[i] = jobOf(r)
	}
	return jobs
}

func jobOf(r sqlc.Job) berth.Job {
	return berth.Job{
		ID: r.ID, Kind: r.Kind, Action: r.Action, Subject: r.Subject, Title: r.Title, Args: r.Args, ParentID: r.ParentID,
		Actor: r.Actor, ActorID: r.ActorID, Source: r.Source, State: berth.JobState(r.State), Step: r.Step,
		Done: int(r.Done), Total: int(r.Total), Checkpoint: r.Checkpoint, Ref: r.Ref, Message: r.Message, Attempts: int(r.Attempts), CancelBy: r.CancelBy,
		CreatedAt: fromMillis(r.CreatedAt), StartedAt: fromNullMillis(r.StartedAt), EndedAt: fromNullMillis(r.EndedAt),
	}
}

func fromNullMillis(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return fromMillis(ms.Int64)
}
