package fleet

import (
	"context"
	"encoding/json"

	"berth"
	"berth/internal/store"
)

// Jobs, steps, logs and events tell of containers, so they are only for those who may know of the container. One that is
// not there any more is known to those who see everything, and to whoever did something to it.

const (
	pageLength = 200 // of jobs or events that are read at once and then looked through
	mostPages  = 20  // read for one list: far back in the history of others nobody waits for
)

// Jobs gives the newest jobs of the filter that the actor may know of, newest first, at most limit of them. Parts of other
// jobs are left out.
func (a *Actions) Jobs(ctx context.Context, by berth.Actor, f store.JobFilter, limit int) ([]berth.Job, error) {
	jobs, _, err := throughPages(limit, by, func(last *berth.Job, n int) ([]berth.Job, error) {
		if last != nil {
			f.Before = last
		}
		return a.fleet.store.Jobs(ctx, f, n)
	}, a.maySee)
	return jobs, err
}

// Job gives one job. Returns NotFound if there is none, or none that the actor may know of.
func (a *Actions) Job(ctx context.Context, by berth.Actor, id string) (berth.Job, error) {
	job, err := a.fleet.store.Job(ctx, id)
	if err == nil && !a.maySee(by, &job) {
		return berth.Job{}, berth.Errorf(berth.NotFound, "There is no such job.")
	}
	return job, err
}

// Parts lists the parts of a job that the actor may know of, oldest first.
func (a *Actions) Parts(ctx context.Context, by berth.Actor, parentID string) ([]berth.Job, error) {
	all, err := a.fleet.store.ChildJobs(ctx, parentID)
	return visible(all, by, a.maySee), err
}

// Events gives the newest events of the filter that the actor may know of, newest first, at most limit of them, and only
// those older than the event with the id before; empty: from the newest on. further is the id of the last event that was
// looked at if there may be more that were not; empty: limit is reached, or these are all.
func (a *Actions) Events(ctx context.Context, by berth.Actor, f store.EventFilter, before string, limit int) (events []berth.Event, further string, err error) {
	events, last, err := throughPages(limit, by, func(last *berth.Event, n int) ([]berth.Event, error) {
		if last != nil {
			before = last.ID
		}
		return a.fleet.store.Events(ctx, f, before, n)
	}, a.mayKnow(by))
	if last != nil {
		further = last.ID
	}
	return events, further, err
}

// EachEvent calls f with every event of the filter that the actor may know of, newest first, until f gives an error.
func (a *Actions) EachEvent(ctx context.Context, by berth.Actor, filter store.EventFilter, f func(berth.Event) error) error {
	may := a.mayKnow(by)
	return a.fleet.store.EachEvent(ctx, filter, func(e berth.Event) error {
		if !may(by, &e) {
			return nil
		}
		return f(e)
	})
}

// mayKnow tells of events whether the actor may know of them: those of containers in sight, and their own. What is about
// people, what they may do and how they sign in is for admins.
func (a *Actions) mayKnow(by berth.Actor) func(berth.Actor, *berth.Event) bool {
	ids, all := a.fleet.containerIDs(by.Access), by.Access.Everywhere()
	return func(by berth.Actor, e *berth.Event) bool {
		own := e.ActorID == by.ID && by.ID != ""
		switch {
		case all.Includes(berth.RoleAdmin):
			return true
		case e.Cluster == "" && e.ContainerID == "":
			return own
		case all != "":
			return true
		}
		return ids[e.ContainerID] == inSight || own && ids[e.ContainerID] != outOfSight
	}
}

// throughPages reads pages until there are enough that the actor may know of. If it gives up before, last is the last one
// that it has looked at.
func throughPages[T any](limit int, by berth.Actor, read func(last *T, n int) ([]T, error), may func(berth.Actor, *T) bool) (found []T, last *T, err error) {
	if by.Access.Everywhere().Includes(berth.RoleAdmin) {
		found, err = read(nil, limit)
		return found, nil, err
	}
	for range mostPages {
		page, err := read(last, pageLength)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, visible(page, by, may)...)
		if len(page) < pageLength || len(found) >= limit {
			return found[:min(len(found), limit)], nil, nil
		}
		last = &page[len(page)-1]
	}
	return found, last, nil
}

func visible[T any](all []T, by berth.Actor, may func(berth.Actor, *T) bool) []T {
	var found []T
	for i := range all {
		if may(by, &all[i]) {
			found = append(found, all[i])
		}
	}
	return found
}

// maySee tells whether the actor may know of the job.
func (a *Actions) maySee(by berth.Actor, job *berth.Job) bool {
	if !by.Access.Limited() {
		return true
	}
	own := by.ID != "" && by.ID == job.ActorID
	if job.Subject == "" {
		return own // it is about several containers
	}
	c, there := a.subjectOf(job)
	if !there {
		return own
	}
	return by.Access.Sees(c) || own && job.Kind == kindCreate // a new one has no tags and no pool before it is there
}

// subjectOf gives the container that the job is about, if it is there and not another one that has taken its VMID.
func (a *Actions) subjectOf(job *berth.Job) (*berth.Container, bool) {
	at, ok := placeOf(job.Subject)
	if !ok {
		return nil, false
	}
	c, found := a.fleet.Snapshot().Find(at.cluster, at.vmid)
	var t target
	if !found || json.Unmarshal([]byte(job.Args), &t) != nil || t.ContainerID != "" && t.ContainerID != c.ID {
		return nil, false
	}
	return c, true
}

// MayCancel tells whether the actor may cancel the job or try it again.
func (a *Actions) MayCancel(by berth.Actor, job *berth.Job) bool {
	return a.roleOn(by, job).Includes(berth.RoleOperator)
}

// MayRetry tells whether there is something to try again, and the actor may: an action needs its container.
func (a *Actions) MayRetry(by berth.Actor, job *berth.Job) bool {
	if !a.MayCancel(by, job) || job.State != berth.JobFailed && job.State != berth.JobCancelled {
		return false
	}
	_, there := a.subjectOf(job)
	return there || job.Kind != kindAction
}

// roleOn is what the actor may do to a job. A container that was not made yet has no tags and no pool: to whoever asked for it
// it is as it would be.
func (a *Actions) roleOn(by berth.Actor, job *berth.Job) berth.Role {
	if job.Kind == kindCreate && by.ID != "" && by.ID == job.ActorID {
		if c, _, err := creationOf(job); err == nil && by.Access.On(c.Spec.Container()).Includes(berth.RoleOperator) {
			return berth.RoleOperator
		}
	}
	if c, there := a.subjectOf(job); there {
		return by.Access.On(c)
	}
	if by.ID != "" && by.ID == job.ActorID {
		return by.Access.Highest()
	}
	return by.Access.Everywhere()
}

// sight is whether a container that is there may be seen.
type sight int

const (
	notThere sight = iota
	inSight
	outOfSight
)

// containerIDs tells which tracked containers are in sight.
func (f *Fleet) containerIDs(access berth.Access) map[string]sight {
	if !access.Limited() {
		return nil
	}
	ids := map[string]sight{}
	for _, view := range f.Snapshot().Clusters {
		for _, c := range view.Containers {
			if !c.Tracked() {
				continue
			}
			ids[c.ID] = outOfSight
			if access.Sees(c) {
				ids[c.ID] = inSight
			}
		}
	}
	return ids
}
