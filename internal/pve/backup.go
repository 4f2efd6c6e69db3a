package pve

import (
	"context"
	"errors"
	"time"
)

// BackupRequest describes a backup (vzdump) of one or more containers of one node.
type BackupRequest struct {
	VMIDs          []int   `pve:"vmid"`
	Storage        string  `pve:"storage"`
	Mode           string  `pve:"mode"`     // snapshot, suspend or stop; snapshot becomes suspend if the storage cannot
	Compress       string  `pve:"compress"` // zstd, gzip, lzo; the server's default is none
	NotesTemplate  string  `pve:"notes-template"`
	Protected      bool    `pve:"protected"`     // never pruned
	Remove         *bool   `pve:"remove"`        // prune by the policy of the storage afterwards; the server's default is true
	PruneBackups   string  `pve:"prune-backups"` // such as keep-last=3; needs Datastore.Allocate
	BandwidthKiBps float64 `pve:"bwlimit"`
}

// ErrNotOnNode says that there was nothing to back up because none of the containers is on that node, where they may
// have been a moment ago. The server's answer then is OK in place of a task (pve-manager VZDump.pm).
var ErrNotOnNode = errors.New("none of the containers is on this node")

// Backup makes backups. It must be sent to the node of the containers. A node makes one at a time; others wait.
// A failure of any of them ends the task with "job errors", and the log says more.
func (c *Client) Backup(ctx context.Context, node string, r BackupRequest) (UPID, error) {
	request := post("/nodes/{node}/vzdump", node).with(r)
	text, err := fetch[string](ctx, c, request)
	if err != nil {
		return "", err
	}
	if text == "OK" {
		return "", ErrNotOnNode
	}
	return taskOf(request, text)
}

// BackupConfig reads the configuration inside a backup, as text.
func (c *Client) BackupConfig(ctx context.Context, node, volume string) (string, error) {
	query := struct {
		Volume string `pve:"volume"`
	}{volume}
	return fetch[string](ctx, c, get("/nodes/{node}/vzdump/extractconfig", node).with(query))
}

// BackupJob is a planned backup.
type BackupJob struct {
	ID        string    `pve:"id"`
	Enabled   *bool     `pve:"enabled"` // nil is true
	Schedule  string    `pve:"schedule"`
	NextRun   time.Time `pve:"next-run"`
	Storage   string    `pve:"storage"`
	Node      string    `pve:"node"` // empty: all
	All       bool      `pve:"all"`
	VMIDs     []string  `pve:"vmid"`
	Exclude   []string  `pve:"exclude"` // with All
	Pool      string    `pve:"pool"`
	Mode      string    `pve:"mode"`
	Compress  string    `pve:"compress"`
	Comment   string    `pve:"comment"`
	StartTime string    `pve:"starttime"` // of jobs before 7.1 that have no schedule
	Weekdays  string    `pve:"dow"`
	Odd       []string  `pve:",odd"`
}

// BackupJobs lists the planned backups. It needs Sys.Audit on /.
func (c *Client) BackupJobs(ctx context.Context) ([]BackupJob, error) {
	return fetch[[]BackupJob](ctx, c, get("/cluster/backup"))
}

// UncoveredGuest is a guest that no backup job covers.
type UncoveredGuest struct {
	VMID int      `pve:"vmid"`
	Name string   `pve:"name"`
	Type string   `pve:"type"` // lxc or qemu
	Odd  []string `pve:",odd"`
}

// NotBackedUp lists the guests that no backup job covers, of those for which the caller has VM.Audit. It needs
// Sys.Audit on /.
func (c *Client) NotBackedUp(ctx context.Context) ([]UncoveredGuest, error) {
	return fetch[[]UncoveredGuest](ctx, c, get("/cluster/backup-info/not-backed-up"))
}
