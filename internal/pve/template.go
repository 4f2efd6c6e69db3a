package pve

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// MakeTemplate turns a stopped container without snapshots into a template for clones, for good, and waits for it.
//
// The server answers null although it starts a task (pve-container 6.1.10 LXC.pm); the task is found by comparing the
// lists from before and after.
func (c *Client) MakeTemplate(ctx context.Context, node string, vmid int) error {
	query := TaskQuery{Source: "all", VMID: vmid, Type: "vztemplate"}
	before, err := c.NodeTasks(ctx, node, query)
	if err != nil {
		return err
	}
	if err := c.BeginTemplate(ctx, node, vmid); err != nil {
		return err
	}
	var task UPID
	err = c.poll(ctx, func(elapsed time.Duration) (done bool, err error) {
		after, err := c.NodeTasks(ctx, node, query)
		for _, row := range after {
			if !slices.ContainsFunc(before, func(b TaskRow) bool { return b.UPID == row.UPID }) {
				task = row.UPID
			}
		}
		return task != "" || elapsed > unknownGrace, err
	})
	if err != nil {
		return err
	}
	if task == "" {
		return c.checkTemplate(ctx, node, vmid)
	}
	_, err = c.Wait(ctx, task)
	return err
}

// BeginTemplate is MakeTemplate without waiting. Which task it is the server does not say.
func (c *Client) BeginTemplate(ctx context.Context, node string, vmid int) error {
	return c.run(ctx, post("/nodes/{node}/lxc/{vmid}/template", node, vmid))
}

// checkTemplate looks at the result of a task that was not found.
func (c *Client) checkTemplate(ctx context.Context, node string, vmid int) error {
	config, err := c.ContainerConfig(ctx, node, vmid, ConfigQuery{})
	if err == nil && !config.Template {
		err = fmt.Errorf("container %d on %s did not become a template, and no task says why", vmid, node)
	}
	return err
}
