package fleet

import (
	"context"
	"fmt"
	"sync"

	"berth/internal/pve"
)

// readBackups looks for backups on every storage that holds some. A list of backups that the token may not see is empty
// instead of refused (pve-storage 9.1.7), so its rights are asked for too.
func (e *effects) readBackups(ctx context.Context) {
	rights, storages, err := e.backupStorages(ctx)
	e.note(err, "the backups are not known", func() {})
	if err != nil {
		return
	}
	if !rights.Has("/storage", "Datastore.Audit") && !rights.Has("/storage", "Datastore.AllocateSpace") {
		e.unseen("There may be backups on storages that Berth's API token may not see")
	}
	own := fmt.Sprintf("/vms/%d", e.vmid)
	mayRead := rights.Has(own, "VM.Backup")
	if !mayRead && len(storages) > 0 {
		e.unseen("The backups are not known: Berth's API token lacks VM.Backup on " + own)
		return
	}
	var asked sync.WaitGroup
	for i := range storages {
		s := &storages[i]
		switch {
		case !rights.Has("/storage/"+s.Storage, "Datastore.AllocateSpace"):
			e.unseen(fmt.Sprintf("The backups on %s are not known: Berth's API token lacks Datastore.AllocateSpace on /storage/%s", s.Storage, s.Storage))
		case !s.Active:
			e.unseen(fmt.Sprintf("The backups on %s are not known: the storage cannot be used now", s.Storage))
		default:
			asked.Go(func() { e.readStorage(ctx, s.Storage) })
		}
	}
	asked.Wait()
}

func (e *effects) backupStorages(ctx context.Context) (pve.Permissions, []pve.StorageStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	rights, err := e.client.Permissions(ctx)
	if err != nil {
		return nil, nil, err
	}
	storages, err := e.client.Storages(ctx, e.node, "backup")
	return rights, storages, err
}

func (e *effects) readStorage(ctx context.Context, storage string) {
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	volumes, err := e.client.StorageContent(ctx, e.node, storage, pve.ContentQuery{Content: "backup", VMID: e.vmid})
	e.note(err, "the backups on "+storage+" are not known", func() {
		kept := BackupsKept{Storage: storage}
		for i := range volumes {
			kept.Count++
			kept.SizeBytes += volumes[i].SizeBytes
			if volumes[i].Time.After(kept.Latest) {
				kept.Latest = volumes[i].Time
			}
		}
		e.found.Backups = append(e.found.Backups, kept)
	})
}

func (e *effects) unseen(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.found.Unknown = append(e.found.Unknown, sentence(what))
}
