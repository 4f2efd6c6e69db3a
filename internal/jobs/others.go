package jobs

import (
	"context"
	"time"

	"berth"
	"berth/internal/live"
	"berth/internal/store"
)

// adoptLost gives the jobs of silent workers to River once more, and those that River has lost.
func (j *Jobs) adoptLost(ctx context.Context) {
	j.every(ctx, j.beat, "look for jobs without a worker", func() error {
		var lost []berth.Job
		err := j.store.InTx(ctx, "adopt jobs", func(tx *store.Tx) error {
			adopted, err := tx.AdoptJobs(ctx, beatsUntilAdopted*j.beat, beatsUntilLost*j.beat)
			if err != nil || len(adopted) == 0 {
				return err
			}
			if lost, err = j.queue.lacking(ctx, tx, adopted); err != nil {
				return err
			}
			return j.queue.insert(ctx, tx, time.Time{}, lost...)
		})
		if err == nil && len(lost) > 0 {
			j.log.Warn("jobs go on that had lost their worker", "first", lost[0].ID, "jobs", len(lost))
			j.queue.wake()
		}
		return err
	})
}

// followOthers tells this process of jobs that other processes add, take up or end.
func (j *Jobs) followOthers(ctx context.Context) {
	known := int64(-1)
	j.every(ctx, min(j.beat, time.Second), "look at the revision of the jobs", func() error {
		revision, err := j.store.JobsRevision(ctx)
		if err == nil && revision != known {
			known = revision
			j.hub.Publish(live.Jobs)
		}
		return err
	})
}

// every calls f until ctx ends. A failure is logged once, not once per call.
func (j *Jobs) every(ctx context.Context, pause time.Duration, what string, f func() error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	failing := false
	for {
		err := f()
		if err != nil && !failing && ctx.Err() == nil {
			j.log.Error("cannot "+what, "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
