package pve

import (
	"context"
	"time"
)

// Snapshot is a saved state of a container.
type Snapshot struct {
	Name        string    `pve:"name"`
	Description string    `pve:"description"` // ends with a newline
	Time        time.Time `pve:"snaptime"`
	Parent      string    `pve:"parent"`    // empty for the first
	State       string    `pve:"snapstate"` // prepare or delete if it was interrupted
	Odd         []string  `pve:",odd"`
}

// currentState is the name of the pseudo snapshot that stands for the present state.
const currentState = "current"

// Snapshots lists the snapshots in no order, and the name of the one that the present state descends from.
func (c *Client) Snapshots(ctx context.Context, node string, vmid int) (snapshots []Snapshot, parent string, err error) {
	rows, err := fetch[[]Snapshot](ctx, c, get("/nodes/{node}/lxc/{vmid}/snapshot", node, vmid))
	for _, s := range rows {
		if s.Name == currentState {
			parent = s.Parent
		} else {
			snapshots = append(snapshots, s)
		}
	}
	return snapshots, parent, err
}

// CreateSnapshot saves the state of the disks. Whether the storage can and the name is free shows only in the task.
// Names have 2 to 40 letters, digits, dashes and underscores, beginning with a letter.
func (c *Client) CreateSnapshot(ctx context.Context, node string, vmid int, name, description string) (UPID, error) {
	form := struct {
		Name        string `pve:"snapname"`
		Description string `pve:"description"`
	}{name, description}
	return c.start(ctx, post("/nodes/{node}/lxc/{vmid}/snapshot", node, vmid).with(form))
}

// DescribeSnapshot changes the description of a snapshot.
func (c *Client) DescribeSnapshot(ctx context.Context, node string, vmid int, name, description string) error {
	form := struct {
		Description *string `pve:"description"`
	}{&description}
	return c.run(ctx, put("/nodes/{node}/lxc/{vmid}/snapshot/{name}/config", node, vmid, name).with(form))
}

// DeleteSnapshot forgets a saved state. With force it is removed from the configuration even if its disks cannot be.
func (c *Client) DeleteSnapshot(ctx context.Context, node string, vmid int, name string, force bool) (UPID, error) {
	query := struct {
		Force bool `pve:"force"`
	}{force}
	return c.start(ctx, del("/nodes/{node}/lxc/{vmid}/snapshot/{name}", node, vmid, name).with(query))
}

// Rollback puts a container back to a saved state. A running container is killed first and, unless start is set,
// stays stopped (pve-guest-common AbstractConfig.pm). ZFS can only go back to the latest snapshot.
func (c *Client) Rollback(ctx context.Context, node string, vmid int, name string, start bool) (UPID, error) {
	form := struct {
		Start bool `pve:"start"`
	}{start}
	return c.start(ctx, post("/nodes/{node}/lxc/{vmid}/snapshot/{name}/rollback", node, vmid, name).with(form))
}
