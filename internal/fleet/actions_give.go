package fleet

import (
	"context"
	"slices"
	"time"

	"berth/internal/jobs"
	"berth/internal/pve"
)

const (
	postTimeout = 40 * time.Second // of giving an order, which is not broken off when Berth stops
	mostPosts   = 3                // of an order that demonstrably did not arrive
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
		if err := w.announce(ctx, t, kinds); err != nil {
			return err
		}
	}
	for try := 1; ; try++ {
		if lost {
			if t.UPID, err = w.find(ctx, t.Known, kinds); err != nil || t.UPID != "" {
				return w.given(ctx, err)
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
	return w.given(ctx, err)
}

// announce keeps that the order is about to be given.
func (w *worker) announce(ctx context.Context, t *task, kinds []string) (err error) {
	if t.Known, err = w.tasks(ctx, kinds); err != nil {
		return err
	}
	t.Asked, t.FirstLine = true, w.Lines()
	return w.save(ctx)
}

// given keeps what came of the order, also when Berth is stopping.
func (w *worker) given(ctx context.Context, err error) error {
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
			if reached || err == nil {
				return "", nil
			}
			return "", jobs.Fail(err, "Node %s does not answer, so it is not known whether Proxmox did it.", w.kept.Node)
		}
		if err := pause(ctx, firstLook); err != nil {
			return "", err
		}
	}
}
