package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/internal/jobs"
	"berth/internal/pve"
)

const (
	postTimeout  = 40 * time.Second // of giving an order, which is not broken off when Berth stops
	firstLook    = 200 * time.Millisecond
	longestLook  = time.Second
	lookGrowth   = 1.1
	mostLogLines = 2000 // of a task that are kept
	abortTimeout = 15 * time.Second
	mostPosts    = 3 // of an order that demonstrably did not arrive
)

// do gives the named order, which starts a task of one of the kinds, and waits for its end. After a crash it goes on with
// the task that there is.
func (w *worker) do(ctx context.Context, name string, kinds []string, post func(context.Context) (pve.UPID, error)) error {
	err := w.Step(ctx, "Ask Proxmox to "+name, func(ctx context.Context) error { return w.give(ctx, w.order(name), kinds, post) })
	if err != nil || w.order(name).Needless != "" {
		return err
	}
	return w.Step(ctx, "Wait for Proxmox to "+name, func(ctx context.Context) error { return w.await(ctx, name, w.order(name)) })
}

// give gives an order once. That it is about to be given is kept first, with the tasks of its kind that there are: should
// the answer get lost, a new one among them is the one that it started.
func (w *worker) give(ctx context.Context, t *task, kinds []string, post func(context.Context) (pve.UPID, error)) (err error) {
	if t.UPID != "" || t.Needless != "" {
		return nil
	}
	lost := t.Asked
	if !t.Asked {
		if t.Known, err = w.tasks(ctx, kinds); err != nil {
			return err
		}
		t.Asked, t.FirstLine = true, w.Lines()
		if err := w.save(ctx); err != nil {
			return err
		}
	}
	for try := 1; ; try++ {
		if lost {
			if t.UPID, err = w.find(ctx, t.Known, kinds); err != nil || t.UPID != "" {
				break
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if t.UPID, err = w.post(ctx, post); !ambiguous(err) || try == mostPosts {
			break
		}
		lost = true
	}
	if why := needless(err); why != "" {
		t.Needless, err = why, nil
	}
	if err != nil {
		return err
	}
	return w.save(context.WithoutCancel(ctx))
}

// post sends the order and waits for the answer even when the job is to end: a task without a name is worse than a delay.
func (w *worker) post(ctx context.Context, post func(context.Context) (pve.UPID, error)) (pve.UPID, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), postTimeout)
	defer cancel()
	return post(ctx)
}

// ambiguous tells that an order may have arrived or not.
func ambiguous(err error) bool {
	switch pve.Classify(err).Kind {
	case pve.KindUnavailable, pve.KindNodeUnreachable, pve.KindCanceled:
		return true
	}
	return false
}

// needless says why an order that was refused, or whose task failed, was not needed.
func needless(err error) string {
	switch pve.Classify(err).Kind {
	case pve.KindAlreadyRunning:
		return "it ran already"
	case pve.KindNotRunning:
		return "it was stopped already"
	}
	return ""
}

// tasks lists the tasks of these kinds about the container that Berth's token started and its node remembers.
func (w *worker) tasks(ctx context.Context, kinds []string) ([]pve.UPID, error) {
	rows, err := w.client.NodeTasks(ctx, w.kept.Node, pve.TaskQuery{Source: "all", VMID: w.VMID})
	if err != nil {
		return nil, err
	}
	var upids []pve.UPID
	for i := range rows {
		u := rows[i].UPID
		if slices.Contains(kinds, u.Type()) && u.User() == w.poller.cluster.TokenID {
			upids = append(upids, u)
		}
	}
	return upids, nil
}

// find looks for the task that a lost order started, for as long as one may take to appear.
func (w *worker) find(ctx context.Context, known []pve.UPID, kinds []string) (pve.UPID, error) {
	deadline := time.Now().Add(w.actions.patience.Appear)
	reached := false
	for {
		upids, err := w.tasks(ctx, kinds)
		for _, u := range upids {
			if !slices.Contains(known, u) {
				return u, nil
			}
		}
		reached = reached || err == nil
		if time.Now().After(deadline) {
			if !reached { // whether there is a task is not known, so nothing may be started
				return "", err
			}
			return "", nil
		}
		if err := pause(ctx, firstLook); err != nil {
			return "", err
		}
	}
}

// await waits until the task has ended, and keeps its log as it grows.
func (w *worker) await(ctx context.Context, name string, t *task) error {
	limit := w.taskLimit(name)
	status, err := w.untilEnd(ctx, t, limit)
	switch {
	case errors.Is(context.Cause(ctx), jobs.ErrCancelled):
		return w.abort(ctx, t)
	case err != nil:
		return err
	case status.Running():
		return jobs.Fail(nil, "Proxmox's task did not end within %s. It goes on at node %s.", limit.Round(time.Second), t.UPID.Node())
	}
	if err := status.Err(); needless(err) != "" {
		t.Needless = needless(err)
		return w.save(ctx)
	} else if err != nil {
		return err
	}
	if w.kept.HA {
		return w.awaitHA(ctx, t, limit)
	}
	return nil
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
	started, reached := time.Now(), time.Now()
	for wait := firstLook; ; wait = min(longestLook, time.Duration(float64(wait)*lookGrowth)) {
		status, err := w.client.TaskStatus(ctx, t.UPID)
		unknown := pve.Classify(err).Kind == pve.KindNotFound && time.Since(started) < w.actions.patience.Appear
		switch {
		case ctx.Err() != nil:
			return status, context.Cause(ctx)
		case err == nil:
			reached = time.Now()
		case !unknown && (!ambiguous(err) || time.Since(reached) > w.actions.patience.Outage):
			return status, err
		}
		if err == nil {
			if err := w.keepLog(ctx, t); err != nil {
				return status, err
			}
			if !status.Running() || time.Since(started) > limit {
				return status, nil
			}
		}
		if err := pause(ctx, wait); err != nil {
			return status, err
		}
	}
}

// keepLog adds the task's new lines to the job's log. A log that cannot be read now is no reason to fail.
func (w *worker) keepLog(ctx context.Context, t *task) error {
	have := w.Lines() - t.FirstLine
	if have >= mostLogLines {
		return nil
	}
	lines, err := w.client.TaskLog(ctx, t.UPID, have, mostLogLines-have)
	if err != nil || len(lines) == 0 {
		return nil
	}
	texts := make([]string, len(lines))
	for i := range lines {
		texts[i] = lines[i].Text
	}
	return w.Log(ctx, texts...)
}

// abort ends the task of a cancelled job.
func (w *worker) abort(ctx context.Context, t *task) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	if err := w.client.Abort(ctx, t.UPID); err != nil {
		return jobs.Fail(err, "Proxmox's task could not be aborted and goes on at node %s: %s", t.UPID.Node(), plainProblem(err))
	}
	status, err := w.untilEnd(ctx, t, abortTimeout)
	if err == nil && !status.Running() && status.Err() == nil {
		w.poller.tell(ctx, func() { w.poller.followContainer(w.VMID) })
		return jobs.Fail(nil, "Proxmox's task had ended already.")
	}
	w.poller.tell(ctx, func() { w.poller.followContainer(w.VMID) })
	return jobs.Fail(err, "Proxmox's task was aborted.")
}

// agree waits until the container itself says that it is as wanted, and shows it.
func (w *worker) agree(ctx context.Context, wanted string) error {
	deadline := time.Now().Add(w.actions.patience.Agree)
	for {
		at := w.actions.fleet.now()
		status, err := w.status(ctx)
		if err == nil {
			w.poller.tell(ctx, func() { w.poller.showStatus(w.VMID, w.kept.Node, status, at) })
			if status.Status == wanted {
				return nil
			}
		}
		if time.Now().After(deadline) {
			if err != nil {
				return err
			}
			return jobs.Fail(nil, "Proxmox's task ended well, but %s is %s.", w.Hostname, status.Status)
		}
		if err != nil && !ambiguous(err) {
			return err
		}
		if err := pause(ctx, firstLook); err != nil {
			return err
		}
	}
}

// agreeGone waits until the cluster does not know the container any more, and takes it off the screen.
func (w *worker) agreeGone(ctx context.Context) error {
	deadline := time.Now().Add(w.actions.patience.Agree)
	for {
		_, err := w.status(ctx)
		if pve.Classify(err).Kind == pve.KindNoContainer {
			return w.showGone(ctx)
		}
		if time.Now().After(deadline) {
			if err != nil {
				return err
			}
			return jobs.Fail(nil, "Proxmox's task ended well, but %s is still there.", w.Hostname)
		}
		if err := pause(ctx, firstLook); err != nil {
			return err
		}
	}
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
