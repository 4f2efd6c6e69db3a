package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"berth"
	"berth/internal/store/sqlc"
)

// ErrFenced says that a worker's job is not its own any more: it has ended, or was given to another worker.
var ErrFenced = errors.New("the job belongs to another worker or has ended")

// AddJob adds a queued job and returns it with state and time set, and an id unless it has one, which is new. Returns Conflict if another job holds its subject;
// the message names that job and who started it.
func (tx *Tx) AddJob(ctx context.Context, j berth.Job) (berth.Job, error) {
	now := millis(tx.store.now())
	j.ID, j.State, j.CreatedAt = cmp.Or(j.ID, newID()), berth.JobQueued, fromMillis(now)
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
	return j, tx.change(topicJobs, nil)
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
	return jobOf(row), tx.change(topicJobs, nil)
}

// ReleaseJob gives the job back after so many attempts that failed, for whoever claims it after a while. Returns ErrFenced if it is not the worker's any more.
func (tx *Tx) ReleaseJob(ctx context.Context, id string, fence int64, attempts int, after time.Duration) error {
	rows, err := tx.q.ReleaseJob(ctx, sqlc.ReleaseJobParams{ID: id, Fence: fence, Attempts: int64(attempts), AgainAt: millis(tx.store.now().Add(after))})
	if err == nil && rows == 0 {
		return ErrFenced
	}
	return err
}

// AdoptJobs takes jobs away from workers that gave no sign of life for the time silent, and finds those that nobody has
// claimed for the time lost. It gives their ids, and of which job they are parts.
func (tx *Tx) AdoptJobs(ctx context.Context, silent, lost time.Duration) ([]berth.Job, error) {
	now := tx.store.now()
	rows, err := tx.q.AdoptJobs(ctx, sqlc.AdoptJobsParams{Now: millis(now), SilentSince: millis(now.Add(-silent)), LostSince: millis(now.Add(-lost))})
	jobs := make([]berth.Job, len(rows))
	for i, r := range rows {
		jobs[i] = berth.Job{ID: r.ID, ParentID: r.ParentID}
	}
	return jobs, err
}

// RequestCancel notes who wants the job to end early, the first one if several do. begun tells whether a worker has it
// or had it, so that something may have to be cleared away. Returns Conflict if it is over already.
func (tx *Tx) RequestCancel(ctx context.Context, id, by string) (j berth.Job, begun bool, err error) {
	at := sql.NullInt64{Int64: millis(tx.store.now()), Valid: true}
	row, err := tx.q.RequestCancel(ctx, sqlc.RequestCancelParams{ID: id, CancelBy: by, CancelAt: at})
	if errors.Is(err, sql.ErrNoRows) {
		return j, false, berth.Errorf(berth.Conflict, "This job is over already.")
	}
	if err != nil {
		return j, false, err
	}
	return jobOf(row), row.Fence > 0, tx.change(topicJobs, nil)
}
