package fleet

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"berth"
	"berth/internal/pve"
)

// Difference is how the configurations in two states of a container differ.
type Difference struct {
	Changes   []PendingChange // Now is the one in the first state, Then the one in the second
	Snapshots []string        // that there are, newest first
}

// Difference tells how the configurations in two snapshots differ; an empty name is the present state. It takes three calls
// at once. Returns NotFound if there is no such container in sight of the actor, and Unavailable, with the reason, if
// Proxmox does not say.
func (a *Actions) Difference(ctx context.Context, by berth.Actor, key, from, to string) (Difference, error) {
	p, c, err := a.find(by.Access, key)
	if err != nil {
		return Difference{}, err
	}
	if problem := a.silence(p, c, by.Access); problem != "" {
		return Difference{}, berth.Errorf(berth.Unavailable, "%s", problem)
	}
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	var states [2]berth.ConfigVersion
	var problems [3]error
	var found Difference
	var asked sync.WaitGroup
	for i, name := range []string{from, to} {
		asked.Go(func() {
			config, err := p.client.ContainerConfig(ctx, c.Node, c.VMID, pve.ConfigQuery{Snapshot: name, Current: name == ""})
			states[i], problems[i] = versionOf(&config), err
		})
	}
	asked.Go(func() {
		all, _, err := p.client.Snapshots(ctx, c.Node, c.VMID)
		problems[2] = err
		for _, s := range newestFirst(all) {
			found.Snapshots = append(found.Snapshots, s.Name)
		}
	})
	asked.Wait()
	if err := cmp.Or(problems[0], problems[1], problems[2]); err != nil {
		return Difference{}, unavailable(err, "The configuration in one of them is not known. %s", plainProblem(err))
	}
	if from != "" || to != "" { // a snapshot has a description of its own in place of the notes
		delete(states[0].Values, "description")
		delete(states[1].Values, "description")
	}
	found.Changes = Differences(states[0].Values, states[1].Values)
	return found, nil
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
