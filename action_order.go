package berth

import (
	"regexp"
	"slices"
)

// SnapshotOrder says which snapshot.
type SnapshotOrder struct {
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"` // snapshot
	First       string `json:"first,omitempty"`       // rollback: the name of a snapshot that is taken before; ZFS cannot go back past one
}

// BackupOrder says what backup to make, or which one.
type BackupOrder struct {
	Storage   string `json:"storage,omitempty"`   // backup: where to; restore: for the disks, empty: where they are now
	Mode      string `json:"mode,omitempty"`      // backup: snapshot, suspend or stop
	Compress  string `json:"compress,omitempty"`  // backup: zstd, gzip, lzo or 0
	Notes     string `json:"notes,omitempty"`     // backup
	Protected bool   `json:"protected,omitempty"` // backup: never pruned
	Volume    string `json:"volume,omitempty"`    // backup-delete, restore: STORAGE:backup/NAME
}

// CopyOrder says where to clone or move a container.
type CopyOrder struct {
	Node     string `json:"node,omitempty"`     // empty: clone stays on its node
	Storage  string `json:"storage,omitempty"`  // of a full clone, or of the disks of one that moves; empty: as they are
	VMID     int    `json:"vmid,omitempty"`     // clone: 0 is the next free one
	Hostname string `json:"hostname,omitempty"` // clone
	Pool     string `json:"pool,omitempty"`     // clone

	Description string `json:"description,omitempty"` // clone: empty is as the original
	Snapshot    string `json:"snapshot,omitempty"`    // clone: of that state; needed if the container runs
	Full        bool   `json:"full,omitempty"`        // clone: copy all data; a linked clone is only of a template
	Restart     bool   `json:"restart,omitempty"`     // migrate: shut it down, move it, start it again; needed if it runs
}

// DiskOrder says what to do to a disk.
type DiskOrder struct {
	Name       string `json:"name,omitempty"`       // rootfs, mp0, ...
	GiB        int    `json:"gib,omitempty"`        // resize: its new size; it can only grow
	Storage    string `json:"storage,omitempty"`    // move-volume
	KeepSource bool   `json:"keepSource,omitempty"` // move-volume: the old disk stays as an unused one
}

var (
	snapshotName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{1,39}$`)
	diskName     = regexp.MustCompile(`^(rootfs|mp[0-9]{1,3})$`)
	backupModes  = []string{"snapshot", "suspend", "stop"}
	compressions = []string{"zstd", "gzip", "lzo", "0"}
)

const snapshotNameRule = "The name of a snapshot has 2 to 40 letters, digits, dashes and underscores, and starts with a letter."

// checkOrder refuses what makes no sense whatever the container is like.
func (r *ActionRequest) checkOrder() *Refusal {
	fields := map[string]string{}
	wrong := func(is bool, field, message string) {
		if is {
			fields[field] = message
		}
	}
	switch r.Action {
	case ActionSnapshot, ActionSnapshotDelete, ActionRollback:
		wrong(!snapshotName.MatchString(r.Snapshot.Name) || r.Snapshot.Name == "current", "name", snapshotNameRule)
		wrong(r.Snapshot.First != "" && (!snapshotName.MatchString(r.Snapshot.First) || r.Snapshot.First == r.Snapshot.Name), "first", snapshotNameRule)
	case ActionBackup:
		wrong(!pveName.MatchString(r.Backup.Storage), "storage", "Choose a storage for the backup.")
		wrong(!slices.Contains(backupModes, r.Backup.Mode), "mode", "The mode is snapshot, suspend or stop.")
		wrong(!slices.Contains(compressions, r.Backup.Compress), "compress", "The compression is zstd, gzip, lzo or 0 for none.")
	case ActionBackupDelete, ActionRestore:
		wrong(!backupForm.MatchString(r.Backup.Volume), "volume", "Choose a backup.")
	case ActionClone:
		wrong(r.Copy.VMID != 0 && (r.Copy.VMID < minVMID || r.Copy.VMID > maxVMID), "vmid", "A VMID is a number from 100 to 999999999.")
		wrong(r.Copy.Hostname != "" && !hostnameForm.MatchString(r.Copy.Hostname), "hostname", "A hostname has letters, digits and dashes, and starts and ends with a letter or digit.")
	case ActionMigrate:
		wrong(r.Copy.Node == "", "node", "Choose a node.")
	case ActionResize:
		wrong(!diskName.MatchString(r.Disk.Name), "name", "Choose a disk.")
		wrong(r.Disk.GiB < 1 || r.Disk.GiB > mostDiskGiB, "gib", "The disk has at least 1 GiB.")
	case ActionMoveVolume:
		wrong(!diskName.MatchString(r.Disk.Name), "name", "Choose a disk.")
		wrong(!pveName.MatchString(r.Disk.Storage), "storage", "Choose a storage.")
	}
	if len(fields) == 0 {
		return nil
	}
	return &Refusal{Short: "not complete", Err: InvalidFields(fields)}
}

// checkFit refuses what Proxmox would refuse for a container in this state.
func (r *ActionRequest) checkFit(c *Container) *Refusal {
	running := c.Live == LiveRunning
	switch {
	case r.Action == ActionCleanUp && c.Lifecycle != LifecycleError:
		return refuse("nothing to clean up", Conflict, "%s is no creation that failed.", c.Hostname)
	case r.Action == ActionRestore && c.Protected:
		return refuse("protected", Conflict, "%s is protected against being overwritten: switch its protection off first.", c.Hostname)
	case r.Action == ActionRestore && running && !r.StopFirst:
		return refuse("running", Conflict, "%s runs: stop it first, or let the restore do so.", c.Hostname)
	case r.Action == ActionClone && running && r.Copy.Snapshot == "":
		return refuse("running", Conflict, "%s runs: choose one of its snapshots to clone, or shut it down first.", c.Hostname)
	case r.Action == ActionMigrate && running && !r.Copy.Restart:
		return refuse("running", Conflict, "%s runs, and containers cannot move while they do: let it be restarted.", c.Hostname)
	case r.Action == ActionMigrate && r.Copy.Node == c.Node:
		return refuse("is there already", Conflict, "%s is on %s already.", c.Hostname, c.Node)
	case (r.Action == ActionTemplate || r.Action == ActionMoveVolume) && running:
		return refuse("running", Conflict, "%s runs: shut it down first.", c.Hostname)
	case (r.Action == ActionSnapshot || r.Action == ActionRollback) && c.PVETemplate:
		return refuse("template of Proxmox", Conflict, "%s is a template of Proxmox, which has no snapshots.", c.Hostname)
	case r.Action == ActionTemplate && c.PVETemplate:
		return refuse("template of Proxmox", Conflict, "%s is a template of Proxmox already.", c.Hostname)
	}
	return nil
}
