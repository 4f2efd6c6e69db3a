package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"berth"
	"berth/internal/store"
)

const defaultPerNode = 4 // actions at once on one node

// bulk is the args of a bulk action's job.
type bulk struct {
	Request berth.ActionRequest `json:"request"`
	Keys    []string            `json:"keys"`
	Not     map[string]string   `json:"not,omitempty"` // why nothing is done to others that were selected, by key
	PerNode int                 `json:"perNode"`
	Grants  []berth.Grant       `json:"grants"` // of the one who asked
}

// bulkKept is its checkpoint: why some containers got no job.
type bulkKept struct {
	Refused map[string]string `json:"refused,omitempty"` // by key
}

// Bulk does an action to all the containers with these keys, as one job whose parts are the jobs of the containers, at most
// perNode (0: 4) at once on each node. What Plan refuses now is left out, and kept with the reason. Returns Conflict if that leaves none.
func (a *Actions) Bulk(ctx context.Context, by berth.Actor, keys []string, r berth.ActionRequest, perNode int) (berth.Job, error) {
	plan := a.Plan(by, keys, r)
	b := bulk{Request: r, PerNode: perNode, Grants: by.Access.Grants(), Not: map[string]string{}}
	for _, item := range plan.Items {
		if item.Refusal == nil {
			b.Keys = append(b.Keys, item.Key)
		} else {
			b.Not[item.Key] = item.Refusal.Err.Message
		}
	}
	if len(b.Keys) == 0 {
		return berth.Job{}, berth.Errorf(berth.Conflict, "There is nothing to do: %s.", plan.reasons())
	}
	if b.PerNode <= 0 {
		b.PerNode = defaultPerNode
	}
	args, err := json.Marshal(b)
	if err != nil {
		return berth.Job{}, err
	}
	title := fmt.Sprintf("%s %d containers", r.Action.Verb(), len(b.Keys))
	if len(b.Keys) == 1 {
		title = r.Action.Verb() + " 1 container"
	}
	job := berth.Job{Kind: kindBulk, Action: string(r.Action), Title: strings.ToUpper(title[:1]) + title[1:], Args: string(args), Total: len(b.Keys),
		Actor: by.Name, ActorID: by.ID, Source: by.Source}
	err = a.jobs.Change(ctx, "ask to "+title, func(tx *store.Tx) (err error) {
		job, err = a.jobs.Add(ctx, tx, job)
		return err
	})
	return job, err
}

// reasons lists why nothing would be done, as a part of a sentence.
func (p BulkPlan) reasons() string {
	if len(p.Not) == 0 {
		return "no container is selected"
	}
	parts := make([]string, len(p.Not))
	for i, not := range p.Not {
		parts[i] = fmt.Sprintf("%d %s", not.Count, not.Short)
	}
	return strings.Join(parts, ", ")
}
