package pve

import (
	"context"
	"time"
)

// Resize grows a disk (rootfs or mpN). The size is absolute (10G) or, with a plus, relative (+2G); disks cannot shrink.
func (c *Client) Resize(ctx context.Context, node string, vmid int, disk, size string) (UPID, error) {
	form := struct {
		Disk string `pve:"disk"`
		Size string `pve:"size"`
	}{disk, size}
	return c.start(ctx, put("/nodes/{node}/lxc/{vmid}/resize", node, vmid).with(form))
}

// MoveVolumeRequest says where to move a disk.
type MoveVolumeRequest struct {
	Volume       string `pve:"volume"` // rootfs or mpN
	Storage      string `pve:"storage"`
	DeleteSource bool   `pve:"delete"` // otherwise the old disk stays as unusedN
	Digest       string `pve:"digest"`
}

// MoveVolume moves a disk of a stopped container to another storage.
func (c *Client) MoveVolume(ctx context.Context, node string, vmid int, r MoveVolumeRequest) (UPID, error) {
	return c.start(ctx, post("/nodes/{node}/lxc/{vmid}/move_volume", node, vmid).with(r))
}

// CloneRequest describes a copy of a container.
type CloneRequest struct {
	NewID       int    `pve:"newid"`
	Hostname    string `pve:"hostname"`
	Description string `pve:"description"`
	Pool        string `pve:"pool"`
	Snapshot    string `pve:"snapname"` // copy that state; needed if the container runs
	Full        bool   `pve:"full"`     // copy all data, even of a template
	Storage     string `pve:"storage"`  // of a full copy
	TargetNode  string `pve:"target"`   // only with disks on shared storage
}

// Clone copies a container. The ID of the task is the VMID of the source. Hardware addresses are made anew.
func (c *Client) Clone(ctx context.Context, node string, vmid int, r CloneRequest) (UPID, error) {
	return c.start(ctx, post("/nodes/{node}/lxc/{vmid}/clone", node, vmid).with(r))
}

// MigrateRequest describes a move to another node.
type MigrateRequest struct {
	TargetNode    string        `pve:"target"`
	Restart       bool          `pve:"restart"` // needed if it runs: containers cannot move live
	Timeout       time.Duration `pve:"timeout"` // of the shutdown; the server's default is 180 s
	TargetStorage string        `pve:"target-storage"`
}

// Migrate moves a container to another node. Afterwards it is only known there.
func (c *Client) Migrate(ctx context.Context, node string, vmid int, r MigrateRequest) (UPID, error) {
	return c.start(ctx, post("/nodes/{node}/lxc/{vmid}/migrate", node, vmid).with(r))
}

// MigrationCheck says where a container can move.
type MigrationCheck struct {
	Running      bool     `pve:"running"`
	AllowedNodes []string `pve:"allowed-nodes"`
	Odd          []string `pve:",odd"`
}

// CheckMigration asks where a container can move. Before 9.0 it is KindUnsupported.
func (c *Client) CheckMigration(ctx context.Context, node string, vmid int) (MigrationCheck, error) {
	return fetch[MigrationCheck](ctx, c, get("/nodes/{node}/lxc/{vmid}/migrate", node, vmid))
}

// HasFeature reports whether the storage of a container can do something: snapshot, clone or copy.
func (c *Client) HasFeature(ctx context.Context, node string, vmid int, feature string) (bool, error) {
	query := struct {
		Feature string `pve:"feature"`
	}{feature}
	result, err := fetch[struct {
		HasFeature bool `pve:"hasFeature"`
	}](ctx, c, get("/nodes/{node}/lxc/{vmid}/feature", node, vmid).with(query))
	return result.HasFeature, err
}
