package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"berth"
	"berth/internal/jobs"
	"berth/internal/pve"
)

// worker does one action. What it must know after a crash is in kept.
type worker struct {
	target
	*jobs.Run
	actions *Actions
	poller  *poller
	client  *pve.Client
	kept    kept
	early   *early // nil: not read, or used up
}

// early are the tasks that there were at the look at the container, for its first order.
type early struct {
	node string
	rows []pve.TaskRow
}

// kept is the checkpoint of an action.
type kept struct {
	Node  string           `json:"node"` // where the container is
	HA    bool             `json:"ha,omitempty"`
	Tasks map[string]*task `json:"tasks,omitempty"` // by name of the order

	NewID   int               `json:"newID,omitempty"`   // clone: the VMID of the copy
	Storage string            `json:"storage,omitempty"` // restore: where the disks go
	Made    bool              `json:"made,omitempty"`    // creation: Proxmox has made the container
	Fields  map[string]string `json:"fields,omitempty"`  // what was refused, by field: creation, configuration
	Stale   bool              `json:"stale,omitempty"`   // configuration: somebody else has changed it meanwhile
}

// task is what is kept of an order to Proxmox: whether it was given, and what came of it.
type task struct {
	Known     []pve.UPID `json:"known,omitempty"` // tasks of its kind that there were before
	Asked     bool       `json:"asked"`           // it was given, or was about to be
	AskedAt   time.Time  `json:"askedAt,omitzero"`
	UPID      pve.UPID   `json:"upid,omitempty"`
	Needless  string     `json:"needless,omitempty"` // why Proxmox had nothing to do, in words
	FirstLine int        `json:"firstLine,omitempty"`
	Left      bool       `json:"left,omitempty"` // the job ended before it

	Kinds []string       `json:"kinds,omitempty"` // of the order, for finding its task
	Query *pve.TaskQuery `json:"query,omitempty"`
	About string         `json:"about,omitempty"`
	Token string         `json:"token,omitempty"` // whose tasks to look at
}

// work does an action, from the beginning or from where a worker before it came to.
func (a *Actions) work(ctx context.Context, run *jobs.Run) (message string, err error) {
	w := &worker{Run: run, actions: a}
	if err := errors.Join(run.Args(&w.target), run.Checkpoint(&w.kept)); err != nil {
		return "", err
	}
	if w.Gone {
		return "Its record is closed; Proxmox did not have it any more.", w.showGone(ctx)
	}
	if err := w.connect(); err != nil {
		return "", err
	}
	if errors.Is(context.Cause(ctx), jobs.ErrCancelled) {
		return "", w.abandon(ctx)
	}
	if err := w.Step(ctx, "Look at the container", w.look); err != nil {
		return "", w.explain(ctx, err)
	}
	message, err = w.act(ctx)
	return message, w.explain(ctx, err)
}

// look makes sure that the container is the one that was meant, before anything is done to it.
func (w *worker) look(ctx context.Context) error {
	if w.kept.Node == "" {
		w.kept.Node = w.Node
	}
	if _, c, err := w.actions.find(berth.Everywhere(berth.RoleOperator), w.Job.Subject); err == nil && c.Tracked() && c.ID != w.ContainerID {
		return jobs.Fail(nil, "Another container has taken VMID %d; nothing was done to it.", w.VMID)
	}
	var alsoAsked sync.WaitGroup
	alsoAsked.Go(w.tasksEarly(ctx))
	status, err := w.status(ctx)
	alsoAsked.Wait()
	if pve.Classify(err).Kind == pve.KindNoContainer {
		if removes(w.Request.Action) {
			w.task("delete").Needless = "it was gone already"
			return w.save(ctx)
		}
		return jobs.Fail(err, "%s does not exist any more.", w.Hostname)
	}
	if err != nil {
		return err
	}
	if status.Name != "" && status.Name != w.Hostname {
		return jobs.Fail(nil, "Container %d is called %s now, not %s; nothing was done to it.", w.VMID, status.Name, w.Hostname)
	}
	w.kept.HA = status.HA.Managed
	return w.save(ctx)
}

// status reads the container at its node, or where it has moved to.
func (w *worker) status(ctx context.Context) (pve.ContainerStatus, error) {
	w.reconnect()
	status, err := w.client.ContainerStatus(ctx, w.kept.Node, w.VMID)
	if pve.Classify(err).Kind != pve.KindNoContainer {
		return status, err
	}
	resources, listErr := w.client.Resources(ctx)
	if listErr != nil {
		return status, listErr
	}
	for i := range resources.Containers {
		if c := &resources.Containers[i]; c.VMID == w.VMID && c.Node != w.kept.Node {
			w.kept.Node = c.Node
			return w.client.ContainerStatus(ctx, c.Node, w.VMID)
		}
	}
	return status, err
}

func (w *worker) task(name string) *task {
	if w.kept.Tasks == nil {
		w.kept.Tasks = map[string]*task{}
	}
	if w.kept.Tasks[name] == nil {
		w.kept.Tasks[name] = &task{}
	}
	return w.kept.Tasks[name]
}

func (w *worker) save(ctx context.Context) error {
	var upids []string
	for _, t := range w.begun() {
		upids = append(upids, string(t.UPID))
	}
	return w.Save(ctx, w.kept, strings.Join(upids, " "))
}

// begun gives the orders that became tasks, in the order in which they were given.
func (w *worker) begun() []*task {
	var begun []*task
	for _, t := range w.kept.Tasks {
		if t.UPID != "" {
			begun = append(begun, t)
		}
	}
	slices.SortFunc(begun, func(a, b *task) int { return a.AskedAt.Compare(b.AskedAt) })
	return begun
}

func (w *worker) showGone(ctx context.Context) error {
	if p := w.actions.fleet.pollerOf(func(p *poller) bool { return p.cluster.ID == w.ClusterID }); p != nil {
		p.tell(ctx, func() { p.showGone(w.VMID) })
	}
	return nil
}

// taskLimit is how long the task of the order may take.
func (w *worker) taskLimit(name string) time.Duration {
	switch name {
	case "backup", "restore", orderMake, "clone", "migrate", "move-volume", "download":
		return 10 * w.actions.patience.Task
	}
	return w.actions.patience.Task + w.Request.Timeout
}
