package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"berth"
	"berth/internal/store"
)

// eventOf is the entry in the history for a request or an outcome. Its details are state (requested, succeeded, failed,
// cancelled), job, bulk (the job it is a part of), upid, before, after, and message, as far as they are known.
func eventOf(job berth.Job, t target, state string) berth.Event {
	details := map[string]string{"state": state, "job": job.ID}
	set := func(name, value string) {
		if value != "" {
			details[name] = value
		}
	}
	set("upid", job.Ref)
	set("bulk", job.ParentID)
	set("message", job.Message)
	set("before", string(t.Was))
	set("snapshot", t.Request.Snapshot.Name)
	set("volume", t.Request.Backup.Volume)
	set("disk", t.Request.Disk.Name)
	set("storage", cmp.Or(t.Request.Backup.Storage, t.Request.Copy.Storage, t.Request.Disk.Storage))
	set("to", t.Request.Copy.Node)
	if state == string(berth.JobSucceeded) {
		set("after", t.after())
	}
	if t.Config != nil {
		set("keys", strings.Join(t.Config.Change.Keys(), ", "))
		set("before", t.Config.before())
		set("after", t.Config.after())
	}
	return berth.Event{Actor: job.Actor, ActorID: job.ActorID, Source: job.Source, Action: "container." + string(t.Request.Action),
		Cluster: t.Cluster, ContainerID: t.ContainerID, VMID: t.VMID, Subject: fmt.Sprintf("%s (%d on %s)", t.Hostname, t.VMID, t.Node), Details: details}
}

// after is what a successful action leaves.
func (t *target) after() string {
	switch t.Request.Action {
	case berth.ActionStart, berth.ActionReboot:
		return string(berth.LiveRunning)
	case berth.ActionStop, berth.ActionShutdown:
		return string(berth.LiveStopped)
	case berth.ActionDelete:
		return "deleted"
	case berth.ActionProtection, berth.ActionOnBoot:
		if t.Request.On {
			return "on"
		}
		return "off"
	}
	return ""
}

// removes tells whether a container is no more after that.
func removes(a berth.Action) bool { return a == berth.ActionDelete || a == berth.ActionCleanUp }

// ended notes the outcome of an action, in the transaction that ends its job.
func (a *Actions) ended(ctx context.Context, tx *store.Tx, job berth.Job) error {
	var t target
	if err := json.Unmarshal([]byte(job.Args), &t); err != nil {
		return fmt.Errorf("read what job %s did: %w", job.ID, err)
	}
	if removes(t.Request.Action) && job.State == berth.JobSucceeded {
		err := errors.Join(tx.DropSecrets(ctx, t.ContainerID), tx.DropConfigs(ctx, t.ClusterID, t.VMID), tx.MarkGone(ctx, t.ContainerID))
		if err != nil && berth.CodeOf(err) != berth.NotFound {
			return err
		}
	}
	return tx.AddEvent(ctx, eventOf(job, t, string(job.State)))
}
