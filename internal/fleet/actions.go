package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"berth"
	"berth/internal/jobs"
	"berth/internal/live"
	"berth/internal/store"
)

// Actions is what people can do to containers. Every action is a job, which holds its container until it is over. Make one
// with NewActions before the jobs start, then Run it.
type Actions struct {
	fleet    *Fleet
	jobs     *jobs.Jobs
	patience Patience
	readings readings
}

// Patience is how long actions wait for Proxmox.
type Patience struct {
	Task   time.Duration // for the end of a task, besides the timeout that was asked for; a backup may take ten times as long
	Outage time.Duration // for a node or cluster that does not answer while one of its tasks runs
	Agree  time.Duration // after a task, for the container to be as it should be
	Appear time.Duration // after an order whose answer was lost, by a crash or a broken connection, for its task
}

// DefaultPatience waits as long as Proxmox itself reasonably takes.
func DefaultPatience() Patience {
	return Patience{Task: 10 * time.Minute, Outage: time.Minute, Agree: 15 * time.Second, Appear: 30 * time.Second}
}

const (
	kindAction = "container.action"
	kindBulk   = "bulk"
)

// NewActions makes the actions on the fleet's containers and registers their kinds of jobs.
func NewActions(f *Fleet, j *jobs.Jobs, p Patience) *Actions {
	a := &Actions{fleet: f, jobs: j, patience: p}
	j.Register(jobs.Kind{Name: kindAction, Work: a.work, Ended: a.ended})
	j.Register(jobs.Kind{Name: kindBulk, Work: a.workBulk})
	j.Register(jobs.Kind{Name: kindCreate, Work: a.workCreate, Ended: a.endedCreate})
	j.Register(jobs.Kind{Name: kindDownload, Work: a.workDownload, Ended: a.endedDownload})
	return a
}

// target is the args of an action's job: what was asked for, and the container as it was then.
type target struct {
	ClusterID   string              `json:"clusterID"`
	Cluster     string              `json:"cluster"`
	VMID        int                 `json:"vmid"`
	Node        string              `json:"node"`
	Hostname    string              `json:"hostname"`
	ContainerID string              `json:"containerID"`
	Was         berth.LiveStatus    `json:"was"`
	Gone        bool                `json:"gone,omitempty"` // only its record is left
	Request     berth.ActionRequest `json:"request"`
	Config      *configOrder        `json:"config,omitempty"` // of ActionConfig
}

// Do asks for an action on the container with that key (berth.ContainerKey) and returns at once with its job. It refuses
// with NotFound, Forbidden, Invalid, Unavailable, or Conflict: the container is not in the state for it, Proxmox has locked
// it, or another job holds it, which is then named together with who started it.
func (a *Actions) Do(ctx context.Context, by berth.Actor, key string, r berth.ActionRequest) (berth.Job, error) {
	return a.request(ctx, by, key, r, "")
}

// Retry asks again for what a job that failed or was cancelled did not do.
func (a *Actions) Retry(ctx context.Context, by berth.Actor, jobID string) (berth.Job, error) {
	job, err := a.Job(ctx, by, jobID)
	switch {
	case err != nil:
		return berth.Job{}, err
	case !job.Ended():
		return berth.Job{}, berth.Errorf(berth.Conflict, "“%s” is still under way.", job.Title)
	case job.Kind == kindBulk:
		return a.retryBulk(ctx, by, job)
	case job.Kind == kindCreate:
		return a.retryCreate(ctx, by, &job)
	case job.Kind == kindDownload:
		return a.retryDownload(ctx, by, &job)
	}
	var t target
	if err := json.Unmarshal([]byte(job.Args), &t); err != nil {
		return berth.Job{}, fmt.Errorf("read what job %s did: %w", job.ID, err)
	}
	if _, c, err := a.find(by.Access, job.Subject); err != nil || c.ID != t.ContainerID {
		return berth.Job{}, berth.Errorf(berth.NotFound, "The container of “%s” does not exist any more.", job.Title)
	}
	return a.Do(ctx, by, job.Subject, t.Request)
}

// Cancel ends a job early; a task of Proxmox that runs for it is aborted. Returns NotFound, Forbidden or Conflict.
func (a *Actions) Cancel(ctx context.Context, by berth.Actor, jobID string) error {
	job, err := a.Job(ctx, by, jobID)
	if err != nil {
		return err
	}
	if !a.MayCancel(by, &job) {
		return berth.Errorf(berth.Forbidden, "Your role may not cancel jobs; it takes the role %s.", berth.RoleOperator)
	}
	return a.jobs.Cancel(ctx, by, jobID)
}

func (a *Actions) request(ctx context.Context, by berth.Actor, key string, r berth.ActionRequest, parentID string) (berth.Job, error) {
	p, c, err := a.find(by.Access, key)
	if err != nil {
		return berth.Job{}, err
	}
	if refusal := r.Check(c, by.Access.On(c)); refusal != nil {
		return berth.Job{}, refusal.Err
	}
	if r.Action == berth.ActionConfig {
		return berth.Job{}, berth.Errorf(berth.Invalid, "Say what to change in the configuration of %s.", c.Hostname)
	}
	if err := mayEndUp(by, c, &r); err != nil {
		return berth.Job{}, err
	}
	if err := a.fits(ctx, by, p, c, &r); err != nil {
		return berth.Job{}, err
	}
	return a.addAction(ctx, by, p, c, targetOf(p, c, r), parentID)
}

func targetOf(p *poller, c *berth.Container, r berth.ActionRequest) target {
	return target{ClusterID: p.cluster.ID, Cluster: c.Cluster, VMID: c.VMID, Node: c.Node, Hostname: c.Hostname, ContainerID: c.ID,
		Was: c.Live, Gone: c.Unknown == berth.UnknownGone, Request: r}
}

func (a *Actions) addAction(ctx context.Context, by berth.Actor, p *poller, c *berth.Container, t target, parentID string) (job berth.Job, err error) {
	err = a.jobs.Change(ctx, "ask to "+t.what(), func(tx *store.Tx) (err error) {
		job, err = a.add(ctx, tx, by, t, parentID)
		return err
	})
	if err == nil && !c.Tracked() {
		p.tell(ctx, func() { p.reloadTracked() })
	}
	return job, err
}

// add tracks the container, adds the job that holds it, and notes that it was asked for.
func (a *Actions) add(ctx context.Context, tx *store.Tx, by berth.Actor, t target, parentID string) (berth.Job, error) {
	if t.ContainerID == "" {
		id, err := tx.Track(ctx, store.Tracked{ClusterID: t.ClusterID, VMID: t.VMID, Node: t.Node, Hostname: t.Hostname, Lifecycle: berth.LifecycleReady})
		if err != nil {
			return berth.Job{}, err
		}
		t.ContainerID = id
	}
	args, err := json.Marshal(t)
	if err != nil {
		return berth.Job{}, err
	}
	job, err := a.jobs.Add(ctx, tx, berth.Job{Kind: kindAction, Action: string(t.Request.Action), Subject: berth.ContainerKey(t.Cluster, t.VMID),
		Title: t.title(), Args: string(args), ParentID: parentID, Actor: by.Name, ActorID: by.ID, Source: by.Source})
	if err != nil {
		return berth.Job{}, err
	}
	return job, tx.AddEvent(ctx, eventOf(job, t, "requested"))
}

// find gives the container, if it may be seen, and the poller of its cluster.
func (a *Actions) find(access berth.Access, key string) (*poller, *berth.Container, error) {
	notFound := berth.Errorf(berth.NotFound, "There is no container %s.", key)
	at, ok := placeOf(key)
	c, found := a.fleet.Snapshot().Find(at.cluster, at.vmid)
	p := a.fleet.pollerOf(func(p *poller) bool { return p.cluster.Name == at.cluster })
	if !ok || !found || p == nil || !access.Sees(c) {
		return nil, nil, notFound
	}
	return p, c, nil
}

func (f *Fleet) pollerOf(is func(*poller) bool) *poller {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.pollers {
		if is(p) {
			return p
		}
	}
	return nil
}

// what says it in the middle of a sentence.
func (t *target) what() string {
	return fmt.Sprintf("%s %s (%d)", t.Request.Action.Verb(), t.Hostname, t.VMID)
}

func (t *target) title() string {
	text := fmt.Sprintf("%s on %s", strings.TrimSuffix(t.what(), ")"), t.Node) + ")"
	return strings.ToUpper(text[:1]) + text[1:]
}

// Run keeps Pending of all containers up to date until ctx ends.
func (a *Actions) Run(ctx context.Context) {
	news := a.fleet.hub.Subscribe(live.Jobs)
	defer news.Close()
	tick := time.NewTicker(pendingAnyway)
	defer tick.Stop()
	for {
		if err := a.loadPending(ctx); err != nil && ctx.Err() == nil {
			a.fleet.log.Error("cannot read which jobs are under way", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-news.News():
		case <-tick.C:
		}
	}
}
