package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth"
	"berth/internal/store/sqlc"
)

// AddEvent adds an entry to the history. Its id is set here, and its time too if it has none.
func (s *Store) AddEvent(ctx context.Context, e berth.Event) error {
	return s.change(ctx, "add event "+e.Action, func(q *sqlc.Queries) error { return s.addEvent(ctx, q, e) })
}

// AddEventsOnce adds entries to the history that have an id and a time of their own. Those that are there already are left as
// they are: several processes may notice the same.
func (s *Store) AddEventsOnce(ctx context.Context, events []berth.Event) error {
	return s.change(ctx, "add events", func(q *sqlc.Queries) error {
		for _, e := range events {
			if err := insertEvent(ctx, q, e); err != nil {
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
	e.ID = newID()
	return insertEvent(ctx, q, e)
}

func insertEvent(ctx context.Context, q *sqlc.Queries, e berth.Event) error {
	if e.Details == nil {
		e.Details = map[string]string{}
	}
	details, err := json.Marshal(e.Details)
	if err != nil {
		return err
	}
	return q.AddEvent(ctx, sqlc.AddEventParams{
		ID: e.ID, At: millis(e.At), Actor: e.Actor, ActorID: e.ActorID, Source: e.Source, Action: e.Action,
		Cluster: e.Cluster, ContainerID: e.ContainerID, VMID: int64(e.VMID), Subject: e.Subject, Details: string(details), Search: searchText(e),
	})
}

// searchText is what EventFilter.Text is looked for in.
func searchText(e berth.Event) string {
	words := []string{e.Subject, e.Actor, e.Action, e.Cluster}
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		words = append(words, e.Details[name])
	}
	return strings.ToLower(strings.Join(words, " "))
}

func eventsOf(rows []sqlc.Event) ([]berth.Event, error) {
	events := make([]berth.Event, len(rows))
	for i, r := range rows {
		events[i] = berth.Event{
			ID: r.ID, At: fromMillis(r.At), Actor: r.Actor, ActorID: r.ActorID, Source: r.Source, Action: r.Action,
			Cluster: r.Cluster, ContainerID: r.ContainerID, VMID: int(r.VMID), Subject: r.Subject,
		}
		if err := json.Unmarshal([]byte(r.Details), &events[i].Details); err != nil {
			return nil, fmt.Errorf("read the details of event %s: %w", r.ID, err)
		}
	}
	return events, nil
}
