package fleet

import (
	"context"
	"encoding/json"
	"fmt"

	"berth"
)

// BulkOutcome is how a bulk action stands for one container.
type BulkOutcome struct {
	Key     string
	Job     *berth.Job // nil: not begun
	Refused string     // why it will not begin; empty: it did or will
}

// BulkOutcomes tells how a bulk action stands for each of its containers, in the order in which they were given.
// Returns Invalid if the job is no bulk action.
func (a *Actions) BulkOutcomes(ctx context.Context, job berth.Job) ([]BulkOutcome, error) {
	if job.Kind != kindBulk {
		return nil, berth.Errorf(berth.Invalid, "“%s” is no bulk action.", job.Title)
	}
	var b bulk
	if err := json.Unmarshal([]byte(job.Args), &b); err != nil {
		return nil, fmt.Errorf("read what job %s does: %w", job.ID, err)
	}
	var kept bulkKept
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
	outcomes := make([]BulkOutcome, len(b.Keys))
	for i, key := range b.Keys {
		outcomes[i] = BulkOutcome{Key: key, Job: begun[key]}
		if begun[key] == nil {
			outcomes[i].Refused = kept.Refused[key]
		}
	}
	return outcomes, nil
}

// retryBulk asks again for the containers for which a bulk action did not succeed.
func (a *Actions) retryBulk(ctx context.Context, by berth.Actor, job berth.Job) (berth.Job, error) {
	outcomes, err := a.BulkOutcomes(ctx, job)
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
