package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"berth"
	"berth/internal/jobs"
	"berth/internal/pve"
	"berth/internal/store"
)

const (
	kindCreate = "container.create"
	orderMake  = "create" // the order that makes the container
)

// creation is the args of a creation's job. Password and keys are not part of it: they are sealed in the container's row.
type creation struct {
	target
	Spec   berth.CreateSpec `json:"spec"`
	Made   bool             `json:"made,omitempty"`   // by a job before, which failed later
	MadeBy pve.UPID         `json:"madeBy,omitempty"` // the task of a job before, which ended first
}

// Create asks for a new container and returns at once with the job that makes it. From then on the container is there with
// lifecycle creating. A request with the key of one before gets the job of that one. Refuses with Invalid and a message per
// field, Forbidden, Conflict if the one before was for something else, or Unavailable when the cluster cannot be asked for a
// VMID.
func (a *Actions) Create(ctx context.Context, by berth.Actor, spec berth.CreateSpec) (berth.Job, error) {
	if err := spec.Validate(); err != nil {
		return berth.Job{}, err
	}
	job, found, err := a.createdBefore(ctx, by, spec)
	if err != nil || found {
		return job, err
	}
	if job, err = a.createNow(ctx, by, spec); err != nil {
		if before, found, lookErr := a.createdBefore(ctx, by, spec); lookErr == nil && found { // at the same time
			return before, nil
		}
	}
	return job, err
}

// createdBefore gives the job of a request with the same key.
func (a *Actions) createdBefore(ctx context.Context, by berth.Actor, spec berth.CreateSpec) (job berth.Job, found bool, err error) {
	if spec.Key == "" {
		return job, false, nil
	}
	job, err = a.fleet.store.Job(ctx, spec.Key)
	if berth.CodeOf(err) == berth.NotFound {
		return job, false, nil
	}
	if err != nil {
		return job, false, err
	}
	c, _, err := creationOf(&job)
	if spec.VMID == 0 {
		spec.VMID = c.Spec.VMID
	}
	now, marshalErr := json.Marshal(spec)
	then, thenErr := json.Marshal(c.Spec)
	if err := errors.Join(marshalErr, thenErr); err != nil {
		return job, false, err
	}
	if err != nil || job.ActorID != by.ID || !bytes.Equal(now, then) {
		return berth.Job{}, false, berth.Errorf(berth.Conflict, "This form has been sent already, with other values: open it anew for another container.")
	}
	return job, true, nil
}

func (a *Actions) createNow(ctx context.Context, by berth.Actor, spec berth.CreateSpec) (berth.Job, error) {
	p, err := a.placeFor(ctx, by, &spec)
	if err != nil {
		return berth.Job{}, err
	}
	auto := spec.VMID == 0
	for try := 1; ; try++ {
		instead, err := a.chooseVMID(ctx, p, by.Access, &spec, auto)
		if err != nil {
			return berth.Job{}, err
		}
		job, err := a.addCreation(ctx, by, p, &spec, instead)
		if berth.CodeOf(err) == berth.Conflict && auto && try < mostPosts { // somebody has taken this VMID a moment ago
			continue
		}
		return job, err
	}
}

// placeFor gives the poller of the cluster, if the actor may have the container there.
func (a *Actions) placeFor(ctx context.Context, by berth.Actor, spec *berth.CreateSpec) (*poller, error) {
	p := a.fleet.pollerOf(func(p *poller) bool { return p.cluster.Name == spec.Cluster })
	switch {
	case p == nil || p.client == nil || !by.Access.Reaches(berth.RoleViewer, spec.Cluster, ""):
		return nil, berth.InvalidFields(map[string]string{"cluster": "There is no cluster of that name."})
	case !by.Access.On(spec.Container()).Includes(berth.RoleOperator):
		return nil, berth.Errorf(berth.Forbidden, "Your role may not create this container; it takes the role %s there.", berth.RoleOperator)
	}
	if err := a.mayRestore(ctx, by, spec); err != nil {
		return nil, err
	}
	for _, view := range a.fleet.Snapshot().Clusters {
		for _, n := range view.Nodes {
			if view.Cluster.Name != spec.Cluster || n.Name != spec.Node {
				continue
			}
			if !n.Online {
				return nil, berth.InvalidFields(map[string]string{"node": "Node " + n.Name + " is offline."})
			}
			return p, nil
		}
	}
	return nil, berth.InvalidFields(map[string]string{"node": "There is no node of that name."})
}

// addCreation writes the container's row, the job, and that it was asked for. The record of a container that is no more
// gives way.
func (a *Actions) addCreation(ctx context.Context, by berth.Actor, p *poller, spec *berth.CreateSpec, instead string) (job berth.Job, err error) {
	c := creation{Spec: *spec, target: target{ClusterID: p.cluster.ID, Cluster: spec.Cluster, VMID: spec.VMID, Node: spec.Node,
		Hostname: nameOf(spec), Request: berth.ActionRequest{Action: berth.ActionCreate}}}
	err = a.jobs.Change(ctx, "ask to create "+c.Hostname, func(tx *store.Tx) (err error) {
		if instead != "" {
			if err := errors.Join(tx.MarkGone(ctx, instead), tx.DropSecrets(ctx, instead)); err != nil && berth.CodeOf(err) != berth.NotFound {
				return err
			}
		}
		c.ContainerID, err = tx.TrackNew(ctx, store.Tracked{ClusterID: c.ClusterID, VMID: c.VMID, Node: c.Node, Hostname: c.Hostname, Lifecycle: berth.LifecycleCreating})
		if err != nil {
			return err
		}
		if spec.Password != "" || spec.SSHKeys != "" {
			if err := tx.KeepSecrets(ctx, c.ContainerID, store.Secrets{Password: spec.Password, SSHKeys: spec.SSHKeys}); err != nil {
				return err
			}
		}
		job, err = a.addCreationJob(ctx, tx, by, c)
		return err
	})
	if err == nil {
		p.tell(ctx, func() { p.reloadTracked() })
	}
	return job, err
}

func (a *Actions) addCreationJob(ctx context.Context, tx *store.Tx, by berth.Actor, c creation) (berth.Job, error) {
	args, err := json.Marshal(c)
	if err != nil {
		return berth.Job{}, err
	}
	job, err := a.jobs.Add(ctx, tx, berth.Job{ID: c.Spec.Key, Kind: kindCreate, Action: string(berth.ActionCreate), Subject: berth.ContainerKey(c.Cluster, c.VMID),
		Title: c.title(), Args: string(args), Actor: by.Name, ActorID: by.ID, Source: by.Source})
	if err != nil {
		return berth.Job{}, err
	}
	return job, tx.AddEvent(ctx, eventOf(job, c.target, "requested"))
}

// nameOf is the hostname, or what a container is called until it is restored.
func nameOf(spec *berth.CreateSpec) string {
	if spec.Hostname != "" {
		return spec.Hostname
	}
	return fmt.Sprintf("CT%d", spec.VMID)
}

// retryCreate makes a creation that failed go on from where it came to.
func (a *Actions) retryCreate(ctx context.Context, by berth.Actor, failed *berth.Job) (job berth.Job, err error) {
	c, kept, err := creationOf(failed)
	if err != nil {
		return berth.Job{}, err
	}
	p, err := a.placeFor(ctx, by, &c.Spec)
	if err != nil {
		return berth.Job{}, err
	}
	c.Made = c.Made || kept.Made
	if t := kept.Tasks[orderMake]; t != nil && t.UPID != "" {
		c.MadeBy = t.UPID
	}
	err = a.jobs.Change(ctx, "ask again to create "+c.Hostname, func(tx *store.Tx) (err error) {
		id, lifecycle, err := tx.Lifecycle(ctx, c.ClusterID, c.VMID)
		if err == nil && (id != c.ContainerID || lifecycle != berth.LifecycleError) {
			err = berth.Errorf(berth.NotFound, "“%s” cannot go on: its container is not there any more.", failed.Title)
		}
		if err != nil {
			return err
		}
		if err := tx.SetLifecycle(ctx, id, berth.LifecycleCreating); err != nil {
			return err
		}
		job, err = a.addCreationJob(ctx, tx, by, c)
		return err
	})
	if err == nil {
		p.tell(ctx, func() { p.reloadTracked() })
	}
	return job, err
}

// creationOf reads what a job was to create and how far it came.
func creationOf(job *berth.Job) (c creation, k kept, err error) {
	if job.Kind != kindCreate {
		return c, k, berth.Errorf(berth.Invalid, "“%s” is no creation.", job.Title)
	}
	if err = json.Unmarshal([]byte(job.Args), &c); err == nil && job.Checkpoint != "" {
		err = json.Unmarshal([]byte(job.Checkpoint), &k)
	}
	if err != nil {
		err = fmt.Errorf("read what job %s creates: %w", job.ID, err)
	}
	return c, k, err
}

// creator does one creation.
type creator struct {
	*worker
	spec   berth.CreateSpec
	madeBy pve.UPID
}

// workCreate does a creation, from the beginning or from where a worker before it came to.
func (a *Actions) workCreate(ctx context.Context, run *jobs.Run) (string, error) {
	w := &worker{Run: run, actions: a}
	var args creation
	if err := errors.Join(run.Args(&args), run.Checkpoint(&w.kept)); err != nil {
		return "", err
	}
	w.target, w.kept.Node = args.target, args.Node
	w.kept.Made = w.kept.Made || args.Made
	if err := w.connect(); err != nil {
		return "", err
	}
	if errors.Is(context.Cause(ctx), jobs.ErrCancelled) {
		return "", w.abandon(ctx)
	}
	c := &creator{w, args.Spec, args.MadeBy}
	message, err := c.create(ctx)
	return message, c.explainCreation(ctx, err)
}

func (c *creator) create(ctx context.Context) (string, error) {
	if !c.kept.Made {
		if err := c.Step(ctx, "Look whether the VMID is free", c.lookFree); err != nil {
			return "", err
		}
		if err := c.do(ctx, order{name: orderMake, kinds: []string{"vzcreate", "vzrestore"}, post: c.post}); err != nil {
			return "", err
		}
		c.kept.Made = true
		if err := errors.Join(c.save(ctx), c.keepLog(ctx, c.task(orderMake))); err != nil {
			return "", err
		}
	}
	wanted := "stopped"
	if c.spec.Start {
		wanted = "running"
		if err := c.startIt(ctx); err != nil {
			return "", err
		}
	}
	err := c.Step(ctx, seeStep+wanted, func(ctx context.Context) error { return errors.Join(c.agree(ctx, wanted), c.appear(ctx)) })
	return fmt.Sprintf("%s is there and %s.", c.Hostname, wanted), err
}

// lookFree makes sure that nobody has taken the VMID since it was chosen. What the task of a job before has made, or is
// making, is not made again.
func (c *creator) lookFree(ctx context.Context) error {
	t := c.task(orderMake)
	if t.Asked {
		return nil
	}
	free, err := c.client.IDFree(ctx, c.VMID)
	if err != nil || free {
		return err
	}
	if c.madeBy != "" {
		status, err := c.client.TaskStatus(ctx, c.madeBy)
		switch {
		case ambiguous(err):
			return err
		case err == nil && (status.Running() || status.Err() == nil):
			t.Asked, t.AskedAt, t.UPID, t.FirstLine = true, c.actions.fleet.now(), c.madeBy, c.Lines()
			return c.save(ctx)
		}
	}
	return berth.InvalidFields(map[string]string{"vmid": fmt.Sprintf("VMID %d has been taken meanwhile.", c.VMID)})
}

// post asks Proxmox for the container. It is refused if the VMID is taken, so that there is never a second one.
func (c *creator) post(ctx context.Context) (pve.UPID, error) {
	secrets, err := c.actions.fleet.store.Secrets(ctx, c.ContainerID)
	if err != nil {
		return "", err
	}
	s := &c.spec
	if s.Backup != "" {
		return c.client.Restore(ctx, s.Node, pve.RestoreRequest{VMID: c.VMID, Volume: s.Backup, Settings: settingsOf(s), Storage: s.DiskStorage, Pool: s.Pool, NewMACs: !s.KeepMACs})
	}
	settings := settingsOf(s)
	settings.RootFS = &pve.Mount{Volume: fmt.Sprintf("%s:%d", s.DiskStorage, s.DiskGiB)}
	return c.client.Create(ctx, s.Node, pve.CreateRequest{VMID: c.VMID, OSImage: s.Image, Settings: settings, Unprivileged: &s.Unprivileged, Pool: s.Pool,
		Password: secrets.Password, SSHPublicKeys: secrets.SSHKeys})
}

// settingsOf are the settings that were given.
func settingsOf(s *berth.CreateSpec) pve.Settings {
	settings := pve.Settings{Hostname: s.Hostname, Tags: s.Tags, SwapMiB: s.SwapMiB}
	given := func(n int) *int {
		if n == 0 {
			return nil
		}
		return &n
	}
	settings.Cores, settings.MemoryMiB = given(s.Cores), given(s.MemoryMiB)
	if s.OnBoot {
		settings.OnBoot = &s.OnBoot
	}
	if s.Nesting {
		settings.Features = &pve.Features{Nesting: true}
	}
	if s.Bridge != "" {
		settings.Networks = map[int]pve.Network{0: {Name: "eth0", Bridge: s.Bridge, VLAN: s.VLAN, IP: s.IP, Gateway: s.Gateway, IP6: s.IP6, Gateway6: s.Gateway6, Firewall: true}}
	}
	return settings
}

// endedCreate gives the container its lifecycle. One of which nothing was begun leaves the list.
func (a *Actions) endedCreate(ctx context.Context, tx *store.Tx, job berth.Job) error {
	c, kept, err := creationOf(&job)
	if err != nil {
		return err
	}
	begun := c.Made || kept.Tasks[orderMake] != nil && kept.Tasks[orderMake].Asked
	switch {
	case job.State == berth.JobSucceeded:
		err = errors.Join(tx.SetLifecycle(ctx, c.ContainerID, berth.LifecycleReady), tx.DropSecrets(ctx, c.ContainerID))
	case job.State == berth.JobCancelled && !begun:
		err = errors.Join(tx.MarkGone(ctx, c.ContainerID), tx.DropSecrets(ctx, c.ContainerID))
	default:
		err = tx.SetLifecycle(ctx, c.ContainerID, berth.LifecycleError)
	}
	if err != nil && berth.CodeOf(err) != berth.NotFound { // the cluster was disconnected
		return err
	}
	return tx.AddEvent(ctx, eventOf(job, c.target, string(job.State)))
}

// Creation is a creation that was asked for, for showing its form again.
type Creation struct {
	Spec   berth.CreateSpec  // without password and keys
	Fields map[string]string // what Proxmox refused, by field of the spec
	Made   bool              // the container is there: only what follows failed
}

// Creation reads what a job creates. Returns NotFound, or Invalid if the job is no creation.
func (a *Actions) Creation(ctx context.Context, by berth.Actor, jobID string) (Creation, error) {
	job, err := a.Job(ctx, by, jobID)
	if err != nil {
		return Creation{}, err
	}
	c, kept, err := creationOf(&job)
	return Creation{Spec: c.Spec, Fields: maps.Clone(kept.Fields), Made: c.Made || kept.Made}, err
}
