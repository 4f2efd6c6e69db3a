package fleet

import (
	"context"
	"time"

	"berth/internal/jobs"
	"berth/internal/pve"
)

// agree waits until the container itself says that it is as wanted, and shows it.
func (w *worker) agree(ctx context.Context, wanted string) error {
	deadline := time.Now().Add(w.actions.patience.Agree)
	for {
		at := w.actions.fleet.now()
		status, err := w.status(ctx)
		if err == nil {
			node := w.kept.Node
			w.tell(ctx, func(p *poller) { p.showStatus(w.VMID, node, status, at) })
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
		if err != nil && !away(err) {
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
