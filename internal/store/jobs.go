package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"berth"
	"berth/internal/store/sqlc"
)

// ErrFenced says that a worker's job is not its own any more: it has ended, or was given to another worker.
var ErrFenced = errors.New("the job belongs to another worker or has ended")

// AddJob adds a queued job and returns it with id, state and time set. Returns Conflict if another job holds its subject;
// the message names that job and who started it.
func (tx *Tx) AddJob(ctx context.Context, j berth.Job) (berth.Job, error) {
	now := millis(tx.store.now())
	j.ID, j.State, j.CreatedAt = newID(), berth.JobQueued, fromMillis(now)
	rows, err := tx.q.AddJob(ctx, sqlc.AddJobParams{
		ID: j.ID, Kind: j.Kind, Action: j.Action, Subject: j.Subject, Title: j.Title, Args: j.Args, ParentID: j.ParentID,
		Actor: j.Actor, ActorID: j.ActorID, Source: j.Source, Total: int64(j.Total), CreatedAt: now,
	})
	if err != nil {
		return berth.Job{}, err
	}
	if rows == 0 {
		return berth.Job{}, tx.heldError(ctx, j.Subject)
	}
	return j, tx.q.BumpRevision(ctx, topicJobs)
}

func (tx *Tx) heldError(ctx context.Context, subject string) error {
	holder, err := tx.q.HolderOf(ctx, subject)
	if errors.Is(err, sql.ErrNoRows) {
		return berth.Errorf(berth.Conflict, "Another job worked on this a moment ago: look again and repeat.")
	}
	if err != nil {
		return err
	}
	return berth.Errorf(berth.Conflict, "“%s” is under way, started by %s: wait for its end or cancel it.", holder.Title, holder.Actor)
}

// ClaimJob makes worker the one who works on a job, and gives the job and the fence that the
// worker's writes must name. Returns ErrFenced if the job has ended or another worker has it.
func (s *Store) ClaimJob(ctx context.Context, id, worker string) (j berth.Job, fence int64, err error) {
	err = s.change(ctx, "claim job "+id, func(q *sqlc.Queries) error {
		now := millis(s.now())
		row, err := q.ClaimJob(ctx, sqlc.ClaimJobParams{ID: id, Worker: worker, Now: now, StartedAt: sql.NullInt64{Int64: now, Valid: true}})
		if errors.Is(err, sql.ErrNoRows) {
			return ErrFenced
		}
		if err != nil {
			return err
		}
		j, fence = jobOf(row), row.Fence
		return q.BumpRevision(ctx, topicJobs)
	})
	return j, fence, err
}

// HoldJob is the worker's sign of life, and makes sure that what else the transaction does is the work of the job's only
// worker. It tells who asked to cancel the job, if anybody. Returns ErrFenced if the job is not the worker's any more.
func (tx *Tx) HoldJob(ctx context.Context, id string, fence int64) (cancelBy string, err error) {
	row, err := tx.q.HoldJob(ctx, sqlc.HoldJobParams{ID: id, Fence: fence, Now: millis(tx.store.now())})
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrFenced
	}
	return row.CancelBy, err
}

// SaveCheckpoint keeps what the job needs for going on after a crash, and the task outside Berth that it waits for.
func (tx *Tx) SaveCheckpoint(ctx context.Context, id, checkpoint, ref string) error {
	return tx.q.SetCheckpoint(ctx, sqlc.SetCheckpointParams{ID: id, Checkpoint: checkpoint, Ref: ref})
}

// StartStep ends the step before and begins the n-th one.
func (tx *Tx) StartStep(ctx context.Context, id string, n int, name string) error {
	now := millis(tx.store.now())
	if err := tx.q.EndSteps(ctx, sqlc.EndStepsParams{JobID: id, EndedAt: sql.NullInt64{Int64: now, Valid: true}}); err != nil {
		return err
	}
	if err := tx.q.StartStep(ctx, sqlc.StartStepParams{JobID: id, N: int64(n), Name: name, StartedAt: now}); err != nil {
		return err
	}
	return tx.q.SetStep(ctx, sqlc.SetStepParams{ID: id, Step: name})
}

// EndStep ends the step that is under way.
func (tx *Tx) EndStep(ctx context.Context, id string) error {
	return tx.q.EndSteps(ctx, sqlc.EndStepsParams{JobID: id, EndedAt: sql.NullInt64{Int64: millis(tx.store.now()), Valid: true}})
}

// SetProgress notes how much of the work is done.
func (tx *Tx) SetProgress(ctx context.Context, id string, done, total int) error {
	return tx.q.SetProgress(ctx, sqlc.SetProgressParams{ID: id, Done: int64(done), Total: int64(total)})
}

// AddJobLines adds lines to the job's log after the first n.
func (tx *Tx) AddJobLines(ctx context.Context, id string, n int, lines []string) error {
	now := millis(tx.store.now())
	for i, text := range lines {
		err := tx.q.AddJobLine(ctx, sqlc.AddJobLineParams{JobID: id, N: int64(n + i + 1), At: now, Text: text})
		if err != nil {
			return err
		}
	}
	return nil
}

// EndJob makes the job final and frees its subject. Returns ErrFenced if it is over already.
func (tx *Tx) EndJob(ctx context.Context, id string, state berth.JobState, message string) (berth.Job, error) {
	at := sql.NullInt64{Int64: millis(tx.store.now()), Valid: true}
	row, err := tx.q.EndJob(ctx, sqlc.EndJobParams{ID: id, State: string(state), Message: message, EndedAt: at})
	if errors.Is(err, sql.ErrNoRows) {
		return berth.Job{}, ErrFenced
	}
	if err != nil {
		return berth.Job{}, err
	}
	return jobOf(row), tx.q.BumpRevision(ctx, topicJobs)
}

// ReleaseJob gives the job back, for whoever claims it at the given time. Returns ErrFenced if it is not the worker's any more.
func (tx *Tx) ReleaseJob(ctx context.Context, id string, fence int64, again time.Time) error {
	rows, err := tx.q.ReleaseJob(ctx, sqlc.ReleaseJobParams{ID: id, Fence: fence, AgainAt: millis(again)})
	if err == nil && rows == 0 {
		return ErrFenced
	}
	return err
}

// AdoptJobs takes jobs away from workers that gave no sign of life for the time silent, and finds those that nobody has
// claimed for the time lost. It gives their ids.
func (tx *Tx) AdoptJobs(ctx context.Context, silent, lost time.Duration) ([]string, error) {
	now := tx.store.now()
	return tx.q.AdoptJobs(ctx, sqlc.AdoptJobsParams{Now: millis(now), SilentSince: millis(now.Add(-silent)), LostSince: millis(now.Add(-lost))})
}

// RequestCancel notes who wants the job to end early, the first one if several do. claimed tells whether a worker has it.
// Returns Conflict if it is over already.
func (tx *Tx) RequestCancel(ctx context.Context, id, by string) (j berth.Job, claimed bool, err error) {
	at := sql.NullInt64{Int64: millis(tx.store.now()), Valid: true}
	row, err := tx.q.RequestCancel(ctx, sqlc.RequestCancelParams{ID: id, CancelBy: by, CancelAt: at})
	if errors.Is(err, sql.ErrNoRows) {
		return j, false, berth.Errorf(berth.Conflict, "This job is over already.")
	}
	if err != nil {
		return j, false, err
	}
	return jobOf(row), row.Worker != "", tx.q.BumpRevision(ctx, topicJobs)
}

// topicJobs is the revision that changes when a job begins, is taken up, or ends.
const topicJobs = "jobs"

// JobsRevision gives a number that grows whenever any process adds, takes up or ends a job. It is cheap to ask.
func (s *Store) JobsRevision(ctx context.Context) (int64, error) {
	n, err := s.look().Revision(ctx, topicJobs)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil // there was never a job
	}
	return n, explain("read the revision of the jobs", err)
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
