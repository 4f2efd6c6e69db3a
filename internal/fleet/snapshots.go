package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/internal/pve"
)

// takeSnapshot saves the state of the container's disks.
func (w *worker) takeSnapshot(ctx context.Context) (string, error) {
	s := w.Request.Snapshot
	err := w.carryOut(ctx, w.snapshotOrder(s.Name, s.Description))
	return fmt.Sprintf("Snapshot %s of %s is there.", s.Name, w.Hostname), err
}

func (w *worker) snapshotOrder(name, description string) order {
	return order{name: "snapshot", kinds: []string{"vzsnapshot"}, done: w.snapshotIs(name, true), post: func(ctx context.Context) (pve.UPID, error) {
		return w.client.CreateSnapshot(ctx, w.kept.Node, w.VMID, name, description)
	}}
}

func (w *worker) deleteSnapshot(ctx context.Context) (string, error) {
	name := w.Request.Snapshot.Name
	err := w.carryOut(ctx, order{name: "snapshot-delete", kinds: []string{"vzdelsnapshot"}, done: w.snapshotIs(name, false), post: func(ctx context.Context) (pve.UPID, error) {
		return w.client.DeleteSnapshot(ctx, w.kept.Node, w.VMID, name, false)
	}})
	return fmt.Sprintf("Snapshot %s of %s is deleted.", name, w.Hostname), err
}

// rollBack puts the container back to a snapshot, which stops it.
func (w *worker) rollBack(ctx context.Context) (string, error) {
	s := w.Request.Snapshot
	if err := w.Step(ctx, "Look for the snapshot", w.lookBack); err != nil {
		return "", err
	}
	if s.First != "" {
		if err := w.carryOut(ctx, w.snapshotOrder(s.First, "Before rolling back to "+s.Name+".")); err != nil {
			return "", err
		}
	}
	err := w.carryOut(ctx, order{name: "rollback", kinds: []string{"vzrollback"}, post: func(ctx context.Context) (pve.UPID, error) {
		return w.client.Rollback(ctx, w.kept.Node, w.VMID, s.Name, false)
	}})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s is as it was at snapshot %s.", w.Hostname, s.Name), w.startAfter(ctx)
}

// snapshotIs tells whether the snapshot is there, complete, or is not there.
func (w *worker) snapshotIs(name string, there bool) func(context.Context, time.Time) (bool, error) {
	return func(ctx context.Context, _ time.Time) (bool, error) {
		all, _, err := w.client.Snapshots(ctx, w.kept.Node, w.VMID)
		found := slices.ContainsFunc(all, func(s pve.Snapshot) bool { return s.Name == name && (s.State == "" || !there) })
		return err == nil && found == there, err
	}
}

// carryOut gives an order, waits for its end, keeps the rest of its log, and has the container read again.
func (w *worker) carryOut(ctx context.Context, o order) error {
	if err := w.do(ctx, o); err != nil {
		return err
	}
	w.tell(ctx, func(p *poller) {
		p.followContainer(w.VMID)
		p.wantConfig(w.VMID)
	})
	return w.keepLog(ctx, w.task(o.name))
}

// startAfter starts the container if that was asked for.
func (w *worker) startAfter(ctx context.Context) error {
	if !w.Request.Start {
		return nil
	}
	if err := w.startIt(ctx); err != nil {
		return err
	}
	return w.Step(ctx, seeStep+"running", func(ctx context.Context) error {
		return errors.Join(w.agree(ctx, "running"), w.keepLog(ctx, w.task("start")))
	})
}
