package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/internal/jobs"
	"berth/internal/pve"
)

const (
	firstLook    = 200 * time.Millisecond
	longestLook  = time.Second
	looksPerTime = 10 // the pause between two looks at a task is this part of the time it has taken
	quickLook    = 150 * time.Millisecond
	mostLogLines = 2000        // of a task that are kept
	logEvery     = time.Second // reads of a running task's log, at most
	abortTimeout = 15 * time.Second
)

// await waits until the task has ended, and keeps its log as it grows. The end of the log of a task that went well is left
// to the step after it.
func (w *worker) await(ctx context.Context, name string, t *task) error {
	limit := w.taskLimit(name)
	status, err := w.untilEnd(ctx, t, limit)
	switch {
	case errors.Is(context.Cause(ctx), jobs.ErrCancelled):
		return w.abort(ctx, t)
	case err != nil:
		failure, told := errors.AsType[*jobs.Failure](w.explain(ctx, err))
		if !told {
			return err
		}
		return w.leave(ctx, t, err, "%s Proxmox's task may go on at node %s.", sentence(failure.Message), t.UPID.Node())
	case status.Running():
		return w.leave(ctx, t, nil, "Proxmox's task did not end within %s. It goes on at node %s.", limit.Round(time.Second), t.UPID.Node())
	}
	if err := status.Err(); w.needless(err) != "" {
		t.Needless = w.needless(err)
		return w.save(ctx)
	} else if err != nil {
		return err
	}
	if w.kept.HA {
		return w.awaitHA(ctx, t, limit)
	}
	return nil
}

// leave ends the job before its task, whose end gets an entry of its own in the history.
func (w *worker) leave(ctx context.Context, t *task, cause error, format string, args ...any) error {
	t.Left = true
	if err := w.save(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	upid := t.UPID
	w.tell(context.WithoutCancel(ctx), func(p *poller) { p.tasks.left[upid] = true })
	return jobs.Fail(cause, format, args...)
}

// awaitHA waits for the HA manager, which the task has only asked.
func (w *worker) awaitHA(ctx context.Context, t *task, limit time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := w.client.Wait(limited, t.UPID)
	if ctx.Err() == nil && limited.Err() != nil {
		return jobs.Fail(err, "The HA manager was asked, but has not done it within %s.", limit.Round(time.Second))
	}
	return err
}

// untilEnd looks at the task until it has ended, or the limit is over, which is no error. A node that is away only delays it.
func (w *worker) untilEnd(ctx context.Context, t *task, limit time.Duration) (pve.TaskStatus, error) {
	started, reached, logged := time.Now(), time.Now(), time.Now()
	for {
		w.reconnect()
		status, err := w.client.TaskStatus(ctx, t.UPID)
		unknown := pve.Classify(err).Kind == pve.KindNotFound && time.Since(started) < w.actions.patience.Appear
		switch {
		case ctx.Err() != nil:
			return status, context.Cause(ctx)
		case err == nil:
			reached = time.Now()
		case !unknown && (!away(err) || time.Since(reached) > w.actions.patience.Outage):
			return status, err
		}
		over := err == nil && (!status.Running() || time.Since(started) > limit)
		if err == nil && (over && (status.Running() || status.Err() != nil) || time.Since(logged) > logEvery) {
			if err := w.keepLog(ctx, t); err != nil {
				return status, err
			}
			logged = time.Now()
		}
		if over {
			return status, nil
		}
		if err := pause(ctx, min(max(time.Since(started)/looksPerTime, quickLook), longestLook)); err != nil {
			return status, err
		}
	}
}

// keepLog adds the task's new lines to the job's log. A log that cannot be read now is no reason to fail.
func (w *worker) keepLog(ctx context.Context, t *task) error {
	have := w.Lines() - t.FirstLine
	if t.UPID == "" || have >= mostLogLines {
		return nil
	}
	lines, err := w.client.TaskLog(ctx, t.UPID, have, mostLogLines-have)
	if err != nil {
		w.actions.fleet.log.Debug("cannot read the log of a task", "upid", t.UPID, "error", err)
	}
	texts := make([]string, len(lines))
	for i := range lines {
		texts[i] = lines[i].Text
	}
	return w.Log(ctx, texts...)
}

// abandon clears up what a worker before began of a job that was cancelled since.
func (w *worker) abandon(ctx context.Context) error {
	for name, t := range w.kept.Tasks {
		if t.Asked && t.UPID == "" && t.Needless == "" && len(t.Kinds) > 0 {
			return w.abortLost(ctx, order{name: name}, t)
		}
	}
	if begun := w.begun(); len(begun) > 0 {
		return w.abort(ctx, begun[len(begun)-1])
	}
	return context.Cause(ctx)
}

// abort ends the task of a cancelled job.
func (w *worker) abort(ctx context.Context, t *task) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	w.reconnect()
	if err := w.client.Abort(ctx, t.UPID); err != nil {
		return w.leave(ctx, t, err, "Proxmox's task could not be aborted and goes on at node %s: %s", t.UPID.Node(), plainProblem(err))
	}
	status, err := w.untilEnd(ctx, t, abortTimeout)
	w.tell(ctx, func(p *poller) { p.followContainer(w.VMID) })
	switch {
	case err != nil || status.Running():
		return w.leave(ctx, t, err, "Proxmox was asked to abort its task.")
	case status.Err() == nil:
		return jobs.Fail(nil, "Proxmox's task had ended already.")
	}
	return jobs.Fail(nil, "Proxmox's task was aborted.")
}

// abortLost ends the task of a cancelled job whose order was not answered.
func (w *worker) abortLost(ctx context.Context, o order, t *task) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.actions.patience.Appear+w.actions.patience.Outage+callTimeout)
	defer cancel()
	found, err := w.regain(within, o, t)
	switch {
	case t.UPID != "":
		return w.abort(ctx, t)
	case err != nil:
		return jobs.Fail(err, "Proxmox was asked to %s, and it is not known whether it does.", o.name)
	case found:
		return jobs.Fail(nil, "It was done already.")
	}
	return context.Cause(ctx)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait: %w", context.Cause(ctx))
	}
}
