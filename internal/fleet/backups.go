package fleet

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"berth"
	"berth/internal/jobs"
	"berth/internal/pve"
)

// escapeNotes makes text what it is in a template for notes, which has one line (pve-manager VZDump.pm).
var escapeNotes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", "")

// backUp makes a backup now. It never prunes: that is for plans.
func (w *worker) backUp(ctx context.Context) (string, error) {
	b := w.Request.Backup
	request := pve.BackupRequest{VMIDs: []int{w.VMID}, Storage: b.Storage, Mode: b.Mode, Compress: b.Compress, NotesTemplate: escapeNotes.Replace(b.Notes),
		Protected: b.Protected, Remove: new(bool)}
	err := w.carryOut(ctx, order{name: "backup", kinds: []string{"vzdump"}, post: func(ctx context.Context) (pve.UPID, error) {
		return w.client.Backup(ctx, w.kept.Node, request)
	}})
	w.showBackups(ctx, b.Storage)
	return fmt.Sprintf("%s is backed up on %s.", w.Hostname, b.Storage), err
}

// showBackups has the screen tell which backup is the newest one now. That it cannot be read is no reason to fail.
func (w *worker) showBackups(ctx context.Context, storage string) {
	volumes, err := w.client.StorageContent(ctx, w.kept.Node, storage, pve.ContentQuery{Content: "backup", VMID: w.VMID})
	if err != nil {
		w.actions.fleet.log.Debug("cannot list the backups of a container", "container", w.VMID, "storage", storage, "error", err)
		return
	}
	node := w.kept.Node
	w.tell(ctx, func(p *poller) { p.noteBackups(storage, node, w.VMID, latestByVMID(volumes)[w.VMID]) })
}

func (w *worker) deleteBackup(ctx context.Context) (string, error) {
	volume := w.Request.Backup.Volume
	storage, _, _ := strings.Cut(volume, ":")
	gone := func(ctx context.Context, _ time.Time) (bool, error) {
		there, err := w.hasBackup(ctx, volume)
		return err == nil && !there, err
	}
	if err := w.Step(ctx, "Look for the backup", w.ownBackup); err != nil {
		return "", err
	}
	err := w.carryOut(ctx, order{name: "backup-delete", kinds: []string{"imgdel"}, query: &pve.TaskQuery{Source: "all", Type: "imgdel"},
		about: fmt.Sprintf("%d@%s", w.VMID, storage), done: gone, post: func(ctx context.Context) (pve.UPID, error) {
			return w.client.DeleteVolume(ctx, w.kept.Node, storage, volume)
		}})
	w.showBackups(ctx, storage)
	return fmt.Sprintf("Backup %s of %s is deleted.", volume, w.Hostname), err
}

// restore replaces the container by one of its backups.
func (w *worker) restore(ctx context.Context) (string, error) {
	b := w.Request.Backup
	if err := w.Step(ctx, "Look for the backup", w.ownBackup); err != nil {
		return "", err
	}
	if err := w.Step(ctx, "Choose the storage", w.chooseStorage); err != nil {
		return "", err
	}
	if w.Was == berth.LiveRunning && w.Request.StopFirst {
		if err := w.carryOut(ctx, order{name: "stop", kinds: []string{"vzstop", "hastop"}, done: w.is("stopped"), post: w.stop}); err != nil {
			return "", err
		}
	}
	err := w.carryOut(ctx, order{name: "restore", kinds: []string{"vzrestore"}, post: func(ctx context.Context) (pve.UPID, error) {
		return w.client.Restore(ctx, w.kept.Node, pve.RestoreRequest{VMID: w.VMID, Volume: b.Volume, Storage: w.kept.Storage, Overwrite: true})
	}})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s is restored from %s.", w.Hostname, b.Volume), w.startAfter(ctx)
}

// chooseStorage settles where the disks go: where the root file system is now, unless somebody has chosen. Proxmox would
// take the storage local.
func (w *worker) chooseStorage(ctx context.Context) error {
	w.kept.Storage = w.Request.Backup.Storage
	if w.kept.Storage == "" {
		root, err := w.mount(ctx, "rootfs")
		if err != nil {
			return err
		}
		w.kept.Storage = root.Storage()
	}
	return w.save(ctx)
}

// ownBackup makes sure that the backup is one of this container: with that of another one it would become the other.
func (w *worker) ownBackup(ctx context.Context) error {
	volume := w.Request.Backup.Volume
	there, err := w.hasBackup(ctx, volume)
	if err == nil && !there && !w.task(string(w.Request.Action)).Asked {
		return jobs.Fail(nil, "%s has no backup %s.", w.Hostname, volume)
	}
	return err
}

// backupOwner is the VMID in the name of a backup, as in local:backup/vzdump-lxc-101-... or pbs:backup/ct/101/...
var backupOwner = regexp.MustCompile(`:backup/(?:.*/)?(?:vzdump-lxc-|ct/)(\d+)[-/]`)

// mayRestore refuses those who do not see everything a backup of a container that they may not act on: they would read it.
func (a *Actions) mayRestore(ctx context.Context, by berth.Actor, spec *berth.CreateSpec) error {
	if spec.Backup == "" || by.Access.Everywhere().Includes(berth.RoleOperator) {
		return nil
	}
	if owner := backupOwner.FindStringSubmatch(spec.Backup); owner != nil {
		p, c, err := a.find(by.Access, spec.Cluster+"/"+owner[1])
		if err == nil && by.Access.On(c).Includes(berth.RoleOperator) {
			return a.ownBackup(ctx, by, p, c, spec.Backup)
		}
	}
	return berth.Errorf(berth.Forbidden, "Your role may not restore this backup; it takes the role %s on its container.", berth.RoleOperator)
}

func (w *worker) hasBackup(ctx context.Context, volume string) (bool, error) {
	storage, _, _ := strings.Cut(volume, ":")
	all, err := w.client.StorageContent(ctx, w.kept.Node, storage, pve.ContentQuery{Content: "backup", VMID: w.VMID})
	return slices.ContainsFunc(all, func(v pve.Volume) bool { return v.ID == volume }), err
}
