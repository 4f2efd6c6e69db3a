package pve

import "context"

// CreateRequest describes a new container. The server needs at least VMID, OSImage and RootFS (STORAGE:GIB; a plain
// size is for root@pam only).
type CreateRequest struct {
	VMID    int    `pve:"vmid"`
	OSImage string `pve:"ostemplate"` // STORAGE:vztmpl/NAME
	Settings
	// Unprivileged should always be given: the server's default is true since pve-container 6.0.6 (9.0) and false before.
	Unprivileged  *bool  `pve:"unprivileged"`
	Architecture  string `pve:"arch"`
	Storage       string `pve:"storage"` // default for disks that name none
	Pool          string `pve:"pool"`
	Password      string `pve:"password"`        // of root, 5 characters or more
	SSHPublicKeys string `pve:"ssh-public-keys"` // one per line
	// Start starts it afterwards, in a task of its own: the task of the creation can succeed although the start failed.
	Start              bool    `pve:"start"`
	HAManaged          bool    `pve:"ha-managed"` // since 9.1
	IgnoreUnpackErrors bool    `pve:"ignore-unpack-errors"`
	BandwidthKiBps     float64 `pve:"bwlimit"`
}

// Create creates a container. If its task fails, nothing is left of it; if its worker is killed, a configuration with
// only a lock is, which pct unlock on the node frees (pve-container 6.1.10).
func (c *Client) Create(ctx context.Context, node string, r CreateRequest) (UPID, error) {
	return c.start(ctx, post("/nodes/{node}/lxc", node).with(r))
}

// RestoreRequest describes a container that is made from a backup. Settings replace those of the backup.
type RestoreRequest struct {
	VMID   int    `pve:"vmid"`
	Volume string `pve:"ostemplate"` // of the backup, STORAGE:backup/NAME
	Settings
	Unprivileged   *bool   `pve:"unprivileged"` // nil: as the backup says
	Storage        string  `pve:"storage"`      // for the disks
	Pool           string  `pve:"pool"`
	Overwrite      bool    `pve:"force"`  // replace the stopped container of that VMID; its disks are destroyed first
	NewMACs        bool    `pve:"unique"` // make new hardware addresses
	Start          bool    `pve:"start"`
	BandwidthKiBps float64 `pve:"bwlimit"`
}

// Restore makes a container from a backup.
func (c *Client) Restore(ctx context.Context, node string, r RestoreRequest) (UPID, error) {
	form := encodeForm(r)
	form.Set("restore", "1")
	return c.start(ctx, post("/nodes/{node}/lxc", node).with(form))
}

// DeleteOptions belongs to Delete.
type DeleteOptions struct {
	Force bool `pve:"force"` // stop it first
	Purge bool `pve:"purge"` // also remove it from backup jobs, replication and HA
	// UnreferencedDisks also destroys disks on all storages that carry its VMID but are not in its configuration.
	// One broken storage then fails the task.
	UnreferencedDisks bool `pve:"destroy-unreferenced-disks"`
}

// Delete destroys a container and its disks, with all permissions on /vms/VMID.
func (c *Client) Delete(ctx context.Context, node string, vmid int, o DeleteOptions) (UPID, error) {
	return c.start(ctx, del("/nodes/{node}/lxc/{vmid}", node, vmid).with(o))
}
