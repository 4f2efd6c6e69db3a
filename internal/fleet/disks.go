package fleet

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"berth/internal/pve"
)

const gib = 1 << 30

// resize lets a disk grow.
func (w *worker) resize(ctx context.Context) (string, error) {
	d := w.Request.Disk
	grown := func(ctx context.Context, _ time.Time) (bool, error) {
		m, err := w.mount(ctx, d.Name)
		return m.SizeBytes() >= int64(d.GiB)*gib, err
	}
	err := w.carryOut(ctx, order{name: "resize", kinds: []string{"resize"}, done: grown, post: func(ctx context.Context) (pve.UPID, error) {
		return w.client.Resize(ctx, w.kept.Node, w.VMID, d.Name, fmt.Sprintf("%dG", d.GiB))
	}})
	return fmt.Sprintf("%s of %s has %d GiB.", d.Name, w.Hostname, d.GiB), err
}

// moveVolume moves a disk to another storage.
func (w *worker) moveVolume(ctx context.Context) (string, error) {
	d := w.Request.Disk
	there := func(ctx context.Context, _ time.Time) (bool, error) {
		m, err := w.mount(ctx, d.Name)
		return m.Storage() == d.Storage, err
	}
	request := pve.MoveVolumeRequest{Volume: d.Name, Storage: d.Storage, DeleteSource: !d.KeepSource}
	err := w.carryOut(ctx, order{name: "move-volume", kinds: []string{"move_volume"}, done: there, post: func(ctx context.Context) (pve.UPID, error) {
		return w.client.MoveVolume(ctx, w.kept.Node, w.VMID, request)
	}})
	return fmt.Sprintf("%s of %s is on %s.", d.Name, w.Hostname, d.Storage), err
}

// mount reads what a disk is now.
func (w *worker) mount(ctx context.Context, name string) (pve.Mount, error) {
	config, err := w.client.ContainerConfig(ctx, w.kept.Node, w.VMID, pve.ConfigQuery{})
	return mountNamed(&config, name), err
}

// mountNamed gives the root file system or a mount point; the zero value if there is none of that name.
func mountNamed(c *pve.ContainerConfig, name string) pve.Mount {
	if name == "rootfs" {
		return c.RootFS
	}
	n, err := strconv.Atoi(strings.TrimPrefix(name, "mp"))
	if err != nil {
		return pve.Mount{}
	}
	return c.Mounts[n]
}
