package fleet

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

// Part is a part of a Detail that is asked for by itself: of Proxmox, in one call, where nothing else is said.
type Part string

// The parts. Whatever belongs to none of them is from the snapshot and the database and always there.
const (
	PartFigures   Part = "figures"
	PartConfig    Part = "configuration"
	PartPending   Part = "pending changes"
	PartSnapshots Part = "snapshots" // one call for them, and one for whether there can be some
	PartBackups   Part = "backups"   // one call for the rights, one for the storages, and one for each of them
	PartTasks     Part = "tasks"
	PartEvents    Part = "events" // of the database: no call
)

// Parts lists every part.
func Parts() []Part {
	return []Part{PartFigures, PartConfig, PartPending, PartSnapshots, PartBackups, PartTasks, PartEvents}
}

// Detail is everything about one container, as far as it was asked for.
type Detail struct {
	Container   *berth.Container
	Cluster     berth.Cluster
	LastBackup  LastBackup
	TrackedAt   time.Time // when Berth began to track it; zero: it is only discovered
	Destroyed   time.Time // when the container was that had the VMID before; zero: none is known
	UpdatedAt   time.Time // when Berth last changed what it keeps of it; zero: it is only discovered
	Template    string    // what the template that it was made from says of itself; Container has its name
	Figures     *Figures  // nil: not asked for, or Problems says why
	Config      *Config   // nil: not asked for, or Problems says why
	Pending     []PendingChange
	Snapshots   []SavedState  // a parent before its children, older ones first
	NoSnapshots string        // why there can be no snapshots, as a sentence; empty: there can
	Parent      string        // the snapshot that the present state descends from; empty: none
	Backups     []Backup      // newest first
	Unseen      []string      // where there may be backups that could not be seen, as sentences
	Tasks       []berth.Task  // of Proxmox, newest first
	Events      []berth.Event // newest first, at most a thousand
	Problems    map[Part]string
}

// Detail tells about the container with that key, and asks Proxmox for the parts that are named. It takes as long as the
// slowest of them, at most some 16 s, so a page first shows what takes none. What Proxmox does not tell is missing, and
// Problems says why in a sentence. Returns NotFound if there is no such container in sight of the actor, and Unavailable
// if the database does not answer.
func (a *Actions) Detail(ctx context.Context, by berth.Actor, key string, parts ...Part) (Detail, error) {
	p, c, err := a.find(by.Access, key)
	if err != nil {
		return Detail{}, err
	}
	d := Detail{Container: c, Cluster: p.cluster, Problems: map[Part]string{}}
	if err := a.readKept(ctx, &d); err != nil {
		return Detail{}, err
	}
	if at := slices.Index(parts, PartEvents); at >= 0 {
		parts = slices.Delete(slices.Clone(parts), at, at+1)
		if d.Events, _, err = a.Events(ctx, by, store.EventFilter{Container: key}, "", eventsOfDetail); err != nil {
			return Detail{}, err
		}
		d.Events = slices.DeleteFunc(d.Events, func(e berth.Event) bool { return e.ContainerID != "" && e.ContainerID != c.ID })
	}
	d.LastBackup = a.lastBackup(c)
	if !d.LastBackup.At.After(d.Destroyed) {
		d.LastBackup.At = time.Time{}
	}
	if problem := a.silence(p, c, by.Access); problem != "" {
		for _, part := range parts {
			d.Problems[part] = problem
		}
		return d, nil
	}
	l := look{actions: a, poller: p, detail: &d}
	l.all(ctx, parts)
	return d, nil
}

// lastBackup is what the snapshot knows of the backups of a container. While a cluster does not answer nothing is certain.
func (a *Actions) lastBackup(c *berth.Container) LastBackup {
	for _, view := range a.fleet.Snapshot().Clusters {
		if view.Cluster.Name != c.Cluster {
			continue
		}
		last := view.LastBackup(c.VMID)
		if view.Health.State != Answering && last.Unseen == "" {
			last.Unseen = "Cluster " + c.Cluster + " does not answer."
		}
		return last
	}
	return LastBackup{Unseen: "Cluster " + c.Cluster + " is not connected."}
}

// readKept reads what the database knows.
func (a *Actions) readKept(ctx context.Context, d *Detail) (err error) {
	if d.Destroyed, err = a.destroyedBefore(ctx, d.Container.Key()); err != nil {
		return err
	}
	if d.Container.ID == "" {
		return nil
	}
	tracked, err := a.fleet.store.TrackedContainer(ctx, d.Container.ID)
	if berth.CodeOf(err) == berth.NotFound { // removed since the snapshot
		return nil
	}
	d.TrackedAt, d.UpdatedAt, d.Template = tracked.CreatedAt, tracked.UpdatedAt, tracked.TemplateDescription
	return err
}

// silence says to somebody with that access why Proxmox need not be asked about a container; empty: it may answer.
func (a *Actions) silence(p *poller, c *berth.Container, access berth.Access) string {
	switch {
	case c.Unknown == berth.UnknownGone:
		return "Proxmox does not have this container any more."
	case p.client == nil:
		return "The stored connection to cluster " + c.Cluster + " cannot be used."
	case c.Unknown == berth.UnknownCluster:
		for _, view := range a.fleet.Snapshot().For(access).Clusters {
			if view.Cluster.Name == c.Cluster {
				return "Cluster " + c.Cluster + " does not answer. " + view.Health.Problem
			}
		}
	case c.Unknown == berth.UnknownNode:
		return "Node " + c.Node + " is offline."
	}
	return ""
}

// look asks for the parts of a detail, all at once.
type look struct {
	actions *Actions
	poller  *poller

	mu     sync.Mutex
	detail *Detail
}

func (l *look) all(ctx context.Context, parts []Part) {
	reads := map[Part]func(context.Context) error{
		PartFigures: l.figures, PartConfig: l.config, PartPending: l.pending, PartSnapshots: l.snapshots, PartBackups: l.backups, PartTasks: l.tasks,
	}
	var asked sync.WaitGroup
	for _, part := range parts {
		asked.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
			defer cancel()
			if err := reads[part](ctx); err != nil {
				l.take(func(d *Detail) { d.Problems[part] = plainProblem(err) })
			}
		})
	}
	asked.Wait()
}

func (l *look) take(note func(*Detail)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	note(l.detail)
}

// place is where the container is.
func (l *look) place() (node string, vmid int) {
	return l.detail.Container.Node, l.detail.Container.VMID
}

const (
	eventsOfDetail = 1000
	tasksOfDetail  = 100
	tasksShared    = 30 * time.Second // those that are new are in the snapshot
)

func (l *look) tasks(ctx context.Context) error {
	node, vmid := l.place()
	now := l.actions.fleet.now()
	r := l.actions.readings.of(l.detail.Container.Key(), now)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tasksAt.IsZero() || now.Sub(r.tasksAt) >= tasksShared {
		rows, err := l.poller.client.NodeTasks(ctx, node, pve.TaskQuery{VMID: vmid, Source: "all", Limit: tasksOfDetail})
		if err != nil {
			return err
		}
		r.tasks, r.tasksAt = l.poller.latest(rows), now
	}
	destroyed := l.detail.Destroyed
	tasks := slices.DeleteFunc(slices.Clone(r.tasks), func(t berth.Task) bool { return t.Former || t.StartedAt.Before(destroyed) })
	l.take(func(d *Detail) { d.Tasks = tasks })
	return nil
}

// TaskEvent is a task of Proxmox as the history would have it. It is the same entry, with the same words, as that of a task
// that Berth has seen end; one that still runs has the state "running".
func TaskEvent(t *berth.Task, c *berth.Container) berth.Event {
	word := cmp.Or(taskWords[t.Type], t.Type)
	e := berth.Event{ID: t.UPID, At: t.EndedAt, Actor: t.User, Source: "proxmox", Action: "container." + word, Cluster: t.Cluster, ContainerID: c.ID, VMID: c.VMID,
		Subject: c.Hostname, Details: map[string]string{"state": string(berth.JobSucceeded), "upid": t.UPID, "task": t.Type, "exit": t.Exit}}
	switch {
	case t.EndedAt.IsZero():
		e.At, e.Details["state"] = t.StartedAt, string(berth.JobRunning)
	case t.Failed():
		e.Details["state"] = string(berth.JobFailed)
	}
	return e
}
