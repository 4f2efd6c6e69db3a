package fleet

import (
	"context"
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
	var asked sync.WaitGroup
	for _, storage := range e.readable(rights, storages) {
		asked.Go(func() { e.readStorage(ctx, storage) })
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
