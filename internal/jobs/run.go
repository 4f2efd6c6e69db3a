package jobs

import (
	"context"
	"encoding/json"
	"fmt"

	"berth"
	"berth/internal/store"
)

// Run is a worker's hold on a job. Its writes fail with store.ErrFenced when another worker has taken the job over; give
// that error back. It is for one goroutine.
type Run struct {
	Job berth.Job // as it was when this worker took it up

	jobs       *Jobs
	fence      int64
	checkpoint string
	steps      []berth.JobStep
	lines      int
}

// Args reads what the job was asked to do.
func (r *Run) Args(into any) error {
	if err := json.Unmarshal([]byte(r.Job.Args), into); err != nil {
		return fmt.Errorf("read what job %s is to do: %w", r.Job.ID, err)
	}
	return nil
}

// Checkpoint reads what Save kept; into stays as it is when nothing was kept.
func (r *Run) Checkpoint(into any) error {
	if r.checkpoint == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(r.checkpoint), into); err != nil {
		return fmt.Errorf("read the checkpoint of job %s: %w", r.Job.ID, err)
	}
	return nil
}

// Save keeps what the job needs for going on after a crash, and ref, the name of the work elsewhere that it waits for.
// Call it right before and right after each side effect.
func (r *Run) Save(ctx context.Context, checkpoint any, ref string) error {
	packed, err := json.Marshal(checkpoint)
	if err != nil {
		return err
	}
	err = r.change(ctx, "save job", func(tx *store.Tx) error {
		return tx.SaveCheckpoint(ctx, r.Job.ID, string(packed), ref)
	})
	if err == nil {
		r.checkpoint = string(packed)
	}
	return err
}

// Step does a part of the work under a name that people read, unless it was done before a crash.
func (r *Run) Step(ctx context.Context, name string, do func(ctx context.Context) error) error {
	n := r.stepNumber(name)
	if n <= len(r.steps) && !r.steps[n-1].EndedAt.IsZero() {
		return nil
	}
	if n > len(r.steps) {
		err := r.change(ctx, "begin a step of job", func(tx *store.Tx) error { return tx.StartStep(ctx, r.Job.ID, n, name) })
		if err != nil {
			return err
		}
		r.endSteps()
		r.steps = append(r.steps, berth.JobStep{Name: name})
	}
	return do(ctx)
}

// stepNumber is the number of the step of that name, or of the next one.
func (r *Run) stepNumber(name string) int {
	for i := range r.steps {
		if r.steps[i].Name == name {
			return i + 1
		}
	}
	return len(r.steps) + 1
}

func (r *Run) endSteps() {
	for i := range r.steps {
		r.steps[i].EndedAt = r.Job.CreatedAt // any time tells that it is over
	}
}

// Log adds lines to the job's log.
func (r *Run) Log(ctx context.Context, lines ...string) error {
	if len(lines) == 0 {
		return nil
	}
	err := r.change(ctx, "log for job", func(tx *store.Tx) error { return tx.AddJobLines(ctx, r.Job.ID, r.lines, lines) })
	if err == nil {
		r.lines += len(lines)
	}
	return err
}

// Progress notes how much of the work is done.
func (r *Run) Progress(ctx context.Context, done, total int) error {
	return r.change(ctx, "note the progress of job", func(tx *store.Tx) error { return tx.SetProgress(ctx, r.Job.ID, done, total) })
}

// Change runs f in a transaction that is only committed while the job is this worker's.
func (r *Run) Change(ctx context.Context, f func(tx *store.Tx) error) error {
	return r.change(ctx, "work on job", f)
}

func (r *Run) change(ctx context.Context, what string, f func(tx *store.Tx) error) error {
	err := r.jobs.Change(ctx, what+" "+r.Job.ID, func(tx *store.Tx) error {
		if _, err := tx.HoldJob(ctx, r.Job.ID, r.fence); err != nil {
			return err
		}
		return f(tx)
	})
	return err
}

// Lines is how many lines the job's log has.
func (r *Run) Lines() int { return r.lines }
