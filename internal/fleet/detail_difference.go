package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

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
	return differences(valuesOf(&then), valuesOf(&now)), nil
}

func differences(before, after map[string]string) []PendingChange {
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

// valuesOf gives the values of a configuration by key, without the keys that change by themselves.
func valuesOf(config *pve.ContainerConfig) map[string]string {
	values := map[string]string{}
	eachKey(config, func(key string, v reflect.Value) { values[key] = valueText(v) })
	maps.DeleteFunc(values, func(_, value string) bool { return value == "" })
	return values
}

func valueText(v reflect.Value) string {
	text, err := json.Marshal(v.Interface())
	if err != nil {
		return fmt.Sprint(v.Interface())
	}
	var plain string
	if json.Unmarshal(text, &plain) == nil {
		return strings.TrimSpace(plain)
	}
	return string(text)
}
