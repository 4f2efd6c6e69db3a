package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth"
	"berth/internal/jobs"
	"berth/internal/pve"
)

// act gives the orders of the action and waits for what they bring about.
func (w *worker) act(ctx context.Context) (string, error) {
	r := w.Request
	switch r.Action {
	case berth.ActionStart:
		return w.power(ctx, "running", order{kinds: []string{"vzstart", "hastart"}, done: w.is("running"), post: func(ctx context.Context) (pve.UPID, error) {
			return w.client.Start(ctx, w.kept.Node, w.VMID)
		}})
	case berth.ActionStop:
		return w.power(ctx, "stopped", order{kinds: []string{"vzstop", "hastop"}, done: w.is("stopped"), post: w.stop})
	case berth.ActionShutdown:
		return w.power(ctx, "stopped", order{kinds: []string{"vzshutdown", "hastop"}, done: w.is("stopped"), post: func(ctx context.Context) (pve.UPID, error) {
			return w.client.Shutdown(ctx, w.kept.Node, w.VMID, pve.ShutdownOptions{Timeout: r.Timeout, ForceStop: r.ThenStop})
		}})
	case berth.ActionReboot:
		return w.power(ctx, "running", order{kinds: []string{"vzreboot"}, done: w.hasStarted, post: func(ctx context.Context) (pve.UPID, error) {
			return w.client.Reboot(ctx, w.kept.Node, w.VMID, pve.RebootOptions{Timeout: r.Timeout})
		}})
	case berth.ActionDelete:
		return w.delete(ctx)
	case berth.ActionProtection, berth.ActionOnBoot:
		return w.set(ctx)
	}
	return w.actOther(ctx)
}

// actOther does what is no matter of power.
func (w *worker) actOther(ctx context.Context) (string, error) {
	does := map[berth.Action]func(context.Context) (string, error){
		berth.ActionCleanUp: w.cleanUp, berth.ActionConfig: w.configure,
		berth.ActionSnapshot: w.takeSnapshot, berth.ActionSnapshotDelete: w.deleteSnapshot, berth.ActionRollback: w.rollBack,
		berth.ActionBackup: w.backUp, berth.ActionBackupDelete: w.deleteBackup, berth.ActionRestore: w.restore,
		berth.ActionClone: w.clone, berth.ActionMigrate: w.migrate, berth.ActionTemplate: w.makeTemplate,
		berth.ActionResize: w.resize, berth.ActionMoveVolume: w.moveVolume,
	}
	do, known := does[w.Request.Action]
	if !known {
		return "", jobs.Fail(nil, "This version of Berth does not know the action %s.", w.Request.Action)
	}
	return do(ctx)
}

// is tells whether the container is running or stopped.
func (w *worker) is(wanted string) func(context.Context, time.Time) (bool, error) {
	return func(ctx context.Context, _ time.Time) (bool, error) {
		status, err := w.status(ctx)
		return status.Status == wanted, err
	}
}

// hasStarted tells whether the container began to run after the given time.
func (w *worker) hasStarted(ctx context.Context, since time.Time) (bool, error) {
	at := w.actions.fleet.now()
	status, err := w.status(ctx)
	return status.Status == "running" && at.Add(-status.Uptime).After(since), err
}

// isGone tells whether the cluster does not know the container any more.
func (w *worker) isGone(ctx context.Context, _ time.Time) (bool, error) {
	_, err := w.status(ctx)
	if pve.Classify(err).Kind == pve.KindNoContainer {
		return true, nil
	}
	return false, err
}

// seeStep begins the name of the last step: Proxmox has done it, and only what it says of it is waited for.
const seeStep = "See that it is "

// power gives one order and waits until the container is as wanted.
func (w *worker) power(ctx context.Context, wanted string, o order) (string, error) {
	o.name = string(w.Request.Action)
	if err := w.do(ctx, o); err != nil {
		return "", err
	}
	err := w.Step(ctx, seeStep+wanted, func(ctx context.Context) error {
		return errors.Join(w.agree(ctx, wanted), w.keepLog(ctx, w.task(o.name)))
	})
	if err != nil {
		return "", err
	}
	if why := w.task(o.name).Needless; why != "" {
		return fmt.Sprintf("%s is %s; %s.", w.Hostname, wanted, why), nil
	}
	return fmt.Sprintf("%s is %s.", w.Hostname, wanted), nil
}

// stop ends a shutdown under way first, which otherwise makes the stop fail. Proxmox VE before 8.2 does not know how, and
// refuses the whole order.
func (w *worker) stop(ctx context.Context) (pve.UPID, error) {
	if !w.kept.HA {
		upid, err := w.client.Stop(ctx, w.kept.Node, w.VMID, pve.StopOptions{OverruleShutdown: true})
		if _, unknown := pve.Classify(err).Fields["overrule-shutdown"]; !unknown {
			return upid, err
		}
	}
	return w.client.Stop(ctx, w.kept.Node, w.VMID, pve.StopOptions{})
}

func (w *worker) delete(ctx context.Context) (string, error) {
	if storage := w.Request.BackupStorage; storage != "" {
		err := w.carryOut(ctx, order{name: "backup", kinds: []string{"vzdump"}, post: func(ctx context.Context) (pve.UPID, error) {
			return w.client.Backup(ctx, w.kept.Node, pve.BackupRequest{VMIDs: []int{w.VMID}, Storage: storage, Mode: "snapshot", Compress: "zstd", Remove: new(bool)})
		}})
		if err != nil {
			return "", err
		}
	}
	options := pve.DeleteOptions{Force: w.Request.StopFirst, Purge: w.Request.Purge}
	err := w.do(ctx, order{name: "delete", kinds: []string{"vzdestroy"}, done: w.isGone, post: func(ctx context.Context) (pve.UPID, error) {
		return w.client.Delete(ctx, w.kept.Node, w.VMID, options)
	}})
	if pve.Classify(err).Kind == pve.KindNoContainer { // somebody else was faster
		w.task("delete").Needless = "it was gone already"
		err = w.save(ctx)
	}
	if err != nil {
		return "", err
	}
	err = w.Step(ctx, seeStep+"gone", func(ctx context.Context) error {
		return errors.Join(w.agreeGone(ctx), w.keepLog(ctx, w.task("delete")))
	})
	if err != nil {
		return "", err
	}
	if why := w.task("delete").Needless; why != "" {
		return fmt.Sprintf("%s is deleted; %s.", w.Hostname, why), nil
	}
	return fmt.Sprintf("%s is deleted.", w.Hostname), nil
}

// set turns a switch of the configuration, which Proxmox does at once and without harm any number of times.
func (w *worker) set(ctx context.Context) (string, error) {
	var change pve.ConfigChange
	var name string
	on := w.Request.On
	switch w.Request.Action {
	case berth.ActionProtection:
		change.Protection, name = &on, "Protection"
	case berth.ActionOnBoot:
		change.OnBoot, name = &on, "Start at boot"
	}
	err := w.Step(ctx, "Change the configuration", func(ctx context.Context) error {
		return w.client.UpdateConfig(ctx, w.kept.Node, w.VMID, change)
	})
	if err != nil {
		return "", err
	}
	w.tell(ctx, func(p *poller) { p.wantConfig(w.VMID) })
	return fmt.Sprintf("%s of %s is %s.", name, w.Hostname, w.after()), nil
}
