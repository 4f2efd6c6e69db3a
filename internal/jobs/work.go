package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"berth"
	"berth/internal/store"
)

const (
	mostAttempts = 5                // of a job that fails for reasons of ours
	firstRetry   = 2 * time.Second  // then twice as long each time
	endTimeout   = 10 * time.Second // for writing how a job ended while this process stops
)

// Failure is the end of a job that did not do what it was asked to.
type Failure struct {
	Message string // for people
	Err     error  // for the log
}

// Error is the message and the cause.
func (f *Failure) Error() string {
	if f.Err == nil {
		return f.Message
	}
	return f.Message + ": " + f.Err.Error()
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Fail makes the error that ends a job as failed, with a sentence for people; err, if any, is for the log.
func Fail(err error, format string, args ...any) error {
	return &Failure{Message: fmt.Sprintf(format, args...), Err: err}
}

// work is what River calls. An order for a job that is over, or that another worker has, is nothing to do.
func (j *Jobs) work(ctx context.Context, id string) error {
	job, fence, err := j.store.ClaimJob(ctx, id, j.worker)
	if errors.Is(err, store.ErrFenced) {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !j.begin(claim{id, fence}, cancel) {
		cancel(errStopping)
	}
	defer j.finish(claim{id, fence})
	if job.CancelBy != "" {
		cancel(ErrCancelled)
	}
	run := &Run{Job: job, jobs: j, fence: fence, checkpoint: job.Checkpoint}
	working, stopBeating := context.WithCancel(context.WithoutCancel(ctx)) // clearing away what was cancelled is work, too
	beating := j.keepBeating(working, run, cancel)
	message, err := j.attempt(ctx, run)
	cause := context.Cause(ctx)
	stopBeating()
	<-beating
	j.conclude(context.WithoutCancel(ctx), run, message, err, cause)
	return nil
}

// claim is a job that a worker of this process has. One that was silent for too long is taken over, maybe by another worker of
// the same process, before it notices.
type claim struct {
	job   string
	fence int64
}

func (j *Jobs) begin(c claim, cancel context.CancelCauseFunc) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running[c] = cancel
	return !j.stopping
}

func (j *Jobs) finish(c claim) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.running, c)
}

// keepBeating gives signs of life until ctx ends, and calls cancel when the job was cancelled or is another worker's.
func (j *Jobs) keepBeating(ctx context.Context, run *Run, cancel context.CancelCauseFunc) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(j.beat)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			j.beatOnce(ctx, run, cancel)
		}
	}()
	return done
}

func (j *Jobs) beatOnce(ctx context.Context, run *Run, cancel context.CancelCauseFunc) {
	cancelBy := ""
	err := j.store.InTx(ctx, "keep job "+run.Job.ID, func(tx *store.Tx) (err error) {
		cancelBy, err = tx.HoldJob(ctx, run.Job.ID, run.fence)
		return err
	})
	switch {
	case errors.Is(err, store.ErrFenced):
		cancel(store.ErrFenced)
	case err != nil && ctx.Err() == nil:
		j.log.Warn("a job's worker cannot give a sign of life", "job", run.Job.ID, "error", err)
	case cancelBy != "":
		cancel(ErrCancelled)
	}
}

// attempt does the work of the job's kind.
func (j *Jobs) attempt(ctx context.Context, run *Run) (message string, err error) {
	kind, ok := j.kinds[run.Job.Kind]
	if !ok {
		return "", Fail(nil, "This version of Berth does not know jobs of kind %s.", run.Job.Kind)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	loading := context.WithoutCancel(ctx) // a cancelled job must still know what is to be cleared away
	if run.steps, err = j.store.JobSteps(loading, run.Job.ID); err != nil {
		return "", err
	}
	if run.lines, err = j.store.CountJobLines(loading, run.Job.ID); err != nil {
		return "", err
	}
	return kind.Work(ctx, run)
}

// conclude ends the job or gives it back. What cannot be written now is not lost: the job looks as if its worker had
// died, and goes on from its checkpoint later.
func (j *Jobs) conclude(ctx context.Context, run *Run, message string, err, cause error) {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	failure, final := errors.AsType[*Failure](err)
	failed := run.Job.Attempts + 1
	var written error
	switch {
	case errors.Is(err, store.ErrFenced) || errors.Is(cause, store.ErrFenced):
		return
	case err == nil:
		written = j.conclusion(ctx, run, berth.JobSucceeded, message)
	case errors.Is(cause, errStopping) && !final:
		written = j.giveBack(ctx, run, run.Job.Attempts, 0)
	case errors.Is(cause, ErrCancelled):
		written = j.conclusion(ctx, run, berth.JobCancelled, j.cancelWords(ctx, run, failure))
	case final:
		j.log.Warn("job failed", "job", run.Job.ID, "title", run.Job.Title, "error", err)
		written = j.conclusion(ctx, run, berth.JobFailed, failure.Message)
	case failed < mostAttempts:
		j.log.Error("job is tried again", "job", run.Job.ID, "title", run.Job.Title, "attempt", failed, "error", err)
		written = j.giveBack(ctx, run, failed, firstRetry<<(failed-1))
	default:
		j.log.Error("job given up", "job", run.Job.ID, "title", run.Job.Title, "error", err)
		written = j.conclusion(ctx, run, berth.JobFailed, "Something went wrong on our side; the log of Berth says what.")
	}
	if written != nil && !errors.Is(written, store.ErrFenced) {
		j.log.Error("cannot write how a job ended; it goes on later", "job", run.Job.ID, "error", written)
	}
}

func (j *Jobs) conclusion(ctx context.Context, run *Run, state berth.JobState, message string) error {
	return run.change(ctx, "end job", func(tx *store.Tx) error {
		if state == berth.JobSucceeded {
			if err := tx.EndStep(ctx, run.Job.ID); err != nil {
				return err
			}
		}
		return j.end(ctx, tx, run.Job, state, message)
	})
}

// cancelWords says who cancelled the job, and what the worker says of what is left behind.
func (j *Jobs) cancelWords(ctx context.Context, run *Run, failure *Failure) string {
	by := "somebody"
	if job, err := j.store.Job(ctx, run.Job.ID); err == nil && job.CancelBy != "" {
		by = job.CancelBy
	}
	if failure != nil {
		return cancelledMessage(by) + " " + failure.Message
	}
	return cancelledMessage(by)
}

// giveBack lets the next worker take the job up after a while, and so many attempts that failed.
func (j *Jobs) giveBack(ctx context.Context, run *Run, failed int, after time.Duration) error {
	return j.Change(ctx, "give job "+run.Job.ID+" back", func(tx *store.Tx) error {
		if err := tx.ReleaseJob(ctx, run.Job.ID, run.fence, failed, after); err != nil {
			return err
		}
		return j.queue.insert(ctx, tx, time.Now().Add(after), run.Job) // by the clock of River
	})
}
