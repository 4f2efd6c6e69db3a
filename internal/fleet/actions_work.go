package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
}

// kept is the checkpoint of an action.
type kept struct {
	Node  string           `json:"node"` // where the container is
	HA    bool             `json:"ha,omitempty"`
	Tasks map[string]*task `json:"tasks,omitempty"` // by name of the order
}

// task is an order to Proxmox: whether it was given, and what came of it.
type task struct {
	Known     []pve.UPID `json:"known,omitempty"` // tasks of its kind that there were before
	Asked     bool       `json:"asked"`           // it was given, or was about to be
	UPID      pve.UPID   `json:"upid,omitempty"`
	Needless  string     `json:"needless,omitempty"` // why Proxmox had nothing to do, in words
	FirstLine int        `json:"firstLine,omitempty"`
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
	w.poller = a.fleet.pollerOf(func(p *poller) bool { return p.cluster.ID == w.ClusterID })
	if w.poller == nil || w.poller.client == nil {
		return "", jobs.Fail(nil, "Cluster %s is not connected any more.", w.Cluster)
	}
	w.client = w.poller.client
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
	status, err := w.status(ctx)
	if pve.Classify(err).Kind == pve.KindNoContainer {
		if w.Request.Action == berth.ActionDelete {
			w.order("delete").Needless = "it was gone already"
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

// act gives the orders of the action and waits for what they bring about.
func (w *worker) act(ctx context.Context) (string, error) {
	r := w.Request
	switch r.Action {
	case berth.ActionStart:
		return w.power(ctx, "running", []string{"vzstart", "hastart"}, func(ctx context.Context) (pve.UPID, error) {
			return w.client.Start(ctx, w.kept.Node, w.VMID)
		})
	case berth.ActionStop:
		return w.power(ctx, "stopped", []string{"vzstop", "hastop"}, w.stop)
	case berth.ActionShutdown:
		return w.power(ctx, "stopped", []string{"vzshutdown", "hastop"}, func(ctx context.Context) (pve.UPID, error) {
			return w.client.Shutdown(ctx, w.kept.Node, w.VMID, pve.ShutdownOptions{Timeout: r.Timeout, ForceStop: r.ThenStop})
		})
	case berth.ActionReboot:
		return w.power(ctx, "running", []string{"vzreboot"}, func(ctx context.Context) (pve.UPID, error) {
			return w.client.Reboot(ctx, w.kept.Node, w.VMID, pve.RebootOptions{Timeout: r.Timeout})
		})
	case berth.ActionDelete:
		return w.delete(ctx)
	}
	return w.set(ctx)
}

// power gives one order and waits until the container is as wanted.
func (w *worker) power(ctx context.Context, wanted string, kinds []string, post func(context.Context) (pve.UPID, error)) (string, error) {
	name := string(w.Request.Action)
	if err := w.do(ctx, name, kinds, post); err != nil {
		return "", err
	}
	if err := w.Step(ctx, "See that it is "+wanted, func(ctx context.Context) error { return w.agree(ctx, wanted) }); err != nil {
		return "", err
	}
	if why := w.order(name).Needless; why != "" {
		return fmt.Sprintf("%s is %s; %s.", w.Hostname, wanted, why), nil
	}
	return fmt.Sprintf("%s is %s.", w.Hostname, wanted), nil
}

// stop ends a shutdown under way first, which otherwise makes the stop fail. Proxmox VE before 8.2 does not know how, and
// refuses the whole order.
func (w *worker) stop(ctx context.Context) (pve.UPID, error) {
	if !w.kept.HA {
		upid, err := w.client.Stop(ctx, w.kept.Node, w.VMID, pve.StopOptions{OverruleShutdown: true})
		if _, unknown := pve.Classify(err).Fields["overrule-shutdown"]; !unknown {
			return upid, err
		}
	}
	return w.client.Stop(ctx, w.kept.Node, w.VMID, pve.StopOptions{})
}

func (w *worker) delete(ctx context.Context) (string, error) {
	if storage := w.Request.BackupStorage; storage != "" {
		err := w.do(ctx, "backup", []string{"vzdump"}, func(ctx context.Context) (pve.UPID, error) {
			return w.client.Backup(ctx, w.kept.Node, pve.BackupRequest{VMIDs: []int{w.VMID}, Storage: storage, Mode: "snapshot", Compress: "zstd", Remove: new(bool)})
		})
		if err != nil {
			return "", err
		}
	}
	options := pve.DeleteOptions{Force: w.Request.StopFirst, Purge: w.Request.Purge}
	err := w.do(ctx, "delete", []string{"vzdestroy"}, func(ctx context.Context) (pve.UPID, error) {
		return w.client.Delete(ctx, w.kept.Node, w.VMID, options)
	})
	if pve.Classify(err).Kind == pve.KindNoContainer { // somebody else was faster
		w.order("delete").Needless = "it was gone already"
		err = w.save(ctx)
	}
	if err != nil {
		return "", err
	}
	if err := w.Step(ctx, "See that it is gone", w.agreeGone); err != nil {
		return "", err
	}
	if why := w.order("delete").Needless; why != "" {
		return fmt.Sprintf("%s is deleted; %s.", w.Hostname, why), nil
	}
	return fmt.Sprintf("%s is deleted.", w.Hostname), nil
}

// set turns a switch of the configuration, which Proxmox does at once and without harm any number of times.
func (w *worker) set(ctx context.Context) (string, error) {
	var change pve.ConfigChange
	on, name := w.Request.On, ""
	switch w.Request.Action {
	case berth.ActionProtection:
		change.Protection, name = &on, "Protection"
	case berth.ActionOnBoot:
		change.OnBoot, name = &on, "Start at boot"
	default:
		return "", jobs.Fail(nil, "This version of Berth does not know the action %s.", w.Request.Action)
	}
	err := w.Step(ctx, "Change the configuration", func(ctx context.Context) error {
		return w.client.UpdateConfig(ctx, w.kept.Node, w.VMID, change)
	})
	if err != nil {
		return "", err
	}
	w.poller.tell(ctx, func() { w.poller.wantConfig(w.VMID) })
	return fmt.Sprintf("%s of %s is %s.", name, w.Hostname, w.after()), nil
}

func (w *worker) order(name string) *task {
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
	for _, name := range []string{"backup", string(w.Request.Action)} {
		if t := w.kept.Tasks[name]; t != nil && t.UPID != "" {
			upids = append(upids, string(t.UPID))
		}
	}
	return w.Save(ctx, w.kept, strings.Join(upids, " "))
}

func (w *worker) showGone(ctx context.Context) error {
	if p := w.actions.fleet.pollerOf(func(p *poller) bool { return p.cluster.ID == w.ClusterID }); p != nil {
		p.tell(ctx, func() { p.showGone(w.VMID) })
	}
	return nil
}

// explain turns what Proxmox said into the end of the job. Errors of Berth's own database stay as they are: the job is
// tried again.
func (w *worker) explain(ctx context.Context, err error) error {
	if _, final := errors.AsType[*jobs.Failure](err); err == nil || final || ctx.Err() != nil || !ofProxmox(err) {
		return err
	}
	problem := pve.Classify(err)
	switch problem.Kind {
	case pve.KindNodeUnreachable:
		return jobs.Fail(err, "Node %s does not answer.", w.kept.Node)
	case pve.KindUnavailable:
		return jobs.Fail(err, "Cluster %s does not answer: %s", w.Cluster, plainProblem(err))
	case pve.KindForbidden:
		return jobs.Fail(err, "Berth's API token may not do this: %s", strings.TrimSpace(problem.Message))
	case pve.KindNoContainer:
		return jobs.Fail(err, "%s does not exist any more.", w.Hostname)
	}
	return jobs.Fail(err, "Proxmox says: %s", strings.TrimSpace(problem.Message)) // its own words, letter by letter
}

// ofProxmox tells errors of calls and tasks from those of the database.
func ofProxmox(err error) bool {
	if berth.CodeOf(err) != "" {
		return false
	}
	return pve.Classify(err).Kind != pve.KindOther || isRefusal(err)
}

func isRefusal(err error) bool {
	_, refused := errors.AsType[*pve.Error](err)
	_, failed := errors.AsType[*pve.TaskError](err)
	return refused || failed
}

// taskLimit is how long the task of the order may take.
func (w *worker) taskLimit(name string) time.Duration {
	if name == "backup" {
		return 10 * w.actions.patience.Task
	}
	return w.actions.patience.Task + w.Request.Timeout
}
