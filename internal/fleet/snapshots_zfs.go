package fleet

import (
	"context"
	"slices"
	"strings"

	"berth/internal/jobs"
	"berth/internal/pve"
)

// rollbackProblem says why there is no way back to a snapshot; zfs is the storage that only goes back to the newest one,
// empty if there is none. snapshots are newest first (pve-storage 9.1.7, ZFSPoolPlugin volume_rollback_is_possible).
func rollbackProblem(hostname, zfs string, snapshots []pve.Snapshot, name string) (problem, onZFS string) {
	i := slices.IndexFunc(snapshots, func(s pve.Snapshot) bool { return s.Name == name })
	if i < 0 {
		return hostname + " has no snapshot " + name + " (any more).", zfs
	}
	if zfs == "" || i == 0 {
		return "", zfs
	}
	newer := make([]string, i)
	for n := range i {
		newer[n] = snapshots[n].Name
	}
	return "A disk of " + hostname + " is on " + zfs + ". ZFS only goes back to the newest snapshot: delete the newer ones (" + strings.Join(newer, ", ") + ") first.", zfs
}

func noFirstOnZFS(zfs string) string {
	return "On ZFS (" + zfs + ") there is only a way back to the newest snapshot: one that is taken before would be in the way."
}

// lookBack makes sure that there is a way back to a snapshot, before one is taken first or the container is stopped.
func (w *worker) lookBack(ctx context.Context) error {
	if w.task("snapshot").Asked || w.task("rollback").Asked {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*effectsTimeout)
	defer cancel()
	config, err := w.client.ContainerConfig(ctx, w.kept.Node, w.VMID, pve.ConfigQuery{Current: true})
	if err != nil {
		return err
	}
	all, _, err := w.client.Snapshots(ctx, w.kept.Node, w.VMID)
	if err != nil {
		return err
	}
	s := w.Request.Snapshot
	zfs := storagesIn(w.actions.fleet.Snapshot(), w.Cluster).zfsOf(disksOf(&config, w.VMID))
	problem, _ := rollbackProblem(w.Hostname, zfs, newestFirst(all), s.Name)
	if problem == "" && zfs != "" && s.First != "" {
		problem = noFirstOnZFS(zfs)
	}
	if problem != "" {
		return jobs.Fail(nil, "%s", problem)
	}
	return nil
}
