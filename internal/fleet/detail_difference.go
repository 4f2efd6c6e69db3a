package fleet

import (
	"cmp"
	"context"
	"slices"

	"berth"
	"berth/internal/pve"
)

// Difference tells how the configuration in a snapshot, Now, differs from the one in force, Then. It takes two calls. Returns
// NotFound if there is no such container in sight of the actor, and Unavailable, with the reason, if Proxmox does not say.
func (a *Actions) Difference(ctx context.Context, by berth.Actor, key, snapshot string) ([]PendingChange, error) {
	p, c, err := a.find(by.Access, key)
	if err != nil {
		return nil, err
	}
	if problem := a.silence(p, c); problem != "" {
		return nil, berth.Errorf(berth.Unavailable, "%s", problem)
	}
	if snapshot == "" {
		return nil, berth.Errorf(berth.Invalid, "Say which snapshot is meant.")
	}
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	then, err := p.client.ContainerConfig(ctx, c.Node, c.VMID, pve.ConfigQuery{Snapshot: snapshot})
	if err != nil {
		return nil, &berth.Error{Code: berth.Unavailable, Message: "The configuration in the snapshot is not known. " + plainProblem(err), Err: err}
	}
	now, err := p.client.ContainerConfig(ctx, c.Node, c.VMID, pve.ConfigQuery{Current: true})
	if err != nil {
		return nil, &berth.Error{Code: berth.Unavailable, Message: "The configuration is not known. " + plainProblem(err), Err: err}
	}
	return Differences(versionOf(&then).Values, versionOf(&now).Values), nil
}

// Differences lists the keys whose values differ, in order: Now is that of before, Then that of after.
func Differences(before, after map[string]string) []PendingChange {
	var changes []PendingChange
	for key, value := range before {
		if after[key] != value {
			changes = append(changes, PendingChange{Key: key, Now: value, Then: after[key]})
		}
	}
	for key, value := range after {
		if _, was := before[key]; !was {
			changes = append(changes, PendingChange{Key: key, Then: value})
		}
	}
	slices.SortFunc(changes, func(a, b PendingChange) int { return cmp.Compare(a.Key, b.Key) })
	return changes
}
