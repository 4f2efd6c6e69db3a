package pve

import (
	"context"
	"time"
)

// StorageStatus is a storage as one node sees it.
type StorageStatus struct {
	Storage        string   `pve:"storage"`
	Type           string   `pve:"type"`
	Content        []string `pve:"content"` // rootdir, vztmpl, backup, ...
	Active         bool     `pve:"active"`  // can be used now
	Enabled        bool     `pve:"enabled"`
	Shared         bool     `pve:"shared"`
	TotalBytes     int64    `pve:"total"`
	UsedBytes      int64    `pve:"used"`
	AvailableBytes int64    `pve:"avail"`
	Odd            []string `pve:",odd"`
}

// Storages lists the storages of a node that hold the given content, or all if content is empty. Those that the
// caller may not see (Datastore.Audit or Datastore.AllocateSpace) are missing.
func (c *Client) Storages(ctx context.Context, node, content string) ([]StorageStatus, error) {
	query := struct {
		Content string `pve:"content"`
	}{content}
	return fetch[[]StorageStatus](ctx, c, get("/nodes/{node}/storage", node).with(query))
}

// Volume is something on a storage: an OS image, a backup, a disk.
type Volume struct {
	ID           string       `pve:"volid"`   // STORAGE:NAME
	Content      string       `pve:"content"` // vztmpl, backup, rootdir, ...
	Format       string       `pve:"format"`
	VMID         int          `pve:"vmid"`
	Subtype      string       `pve:"subtype"` // of a backup: lxc or qemu
	Time         time.Time    `pve:"ctime"`
	SizeBytes    int64        `pve:"size"`
	UsedBytes    int64        `pve:"used"`
	Notes        string       `pve:"notes"` // in lists only the first line
	Protected    bool         `pve:"protected"`
	Encrypted    string       `pve:"encrypted"` // fingerprint of the key, of backups on a backup server
	Verification Verification `pve:"verification"`
	Path         string       `pve:"path"` // only from Volume
	Odd          []string     `pve:",odd"`
}

// Verification is what a backup server says of the integrity of a backup.
type Verification struct {
	State string `pve:"state"` // ok or failed; empty if it was not checked
	UPID  string `pve:"upid"`
}

// ContentQuery chooses what StorageContent lists.
type ContentQuery struct {
	Content string `pve:"content"` // backup, vztmpl, ...; empty: all
	VMID    int    `pve:"vmid"`    // 0: of all guests and none
}

// StorageContent lists what is on a storage. Rows that the caller may not see are missing: a list of backups without
// VM.Backup and Datastore.AllocateSpace is empty, not refused (pve-storage 9.1.7). A list that takes more than 30 s ends
// with status 596, KindNodeUnreachable (pve-http-server 6.0.5).
func (c *Client) StorageContent(ctx context.Context, node, storage string, q ContentQuery) ([]Volume, error) {
	return fetch[[]Volume](ctx, c, get("/nodes/{node}/storage/{storage}/content", node, storage).with(q))
}

// Volume reads one volume, with all its notes.
func (c *Client) Volume(ctx context.Context, node, storage, volume string) (Volume, error) {
	v, err := fetch[Volume](ctx, c, get("/nodes/{node}/storage/{storage}/content/{volume}", node, storage, volume))
	v.ID = volume
	return v, err
}

// VolumeChange changes a backup.
type VolumeChange struct {
	Notes     *string `pve:"notes"`
	Protected *bool   `pve:"protected"`
}

// UpdateVolume changes notes and protection of a backup.
func (c *Client) UpdateVolume(ctx context.Context, node, storage, volume string, change VolumeChange) error {
	return c.run(ctx, put("/nodes/{node}/storage/{storage}/content/{volume}", node, storage, volume).with(change))
}

// DeleteVolume removes an OS image, a backup or a disk. That a backup is protected shows only in the task.
func (c *Client) DeleteVolume(ctx context.Context, node, storage, volume string) (UPID, error) {
	return c.start(ctx, del("/nodes/{node}/storage/{storage}/content/{volume}", node, storage, volume))
}
