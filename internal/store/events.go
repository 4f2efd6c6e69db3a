package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"berth"
	"berth/internal/store/sqlc"
)

// maxEvents is the most that one call of Events gives.
const maxEvents = 1000

// EventFilter says which events to give. Empty fields do not filter.
type EventFilter struct {
	ContainerID string
	Cluster     string // name
	Actor       string // name
	Action      string
	Before      *berth.Event // only events older than this one: the last of the page before
}

// Events gives the newest events that pass the filter, newest first, at most limit (1 to 1000) of them.
func (s *Store) Events(ctx context.Context, f EventFilter, limit int) ([]berth.Event, error) {
	olderThan, olderID := int64(math.MaxInt64), ""
	if f.Before != nil {
		olderThan, olderID = millis(f.Before.At), f.Before.ID
	}
	n := int64(max(1, min(limit, maxEvents)))
	var rows []sqlc.Event
	var err error
	if f.ContainerID != "" {
		rows, err = s.look().EventsOfContainer(ctx, sqlc.EventsOfContainerParams{
			ContainerID: f.ContainerID, Cluster: f.Cluster, Actor: f.Actor, Action: f.Action, OlderThan: olderThan, OlderID: olderID, N: n,
		})
	} else {
		rows, err = s.look().Events(ctx, sqlc.EventsParams{
			Cluster: f.Cluster, Actor: f.Actor, Action: f.Action, OlderThan: olderThan, OlderID: olderID, N: n,
		})
	}
	if err != nil {
		return nil, explain("list events", err)
	}
	return eventsOf(rows)
}

// AddEvent adds an entry to the history. Its id is set here, and its time too if it has none.
func (s *Store) AddEvent(ctx context.Context, e berth.Event) error {
	return s.change(ctx, "add event "+e.Action, func(q *sqlc.Queries) error { return s.addEvent(ctx, q, e) })
}

// AddEventsOnce adds entries to the history that have an id and a time of their own. Those that are there already are left as
// they are: several processes may notice the same.
func (s *Store) AddEventsOnce(ctx context.Context, events []berth.Event) error {
	return s.change(ctx, "add events", func(q *sqlc.Queries) error {
		for _, e := range events {
			details, err := json.Marshal(e.Details)
			if err != nil {
				return err
			}
			_, err = q.AddEventOnce(ctx, sqlc.AddEventOnceParams{
				ID: e.ID, At: millis(e.At), Actor: e.Actor, ActorID: e.ActorID, Source: e.Source, Action: e.Action,
				Cluster: e.Cluster, ContainerID: e.ContainerID, Subject: e.Subject, Details: string(details),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// record adds what the actor does now to the history, as part of the same transaction.
func (s *Store) record(ctx context.Context, q *sqlc.Queries, actor berth.Actor, e berth.Event) error {
	e.Actor, e.ActorID, e.Source = actor.Name, actor.ID, actor.Source
	return s.addEvent(ctx, q, e)
}

func (s *Store) addEvent(ctx context.Context, q *sqlc.Queries, e berth.Event) error {
	if e.At.IsZero() {
		e.At = s.now()
	}
	if e.Details == nil {
		e.Details = map[string]string{}
	}
	details, err := json.Marshal(e.Details)
	if err != nil {
		return err
	}
	return q.AddEvent(ctx, sqlc.AddEventParams{
		ID: newID(), At: millis(e.At), Actor: e.Actor, ActorID: e.ActorID, Source: e.Source, Action: e.Action,
		Cluster: e.Cluster, ContainerID: e.ContainerID, Subject: e.Subject, Details: string(details),
	})
}

func eventsOf(rows []sqlc.Event) ([]berth.Event, error) {
	events := make([]berth.Event, len(rows))
	for i, r := range rows {
		events[i] = berth.Event{
			ID: r.ID, At: fromMillis(r.At), Actor: r.Actor, ActorID: r.ActorID, Source: r.Source, Action: r.Action,
			Cluster: r.Cluster, ContainerID: r.ContainerID, Subject: r.Subject,
		}
		if err := json.Unmarshal([]byte(r.Details), &events[i].Details); err != nil {
			return nil, fmt.Errorf("read the details of event %s: %w", r.ID, err)
		}
	}
	return events, nil
}
