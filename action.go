package berth

import (
	"slices"
	"time"
)

// Action is something that can be done to a container that exists.
type Action string

// The actions.
const (
	ActionStart      Action = "start"
	ActionShutdown   Action = "shutdown" // asks its init to end
	ActionStop       Action = "stop"     // kills it
	ActionReboot     Action = "reboot"
	ActionDelete     Action = "delete"
	ActionProtection Action = "protection" // the switch that makes Proxmox refuse to delete it
	ActionOnBoot     Action = "onboot"     // the switch that starts it with its node

	ActionSnapshot       Action = "snapshot"
	ActionSnapshotDelete Action = "snapshot-delete"
	ActionRollback       Action = "rollback" // back to a snapshot
	ActionBackup         Action = "backup"
	ActionBackupDelete   Action = "backup-delete"
	ActionRestore        Action = "restore" // from a backup, over the container; Actions.Create makes a new one of a backup
	ActionClone          Action = "clone"
	ActionMigrate        Action = "migrate"
	ActionTemplate       Action = "template" // it becomes a template of Proxmox, for good
	ActionResize         Action = "resize"   // of a disk
	ActionMoveVolume     Action = "move-volume"
	ActionConfig         Action = "config"   // see Actions.ChangeConfig
	ActionCleanUp        Action = "clean-up" // what a failed creation has left
)

// ActionCreate is what the job of a creation does; it is none of Actions, because there is no container before.
const ActionCreate Action = "create"

// Actions lists every action, in the order people look for them.
func Actions() []Action {
	return []Action{ActionStart, ActionShutdown, ActionStop, ActionReboot, ActionDelete, ActionProtection, ActionOnBoot,
		ActionSnapshot, ActionSnapshotDelete, ActionRollback, ActionBackup, ActionBackupDelete, ActionRestore,
		ActionClone, ActionMigrate, ActionTemplate, ActionResize, ActionMoveVolume, ActionConfig, ActionCleanUp}
}

// actionRules is who may do what, when, and how people say it.
var actionRules = map[Action]struct {
	role         Role
	live         LiveStatus // that it needs; empty: any
	privilege    string     // of Proxmox, for the container; empty: it depends on what is asked for
	verb, during string
}{
	ActionStart:      {RoleOperator, LiveStopped, "VM.PowerMgmt", "start", "starting"},
	ActionShutdown:   {RoleOperator, LiveRunning, "VM.PowerMgmt", "shut down", "shutting down"},
	ActionStop:       {RoleOperator, LiveRunning, "VM.PowerMgmt", "stop", "stopping"},
	ActionReboot:     {RoleOperator, LiveRunning, "VM.PowerMgmt", "reboot", "rebooting"},
	ActionDelete:     {RoleOperator, "", "VM.Allocate", "delete", "deleting"},
	ActionProtection: {RoleOperator, "", "VM.Config.Options", "change the protection of", "changing the protection"},
	ActionOnBoot:     {RoleOperator, "", "VM.Config.Options", "change the start at boot of", "changing the start at boot"},

	ActionSnapshot:       {RoleOperator, "", "VM.Snapshot", "take a snapshot of", "taking a snapshot"},
	ActionSnapshotDelete: {RoleOperator, "", "VM.Snapshot", "delete a snapshot of", "deleting a snapshot"},
	ActionRollback:       {RoleOperator, "", "", "roll back", "rolling back"},
	ActionBackup:         {RoleOperator, "", "VM.Backup", "back up", "backing up"},
	ActionBackupDelete:   {RoleOperator, "", "VM.Backup", "delete a backup of", "deleting a backup"},
	ActionRestore:        {RoleOperator, "", "VM.Backup", "restore", "restoring"},
	ActionClone:          {RoleOperator, "", "VM.Clone", "clone", "cloning"},
	ActionMigrate:        {RoleOperator, "", "VM.Migrate", "move", "moving"},
	ActionTemplate:       {RoleOperator, "", "VM.Allocate", "make a template of", "making a template"},
	ActionResize:         {RoleOperator, "", "VM.Config.Disk", "resize a disk of", "resizing a disk"},
	ActionMoveVolume:     {RoleOperator, "", "VM.Config.Disk", "move a disk of", "moving a disk"},
	ActionConfig:         {RoleOperator, "", "", "configure", "configuring"},
	ActionCleanUp:        {RoleOperator, "", "VM.Allocate", "clean up", "cleaning up"},
	ActionCreate:         {RoleOperator, "", "VM.Allocate", "create", "creating"},
}

// ActionPrivileges lists the privileges of Proxmox that actions, changes of the configuration and the console take, each once.
func ActionPrivileges() []string {
	return []string{"VM.PowerMgmt", "VM.Allocate", "VM.Config.Options", "VM.Snapshot", "VM.Backup", "VM.Clone", "VM.Migrate", "VM.Config.Disk",
		"VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network", consolePrivilege}
}

// Known tells whether a is one of Actions.
func (a Action) Known() bool { _, ok := actionRules[a]; return ok && a != ActionCreate }

// Verb says it as an order: "shut down".
func (a Action) Verb() string { return actionRules[a].verb }

// During says it while it happens: "shutting down".
func (a Action) During() string { return actionRules[a].during }

// ActionRequest is an action with what it needs to know.
type ActionRequest struct {
	Action        Action        `json:"action"`
	Timeout       time.Duration `json:"timeout,omitempty"`       // shutdown, reboot: how long its init may take; 0: a minute
	ThenStop      bool          `json:"thenStop,omitempty"`      // shutdown: kill it after the timeout
	StopFirst     bool          `json:"stopFirst,omitempty"`     // delete: kill it first if it runs
	Purge         bool          `json:"purge,omitempty"`         // delete: also from backup jobs, replication and HA
	BackupStorage string        `json:"backupStorage,omitempty"` // delete: back up there first, and delete only after that succeeded
	On            bool          `json:"on,omitempty"`            // protection, onboot: the new state of the switch

	Snapshot SnapshotOrder `json:"snapshot,omitzero"` // snapshot, snapshot-delete, rollback
	Backup   BackupOrder   `json:"backup,omitzero"`   // backup, backup-delete, restore
	Copy     CopyOrder     `json:"copy,omitzero"`     // clone, migrate
	Disk     DiskOrder     `json:"disk,omitzero"`     // resize, move-volume
	Start    bool          `json:"start,omitempty"`   // rollback, restore: start it afterwards
}

// Refusal is why an action is not possible now.
type Refusal struct {
	Short string // for counting those with the same reason: "already stopped", "locked (backup)"
	Err   *Error // the whole sentence, about this container
}

func refuse(short string, code Code, format string, args ...any) *Refusal {
	return &Refusal{Short: short, Err: Errorf(code, format, args...)}
}

// Check tells why a user of that role cannot do this to the container now: Forbidden, Conflict, Unavailable, NotFound or
// Invalid; nil if nothing that is known speaks against it. Jobs under way are not looked at.
func (r ActionRequest) Check(c *Container, role Role) *Refusal {
	rule, known := actionRules[r.Action]
	incomplete := r.checkOrder()
	switch {
	case !known || r.Action == ActionCreate:
		return refuse("unknown action", Invalid, "There is no action “%s”.", string(r.Action))
	case r.Timeout < 0 || r.Timeout > time.Hour:
		return refuse("bad timeout", Invalid, "A timeout is at most one hour.")
	case !role.Includes(rule.role):
		return refuse("not permitted", Forbidden, "Your role may not %s containers; it takes the role %s.", rule.verb, rule.role)
	case incomplete != nil:
		return incomplete
	case c.Lifecycle == LifecycleCreating:
		return refuse("being created", Conflict, "%s is still being created.", c.Hostname)
	case c.Unknown != "":
		return r.checkUnknown(c)
	case slices.Contains(c.Lacks, rule.privilege):
		return refuse("not permitted to Berth's token", Forbidden, "Berth's token may not %s %s: it lacks %s on %s. The page of nodes says how to grant it.",
			rule.verb, c.Hostname, rule.privilege, GuestPath(c.VMID))
	}
	return r.checkState(c)
}

// checkUnknown refuses what Proxmox cannot be asked for now.
func (r ActionRequest) checkUnknown(c *Container) *Refusal {
	switch c.Unknown {
	case UnknownGone:
		if r.Action == ActionDelete {
			return nil // its record remains to be ended
		}
		return refuse("gone", NotFound, "%s does not exist any more: it was deleted outside Berth.", c.Hostname)
	case UnknownNode:
		return refuse("node offline", Unavailable, "Node %s of %s is offline.", c.Node, c.Hostname)
	case UnknownCluster, UnknownNeverPolled:
		return refuse("cluster does not answer", Unavailable, "Cluster %s of %s does not answer.", c.Cluster, c.Hostname)
	}
	return r.checkState(c)
}

// checkState refuses what Proxmox would refuse.
func (r ActionRequest) checkState(c *Container) *Refusal {
	live := actionRules[r.Action].live
	switch {
	case c.Lock != "" && c.Lock != "mounted" && r.Action != ActionCleanUp:
		return refuse("locked ("+c.Lock+")", Conflict, "%s is locked by Proxmox (%s): wait for the end of that.", c.Hostname, c.Lock)
	case c.PVETemplate && live != "":
		return refuse("template of Proxmox", Conflict, "%s is a template of Proxmox, which never runs.", c.Hostname)
	case live == LiveStopped && c.Live == LiveRunning:
		return refuse("already running", Conflict, "%s runs already.", c.Hostname)
	case live == LiveRunning && c.Live == LiveStopped:
		return refuse("already stopped", Conflict, "%s is stopped already.", c.Hostname)
	case r.Action == ActionDelete && c.Protected:
		return refuse("protected", Conflict, "%s is protected against deletion: switch its protection off first.", c.Hostname)
	case r.Action == ActionDelete && c.Live == LiveRunning && !r.StopFirst:
		return refuse("running", Conflict, "%s runs: stop it first, or let the deletion do so.", c.Hostname)
	}
	return r.checkFit(c)
}
