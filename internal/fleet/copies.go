package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"berth"
	"berth/internal/jobs"
	"berth/internal/pve"
)

// mayEndUp refuses to make or move a container to where the actor may not have it.
func mayEndUp(by berth.Actor, c *berth.Container, r *berth.ActionRequest) error {
	would := *c
	switch r.Action {
	case berth.ActionClone:
		would.VMID, would.ID = r.Copy.VMID, ""
		would.Hostname, would.Pool = r.Copy.Hostname, r.Copy.Pool
	case berth.ActionMigrate:
	default:
		return nil
	}
	if r.Copy.Node != "" {
		would.Node = r.Copy.Node
	}
	if !by.Access.On(&would).Includes(berth.RoleOperator) {
		return berth.Errorf(berth.Forbidden, "Your role may not have %s there; it takes the role %s.", c.Hostname, berth.RoleOperator)
	}
	return nil
}

// clone copies the container. Which VMID the copy gets is kept before it is asked for, and Proxmox gives each only once.
func (w *worker) clone(ctx context.Context) (string, error) {
	if err := w.Step(ctx, "Choose a VMID", w.chooseCopyID); err != nil {
		return "", err
	}
	c := w.Request.Copy
	request := pve.CloneRequest{Hostname: c.Hostname, Description: c.Description, Pool: c.Pool, Snapshot: c.Snapshot, Full: c.Full, Storage: c.Storage}
	node := w.kept.Node
	if c.Node != "" && c.Node != node {
		request.TargetNode, node = c.Node, c.Node
	}
	o := order{name: "clone", kinds: []string{"vzclone"}, post: func(ctx context.Context) (pve.UPID, error) {
		request.NewID = w.kept.NewID
		return w.client.Clone(ctx, w.kept.Node, w.VMID, request)
	}}
	err := w.carryOut(ctx, o)
	for try := 1; pve.Classify(err).Kind == pve.KindExists && w.task(o.name).UPID == "" && c.VMID == 0 && try < mostPosts; try++ { // somebody was faster
		delete(w.kept.Tasks, o.name)
		if err = w.chooseCopyID(ctx); err == nil {
			err = w.carryOut(ctx, o)
		}
	}
	if err != nil {
		return "", err
	}
	message := fmt.Sprintf("%s is cloned: %d on %s.", w.Hostname, w.kept.NewID, node)
	return message, w.Step(ctx, seeStep+"listed", func(ctx context.Context) error {
		if err := w.listed(ctx, w.kept.NewID); err != nil {
			return err
		}
		w.show(ctx, w.kept.NewID, node)
		return nil
	})
}

// show has what a container says itself on the screen, which the cluster's statistics say only seconds later.
func (w *worker) show(ctx context.Context, vmid int, node string) {
	at := w.actions.fleet.now()
	if status, err := w.client.ContainerStatus(ctx, node, vmid); err == nil {
		w.tell(ctx, func(p *poller) { p.showStatus(vmid, node, status, at) })
	}
}

// chooseCopyID settles the VMID of the copy, or another one above it.
func (w *worker) chooseCopyID(ctx context.Context) error {
	if w.kept.NewID = cmp.Or(w.Request.Copy.VMID, w.kept.NewID); w.Request.Copy.VMID == 0 {
		spec := berth.CreateSpec{Cluster: w.Cluster, VMID: w.kept.NewID}
		if _, err := w.actions.chooseVMID(ctx, w.poller, berth.Access{}, &spec, true); err != nil {
			if e, ours := errors.AsType[*berth.Error](err); ours {
				return jobs.Fail(e.Err, "%s", e.Message)
			}
			return err
		}
		w.kept.NewID = spec.VMID
	}
	return w.save(ctx)
}

// listed waits until the cluster's list has a container, which only makes the screen better.
func (w *worker) listed(ctx context.Context, vmid int) error {
	deadline := time.Now().Add(w.actions.patience.Agree)
	for {
		c, found := w.actions.fleet.Snapshot().Find(w.Cluster, vmid)
		if found && c.Live != "" || time.Now().After(deadline) {
			return nil
		}
		w.tell(ctx, func(p *poller) { p.listSoon() })
		if err := pause(ctx, firstLook); err != nil {
			return err
		}
	}
}

// migrate moves the container to another node.
func (w *worker) migrate(ctx context.Context) (string, error) {
	c := w.Request.Copy
	request := pve.MigrateRequest{TargetNode: c.Node, Restart: c.Restart, Timeout: w.Request.Timeout, TargetStorage: c.Storage}
	there := func(ctx context.Context, _ time.Time) (bool, error) {
		_, err := w.status(ctx)
		return w.kept.Node == c.Node, err
	}
	err := w.carryOut(ctx, order{name: "migrate", kinds: []string{"vzmigrate", "hamigrate"}, done: there, post: func(ctx context.Context) (pve.UPID, error) {
		return w.client.Migrate(ctx, w.kept.Node, w.VMID, request)
	}})
	if err != nil {
		return "", err
	}
	err = w.Step(ctx, seeStep+"on "+c.Node, func(ctx context.Context) error { return w.agreeNode(ctx, c.Node) })
	return fmt.Sprintf("%s is on %s.", w.Hostname, c.Node), err
}

// agreeNode waits until the cluster says that the container is on the node.
func (w *worker) agreeNode(ctx context.Context, node string) error {
	deadline := time.Now().Add(w.actions.patience.Agree)
	for {
		_, err := w.status(ctx)
		switch {
		case err == nil && w.kept.Node == node:
			w.show(ctx, w.VMID, node)
			w.tell(ctx, func(p *poller) { p.listSoon() })
			return w.save(ctx)
		case time.Now().After(deadline) && err != nil:
			return err
		case time.Now().After(deadline):
			return jobs.Fail(nil, "Proxmox's task ended well, but %s is on %s.", w.Hostname, w.kept.Node)
		}
		if err := pause(ctx, firstLook); err != nil {
			return err
		}
	}
}

// makeTemplate turns the container into a template of Proxmox.
func (w *worker) makeTemplate(ctx context.Context) (string, error) {
	is := func(ctx context.Context, _ time.Time) (bool, error) {
		config, err := w.client.ContainerConfig(ctx, w.kept.Node, w.VMID, pve.ConfigQuery{})
		return config.Template, err
	}
	err := w.carryOut(ctx, order{name: "template", kinds: []string{"vztemplate"}, done: is, post: func(ctx context.Context) (pve.UPID, error) {
		return "", w.client.BeginTemplate(ctx, w.kept.Node, w.VMID)
	}})
	w.show(ctx, w.VMID, w.kept.Node)
	return fmt.Sprintf("%s is a template of Proxmox now.", w.Hostname), err
}
