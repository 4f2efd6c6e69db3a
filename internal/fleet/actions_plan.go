package fleet

import (
	"slices"
	"strings"

	"berth"
)

// BulkPlan is what an action would do to each of many containers.
type BulkPlan struct {
	Items []BulkItem
	Acts  int           // how many it would do something to
	Not   []BulkReasons // why it would do nothing to the others, the most frequent reason first
}

// BulkItem is one container of a plan.
type BulkItem struct {
	Key       string
	Container *berth.Container // nil if there is none any more
	Refusal   *berth.Refusal   // nil: something would be done
}

// BulkReasons is how many containers share a reason.
type BulkReasons struct {
	Short string
	Count int
}

// Plan tells what the action would do to the containers with these keys now, each of them once. It never waits.
func (a *Actions) Plan(by berth.Actor, keys []string, r berth.ActionRequest) BulkPlan {
	var plan BulkPlan
	counts, planned := map[string]int{}, map[string]bool{}
	for _, key := range keys {
		if planned[key] {
			continue
		}
		planned[key] = true
		item := a.planOne(by, key, r)
		plan.Items = append(plan.Items, item)
		if item.Refusal == nil {
			plan.Acts++
		} else {
			counts[item.Refusal.Short]++
		}
	}
	for short, n := range counts {
		plan.Not = append(plan.Not, BulkReasons{Short: short, Count: n})
	}
	slices.SortFunc(plan.Not, func(a, b BulkReasons) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Short, b.Short)
	})
	return plan
}

func (a *Actions) planOne(by berth.Actor, key string, r berth.ActionRequest) BulkItem {
	_, c, err := a.find(by.Access, key)
	if err != nil {
		return BulkItem{Key: key, Refusal: &berth.Refusal{Short: "gone", Err: berth.Errorf(berth.NotFound, "There is no container %s any more.", key)}}
	}
	item := BulkItem{Key: key, Container: c, Refusal: r.Check(c, by.Access.On(c))}
	if item.Refusal == nil && c.Pending != nil {
		item.Refusal = &berth.Refusal{Short: "busy", Err: berth.Errorf(berth.Conflict, "%s is busy: %s by %s.", c.Hostname, berth.Action(c.Pending.Action).During(), c.Pending.By)}
	}
	return item
}

// Keys gives the keys of all containers that the actor sees and that match the query, in the order of the clusters' names
// and VMIDs.
func (a *Actions) Keys(by berth.Actor, q berth.Query) []string {
	var keys []string
	for _, c := range a.fleet.Snapshot().For(by.Access).View(q, berth.Sort{}, 0, a.fleet.now()).Containers {
		keys = append(keys, c.Key())
	}
	return keys
}
