package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"berth"
	"berth/internal/pve"
)

// bringConfig are the types of tasks that put another configuration in place. Everything else that changes one is a call
// without a task.
var bringConfig = []string{"vzcreate", "vzrestore", "vzrollback", "vztemplate", "vzclone", "vzmigrate", "resize", "move_volume"}

// configActions are the actions that change a configuration, those that make a change effective that waited for a restart
// included.
var configActions = []berth.Action{berth.ActionConfig, berth.ActionProtection, berth.ActionOnBoot, berth.ActionResize, berth.ActionMoveVolume,
	berth.ActionRollback, berth.ActionRestore, berth.ActionTemplate, berth.ActionMigrate, berth.ActionCreate, berth.ActionStart, berth.ActionReboot}

// jobsLookedAt are the latest jobs about a container that may be behind a change of its configuration.
const jobsLookedAt = 20

// noticeConfig enters in the history that somebody else has changed a configuration, when that was read. The digest tells
// that something is to be looked at: it changes with locks and snapshots too.
func (p *poller) noticeConfig(k *known, node string, config *pve.ContainerConfig) {
	if config.Digest == k.Digest {
		return
	}
	vmid, since, digest := k.VMID, k.ConfigAt, k.Digest
	sums, version := sumsOf(config), versionOf(config)
	entry := berth.Event{At: p.fleet.now(), Actor: unseenActor, Source: "proxmox", Action: "container.config", Cluster: p.cluster.Name, VMID: vmid}
	p.nameSubject(&entry, vmid, node)
	p.calls.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		_, keepErr := p.fleet.store.AddConfig(ctx, p.cluster.ID, vmid, version)
		err := cmp.Or(p.noteConfig(ctx, node, vmid, since, sums, entry), keepErr)
		if err != nil {
			p.notNoted("what has changed in a configuration", err)
			p.tell(context.Background(), func() { p.readAgain(k, digest, since) })
		}
	})
}

// notNoted logs what could not be entered in the history and is tried again. That the database does not answer concerns
// every container, and others say it once.
func (p *poller) notNoted(what string, err error) {
	if berth.CodeOf(err) == berth.Unavailable {
		p.fleet.log.Debug("cannot store "+what, "cluster", p.cluster.Name, "error", err)
	} else {
		p.notStored(what, err)
	}
}

// readAgain has a configuration read once more that could not be compared with what is noted.
func (p *poller) readAgain(k *known, digest string, since time.Time) {
	if p.facts.byVMID[k.VMID] == k {
		k.Digest, k.ConfigAt, k.wantConfig, p.facts.dirty[k.VMID] = digest, since, true, true
		k.failed(p.fleet.now())
	}
}

// noteConfig keeps the sums of a configuration. There is an entry if some are others than before, and neither a job of
// Berth nor a task is behind that.
func (p *poller) noteConfig(ctx context.Context, node string, vmid int, since time.Time, sums string, entry berth.Event) error {
	was, err := p.fleet.store.NotedConfig(ctx, p.cluster.ID, vmid)
	if err != nil || was == sums { // NotFound: not noted yet
		return err
	}
	keys := changedKeys(was, sums)
	explained := was == "" || since.IsZero()
	if !explained {
		if explained, err = p.configExplained(ctx, node, vmid, since); err != nil {
			return err
		}
	}
	if explained {
		return p.fleet.store.NoteConfig(ctx, p.cluster.ID, vmid, was, sums, nil)
	}
	entry.Details = map[string]string{"state": string(berth.JobSucceeded), "keys": strings.Join(keys, ", "),
		"message": "Configuration changed outside Berth: " + strings.Join(keys, ", ") + "."}
	return p.fleet.store.NoteConfig(ctx, p.cluster.ID, vmid, was, sums, &entry)
}

func (p *poller) configExplained(ctx context.Context, node string, vmid int, since time.Time) (bool, error) {
	recent, err := p.fleet.store.JobsOfSubject(ctx, berth.ContainerKey(p.cluster.Name, vmid), jobsLookedAt)
	if err != nil {
		return false, err
	}
	own := func(j berth.Job) bool {
		return (!j.Ended() || j.EndedAt.After(since)) && slices.Contains(configActions, berth.Action(j.Action))
	}
	if slices.ContainsFunc(recent, own) {
		return true, nil
	}
	tasks, err := p.tasksSince(ctx, node, vmid, since)
	if err != nil {
		p.fleet.log.Debug("cannot look for the task behind a change", "cluster", p.cluster.Name, "vmid", vmid, "error", err)
	}
	return slices.ContainsFunc(tasks, func(row pve.TaskRow) bool { return slices.Contains(bringConfig, row.Type) }), nil
}

// notConfigured are the keys that change without anybody configuring anything.
var notConfigured = []string{"digest", "lock", "parent", "snaptime", "snapstate", ""}

// sumsOf gives a short sum of each key of a configuration, in the order of the keys: "cores:1f2e3d4c memory:00c0ffee".
func sumsOf(config *pve.ContainerConfig) string {
	sums := map[string]string{}
	v := reflect.ValueOf(config).Elem()
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("pve"), ",")
		if slices.Contains(notConfigured, key) || v.Field(i).IsZero() {
			continue
		}
		if name, numbered := strings.CutSuffix(key, "*"); numbered {
			for each := v.Field(i).MapRange(); each.Next(); {
				sums[fmt.Sprint(name, each.Key())] = sumOf(each.Value())
			}
			continue
		}
		sums[key] = sumOf(v.Field(i))
	}
	parts := make([]string, 0, len(sums))
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		parts = append(parts, key+":"+sums[key])
	}
	return strings.Join(parts, " ")
}

func sumOf(v reflect.Value) string {
	text, err := json.Marshal(v.Interface())
	if err != nil {
		text = fmt.Append(nil, v.Interface())
	}
	sum := fnv.New32a()
	sum.Write(text)
	return fmt.Sprintf("%08x", sum.Sum32())
}

// changedKeys lists the keys that were added, removed or changed, in order.
func changedKeys(was, is string) []string {
	before, after := strings.Fields(was), strings.Fields(is)
	keys := map[string]bool{}
	note := func(some, others []string) {
		for _, part := range some {
			if key, _, _ := strings.Cut(part, ":"); !slices.Contains(others, part) {
				keys[key] = true
			}
		}
	}
	note(before, after)
	note(after, before)
	return slices.Sorted(maps.Keys(keys))
}
