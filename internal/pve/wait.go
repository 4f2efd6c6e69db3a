package pve

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

const (
	firstPoll     = 150 * time.Millisecond
	longestPoll   = time.Second
	unknownGrace  = 5 * time.Second // a task can be asked for before the node has written its file
	outageGrace   = time.Minute     // a node that comes back within it only delays a wait
	pollingGrowth = 1.4
)

// Wait waits until a task has ended. The error of a task that failed is a *TaskError; warnings are success.
//
// Tasks of HA-managed containers (hastart, hastop, hamigrate) only queue a request and end at once; Wait then waits
// until the container is in the state that was asked for. A node or cluster that is away is waited for up to a minute.
func (c *Client) Wait(ctx context.Context, u UPID) (TaskStatus, error) {
	var status TaskStatus
	err := c.poll(ctx, func(elapsed time.Duration) (done bool, err error) {
		status, err = c.TaskStatus(ctx, u)
		if Classify(err).Kind == KindNotFound && elapsed < unknownGrace {
			return false, nil
		}
		return err == nil && !status.Running(), err
	})
	if err != nil {
		return status, fmt.Errorf("wait for task %s: %w", u, err)
	}
	if err := status.Err(); err != nil {
		return status, err
	}
	return status, c.waitHA(ctx, u)
}

// poll calls step, at growing intervals of up to a second, until it is done or fails. Failures to reach the node or
// the cluster are taken for a while.
func (c *Client) poll(ctx context.Context, step func(elapsed time.Duration) (done bool, err error)) error {
	started, reached := c.now(), c.now()
	for pause := firstPoll; ; pause = min(longestPoll, time.Duration(float64(pause)*pollingGrowth)) {
		done, err := step(c.now().Sub(started))
		switch {
		case err == nil:
			reached = c.now()
		case ctx.Err() != nil || !passing(err) || c.now().Sub(reached) > outageGrace:
			return err
		}
		if done {
			return nil
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// passing reports whether a failure may go away by itself.
func passing(err error) bool {
	switch Classify(err).Kind {
	case KindNodeUnreachable, KindUnavailable, KindBusy:
		return true
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// waitHA waits for what an HA task asked for (pve-ha-manager: the real work is a later task of root@pam).
func (c *Client) waitHA(ctx context.Context, u UPID) error {
	var reached func(ContainerResource) bool
	switch u.Type() {
	case "hastart":
		reached = func(r ContainerResource) bool { return r.Status == "running" }
	case "hastop":
		reached = func(r ContainerResource) bool { return r.Status == "stopped" }
	case "hamigrate":
		reached = func(r ContainerResource) bool { return r.Node != u.Node() }
	default:
		return nil
	}
	err := c.poll(ctx, func(time.Duration) (done bool, err error) {
		r, err := c.liveRow(ctx, u)
		if err == nil && r.HAState == "error" {
			return false, fmt.Errorf("HA manager reports an error for container %d", r.VMID)
		}
		return err == nil && reached(r), err
	})
	if err != nil {
		return fmt.Errorf("wait for HA manager after task %s: %w", u, err)
	}
	return nil
}

// liveRow finds the container of an HA task, which may move meanwhile, with its status of this moment.
func (c *Client) liveRow(ctx context.Context, u UPID) (ContainerResource, error) {
	vmid, err := strconv.Atoi(u.ID())
	if err != nil {
		return ContainerResource{}, fmt.Errorf("HA task without a container: %s", u)
	}
	resources, err := c.Resources(ctx)
	if err != nil {
		return ContainerResource{}, err
	}
	for _, r := range resources.Containers {
		if r.VMID != vmid {
			continue
		}
		live, err := c.ContainerStatus(ctx, r.Node, vmid)
		if Classify(err).Kind == KindNoContainer { // it moved between the two calls
			return r, nil
		}
		r.Status = live.Status
		return r, err
	}
	return ContainerResource{}, fmt.Errorf("container %d is gone", vmid)
}
