package fleet

import (
	"context"

	"berth"
	"berth/internal/jobs"
)

func (a *Actions) workBulk(ctx context.Context, run *jobs.Run) (string, error) {
	return "", jobs.Fail(nil, "not yet")
}

func (a *Actions) retryBulk(ctx context.Context, by berth.Actor, job berth.Job) (berth.Job, error) {
	return berth.Job{}, berth.Errorf(berth.Invalid, "not yet")
}
