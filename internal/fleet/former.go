package fleet

import (
	"context"
	"slices"
	"strings"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

// A VMID can be taken again. What Proxmox keeps under it, backups and tasks, may be of a container that was destroyed.

// destroyedBefore is when the latest container with the key was destroyed, by the clock of Proxmox; zero: none is known.
func (a *Actions) destroyedBefore(ctx context.Context, key string) (time.Time, error) {
	deletions, err := a.fleet.store.Events(ctx, store.EventFilter{Container: key, Action: "container.delete"}, "", pageLength)
	i := slices.IndexFunc(deletions, func(e berth.Event) bool { return e.Details["state"] == string(berth.JobSucceeded) })
	if err != nil || i < 0 {
		return time.Time{}, err
	}
	if at := pve.UPID(deletions[i].Details["upid"]).StartTime(); !at.IsZero() {
		return at, nil
	}
	return deletions[i].At, nil
}

// markFormer marks the tasks up to the last destruction of each container. They are in order, the newest first.
func markFormer(tasks []berth.Task) {
	destroyed := map[string]bool{}
	for i := range tasks {
		t := &tasks[i]
		if t.Type == "vzdestroy" && !t.EndedAt.IsZero() && !t.Failed() {
			destroyed[t.Subject] = true
		}
		t.Former = destroyed[t.Subject]
	}
}

// ownBackup refuses those who do not see everything a backup of a container that had the VMID before. Others may: they see
// whose it is.
func (a *Actions) ownBackup(ctx context.Context, by berth.Actor, p *poller, c *berth.Container, volume string) error {
	if !by.Access.Limited() {
		return nil
	}
	destroyed, err := a.destroyedBefore(ctx, c.Key())
	if err != nil || destroyed.IsZero() {
		return err
	}
	storage, _, _ := strings.Cut(volume, ":")
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	all, err := p.client.StorageContent(ctx, c.Node, storage, pve.ContentQuery{Content: "backup", VMID: c.VMID})
	if err != nil {
		return unavailable(err, "The backups of %s cannot be read: %s", c.Hostname, plainProblem(err))
	}
	if slices.ContainsFunc(all, func(v pve.Volume) bool { return v.ID == volume && !v.Time.After(destroyed) }) {
		return berth.Errorf(berth.Forbidden, "This backup is of a container that had VMID %d before %s.", c.VMID, c.Hostname)
	}
	return nil
}
