package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"berth"
)

// BulkOutcome is how a bulk action stands for one container.
type BulkOutcome struct {
	Key     string
	Job     *berth.Job // nil: not begun
	Refused string     // why it will not begin; empty: it did or will
}

// BulkOutcomes tells how a bulk action stands for each of its containers that the actor may know of, in the order in
// which they were given; those that were refused at once come last. Returns Invalid if the job is no bulk action.
func (a *Actions) BulkOutcomes(ctx context.Context, by berth.Actor, job berth.Job) ([]BulkOutcome, error) {
	if job.Kind != kindBulk {
		return nil, berth.Errorf(berth.Invalid, "“%s” is no bulk action.", job.Title)
	}
	var b bulk
	if err := json.Unmarshal([]byte(job.Args), &b); err != nil {
		return nil, fmt.Errorf("read what job %s does: %w", job.ID, err)
	}
	kept := bulkKept{}
	if b.Not == nil {
		b.Not = map[string]string{}
	}
	if job.Checkpoint != "" {
		if err := json.Unmarshal([]byte(job.Checkpoint), &kept); err != nil {
			return nil, fmt.Errorf("read the checkpoint of job %s: %w", job.ID, err)
		}
	}
	children, err := a.fleet.store.ChildJobs(ctx, job.ID)
	if err != nil {
		return nil, err
	}
	begun := map[string]*berth.Job{}
	for i := range children {
		begun[children[i].Subject] = &children[i]
	}
	var outcomes []BulkOutcome
	maps.Copy(b.Not, kept.Refused)
	for _, key := range append(b.Keys, notAmong(b.Not, b.Keys)...) {
		if c := a.lives(key); c != nil && !by.Access.Sees(c) {
			continue
		}
		o := BulkOutcome{Key: key, Job: begun[key]}
		if o.Job == nil {
			o.Refused = b.Not[key]
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// notAmong gives the keys of some that are not among the others, in order.
func notAmong(some map[string]string, others []string) []string {
	rest := maps.Clone(some)
	for _, key := range others {
		delete(rest, key)
	}
	return slices.Sorted(maps.Keys(rest))
}

// lives gives the container of a key; nil if there is none now.
func (a *Actions) lives(key string) *berth.Container {
	at, ok := placeOf(key)
	if !ok {
		return nil
	}
	c, _ := a.fleet.Snapshot().Find(at.cluster, at.vmid)
	return c
}

// retryBulk asks again for the containers for which a bulk action did not succeed.
func (a *Actions) retryBulk(ctx context.Context, by berth.Actor, job berth.Job) (berth.Job, error) {
	outcomes, err := a.BulkOutcomes(ctx, by, job)
	if err != nil {
		return berth.Job{}, err
	}
	var keys []string
	for _, o := range outcomes {
		if o.Job == nil || o.Job.State != berth.JobSucceeded {
			keys = append(keys, o.Key)
		}
	}
	var b bulk
	if err := json.Unmarshal([]byte(job.Args), &b); err != nil {
		return berth.Job{}, fmt.Errorf("read what job %s does: %w", job.ID, err)
	}
	return a.Bulk(ctx, by, keys, b.Request, b.PerNode)
}
