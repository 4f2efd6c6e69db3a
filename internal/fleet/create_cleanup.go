package fleet

import (
	"context"
	"fmt"

	"berth/internal/pve"
)

// lockCreate is the lock of a container whose creation has not ended, or was killed.
const lockCreate = "create"

// creationsLookedAt are the latest jobs about a container among which is the one that made it.
const creationsLookedAt = 50

// cleanUp destroys what a creation that failed has left, and closes the record. What somebody else has made of the VMID
// since is left alone.
func (w *worker) cleanUp(ctx context.Context) (string, error) {
	ours := w.kept.Made
	if w.task("delete").Needless == "" && !ours {
		var err error
		if ours, err = w.madeByBerth(ctx); err != nil {
			return "", err
		}
		w.kept.Made = ours
		if err := w.save(ctx); err != nil {
			return "", err
		}
	}
	if !ours {
		w.tell(ctx, func(p *poller) { p.listSoon() })
		return fmt.Sprintf("The record of %s is closed; what has VMID %d now was left alone.", w.Hostname, w.VMID), nil
	}
	w.Request.StopFirst, w.Request.Purge = true, true
	return w.delete(ctx)
}

// madeByBerth tells whether the container that has the VMID now is what a creation of Berth has made or left.
func (w *worker) madeByBerth(ctx context.Context) (bool, error) {
	recent, err := w.actions.fleet.store.JobsOfSubject(ctx, w.Job.Subject, creationsLookedAt)
	if err != nil {
		return false, err
	}
	var tasks []pve.UPID
	for i := range recent {
		if recent[i].Kind != kindCreate {
			continue
		}
		c, kept, err := creationOf(&recent[i])
		if err != nil {
			return false, err
		}
		if c.ContainerID != w.ContainerID {
			continue
		}
		if c.Made || kept.Made {
			return true, nil
		}
		if t := kept.Tasks[orderMake]; t != nil && t.UPID != "" {
			tasks = append(tasks, t.UPID)
		}
	}
	if len(tasks) == 0 {
		return false, nil
	}
	for _, upid := range tasks { // one may have ended well after its job
		status, err := w.client.TaskStatus(ctx, upid)
		if ambiguous(err) || err == nil && !status.Running() && status.Err() == nil {
			return err == nil, err
		}
	}
	status, err := w.status(ctx)
	if pve.Classify(err).Kind == pve.KindNoContainer {
		return false, nil
	}
	return status.Lock == lockCreate, err // a creation that fails by itself leaves nothing
}
