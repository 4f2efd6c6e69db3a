package fleet

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"berth"
	"berth/internal/jobs"
	"berth/internal/pve"
)

const (
	postTimeout = 40 * time.Second // of giving an order, which is not broken off when Berth stops
	mostPosts   = 3                // of an order that demonstrably did not arrive
	fewLooks    = 6                // of the time for a task to appear, one of these parts is waited for in any case
)

// order is something that Proxmox is asked to do, which it does as a task.
type order struct {
	name  string   // of what is done, in words, and of its task in the checkpoint
	kinds []string // of tasks that it may start
	post  func(context.Context) (pve.UPID, error)
	query *pve.TaskQuery // for its task; nil: the tasks about the container
	about string         // the id of its task; empty: any

	// done, if set, tells from the container's state that the order was carried out since the given time, or that it is of
	// no use any more. It is asked when the answer to the order was lost and no task of it is found.
	done func(ctx context.Context, since time.Time) (bool, error)
}

// do gives an order and waits for the end of its task. After a crash it goes on with the task that there is.
func (w *worker) do(ctx context.Context, o order) error {
	t := w.task(o.name)
	err := w.Step(ctx, "Ask Proxmox to "+o.name, func(ctx context.Context) error { return w.give(ctx, o, t) })
	if err != nil && t.Asked && t.UPID == "" && errors.Is(context.Cause(ctx), jobs.ErrCancelled) && (ambiguous(err) || !isRefusal(err)) {
		return w.abortLost(ctx, o, t)
	}
	if err != nil || t.Needless != "" {
		return err
	}
	err = w.Step(ctx, "Wait for Proxmox to "+o.name, func(ctx context.Context) error { return w.await(ctx, o.name, t) })
	if _, told := errors.AsType[*jobs.Failure](err); err != nil && !told && errors.Is(context.Cause(ctx), jobs.ErrCancelled) {
		return w.abort(ctx, t) // it was cancelled right after the order, before it was waited for
	}
	return err
}

// give gives an order once. That it is about to be given is kept first, with the tasks of its kind that there are: should
// the answer get lost, a new one among them is the one that it started.
func (w *worker) give(ctx context.Context, o order, t *task) error {
	if t.UPID != "" || t.Needless != "" {
		return nil
	}
	t.Kinds, t.Query, t.About, t.Token = o.kinds, o.query, o.about, cmp.Or(t.Token, w.poller.cluster.TokenID)
	found, err := w.send(ctx, o, t)
	if found {
		return err
	}
	if why := w.needless(err); why != "" {
		t.Needless, err = why, nil
	}
	if err != nil {
		return err
	}
	if t.UPID == "" && t.Needless == "" { // Proxmox does not say which task it began
		found, err := w.regain(context.WithoutCancel(ctx), o, t)
		if err == nil && !found {
			err = jobs.Fail(nil, "Proxmox began no task to %s.", o.name)
		}
		return err
	}
	return w.save(context.WithoutCancel(ctx)) // also when Berth is stopping
}

// send sends the order until it is answered. found tells that one sent before had arrived, and what came of it is kept.
func (w *worker) send(ctx context.Context, o order, t *task) (found bool, err error) {
	lost := t.Asked
	for try := 1; ; try++ {
		if lost {
			if found, lookErr := w.regain(ctx, o, t); lookErr != nil || found {
				return found, lookErr
			}
		}
		if try > mostPosts {
			return false, err
		}
		if err := w.announce(ctx, o, t); err != nil {
			t.Asked = lost
			return false, err
		}
		if t.UPID, err = w.post(ctx, o.post); !ambiguous(err) {
			break
		}
		lost = true
	}
	if lost && pve.Classify(err).Kind == pve.KindExists { // the one before arrived after all, late
		if found, lookErr := w.regain(ctx, o, t); lookErr != nil || found {
			return found, lookErr
		}
	}
	return false, err
}

// announce keeps that the order is about to be given.
func (w *worker) announce(ctx context.Context, o order, t *task) (err error) {
	t.Token = w.poller.cluster.TokenID
	if !t.Asked {
		if e := w.early; e != nil && e.node == w.kept.Node && o.query == nil {
			t.Known = t.among(e.rows)
		} else if t.Known, err = w.tasks(ctx, t); err != nil {
			return err
		}
		w.early = nil
		t.Asked, t.FirstLine = true, w.Lines()
	}
	t.AskedAt = w.actions.fleet.now()
	if err := w.save(ctx); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// regain finds out what came of an order whose answer was lost. It tells whether anything did; only if nothing did, the
// order may be given again.
func (w *worker) regain(ctx context.Context, o order, t *task) (found bool, err error) {
	if t.UPID, err = w.find(ctx, t); err != nil {
		return false, err
	}
	if t.UPID == "" && o.done != nil {
		done, err := o.done(ctx, t.AskedAt)
		if err != nil {
			return false, err
		}
		if done {
			t.Needless = "Berth found it so after an interruption"
		}
	}
	if t.UPID == "" && t.Needless == "" {
		return false, nil
	}
	return true, w.save(context.WithoutCancel(ctx))
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

// away tells that asking again may help: there is no answer, or the token was replaced a moment ago.
func away(err error) bool {
	return ambiguous(err) || pve.Classify(err).Kind == pve.KindUnauthenticated
}

// needless says why an order that was refused, or whose task failed, was not needed.
func (w *worker) needless(err error) string {
	switch kind := pve.Classify(err).Kind; {
	case kind == pve.KindAlreadyRunning:
		return "it ran already"
	case kind == pve.KindNotRunning && w.Request.Action != berth.ActionReboot:
		return "it was stopped already"
	}
	return ""
}

// tasksEarly reads the tasks about the container beside the look at it. What cannot be read now is asked for again.
func (w *worker) tasksEarly(ctx context.Context) func() {
	node := w.kept.Node
	return func() {
		if rows, err := w.client.NodeTasks(ctx, node, pve.TaskQuery{Source: "all", VMID: w.VMID}); err == nil {
			w.early = &early{node, rows}
		}
	}
}

// tasks lists the tasks that may be of the order, that Berth's token started and the node remembers.
func (w *worker) tasks(ctx context.Context, t *task) ([]pve.UPID, error) {
	query := pve.TaskQuery{Source: "all", VMID: w.VMID}
	if t.Query != nil {
		query = *t.Query
	}
	w.reconnect()
	rows, err := w.client.NodeTasks(ctx, w.kept.Node, query)
	return t.among(rows), err
}

func (t *task) among(rows []pve.TaskRow) []pve.UPID {
	var upids []pve.UPID
	for i := range rows {
		u := rows[i].UPID
		if slices.Contains(t.Kinds, u.Type()) && u.User() == t.Token && (t.About == "" || t.About == u.ID()) {
			upids = append(upids, u)
		}
	}
	return upids
}

// find looks for the task that a lost order started, until it is certain that there is none. A request outlives the one
// who sent it: the proxy of Proxmox gives it 30 s to be carried out (pve-http-server 6.0.5), and only then a task is born,
// which every list has at once.
func (w *worker) find(ctx context.Context, t *task) (pve.UPID, error) {
	patience := w.actions.patience
	began := time.Now()
	left := patience.Appear - w.actions.fleet.now().Sub(t.AskedAt)
	certain := began.Add(min(max(left, patience.Appear/fewLooks), patience.Appear))
	for {
		asked := time.Now()
		upids, err := w.tasks(ctx, t)
		for _, u := range upids {
			if !slices.Contains(t.Known, u) {
				return u, nil
			}
		}
		switch {
		case err == nil && asked.After(certain):
			return "", nil
		case err != nil && !away(err):
			return "", err
		case err != nil && asked.After(certain) && asked.Sub(began) > patience.Outage:
			return "", jobs.Fail(err, "Node %s does not answer, so it is not known whether Proxmox did it.", w.kept.Node)
		}
		if err := pause(ctx, firstLook); err != nil {
			return "", err
		}
	}
}
