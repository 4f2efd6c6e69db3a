package store

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"berth"
	"berth/internal/store/sqlc"
)

// maxEvents is the most that one call of Events gives.
const maxEvents = 1000

// EventFilter says which events to give. Empty fields do not filter.
type EventFilter struct {
	Container   string // key, such as home/101: also what happened to others that had the VMID before
	ContainerID string // Berth's id: that one only
	Cluster     string // name
	Actor       string // name
	Action      string // container.stop
	Source      string // web, api, cli, proxmox
	Text        string // part of the subject, actor, action, cluster, or of a value of the details; small and large letters are the same
	Since       time.Time
	Until       time.Time // not included
}

// Events gives the newest events that pass the filter, newest first, at most limit (1 to 1000) of them, and only those older
// than the event with the id before: the last one of the page before; empty: from the newest on. Returns NotFound if there
// is no event before, and Invalid if the container's key is none.
func (s *Store) Events(ctx context.Context, f EventFilter, before string, limit int) ([]berth.Event, error) {
	params, err := f.params(limit)
	if err != nil {
		return nil, err
	}
	if before != "" {
		at, err := s.look().EventTime(ctx, before)
		if err != nil {
			return nil, explain("find event "+before, missing(err, "There is no such event."))
		}
		if at < params.OlderThan {
			params.OlderThan, params.OlderID = at, before
		}
	}
	rows, err := s.events(ctx, params)
	if err != nil {
		return nil, explain("list events", err)
	}
	return eventsOf(rows)
}

// EachEvent calls f with every event that passes the filter, newest first, until f gives an error, which it gives back. It
// holds a part of them in memory, and no connection while f runs.
func (s *Store) EachEvent(ctx context.Context, filter EventFilter, f func(berth.Event) error) error {
	for before := ""; ; {
		page, err := s.Events(ctx, filter, before, maxEvents)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := f(e); err != nil {
				return err
			}
		}
		if len(page) < maxEvents {
			return nil
		}
		before = page[len(page)-1].ID
	}
}

// EventChoices are the values that there are to filter by, in order.
type EventChoices struct {
	Actors  []string
	Actions []string
}

// EventChoices gives who did something and what was done, over the whole history.
func (s *Store) EventChoices(ctx context.Context) (c EventChoices, err error) {
	if c.Actors, err = s.look().EventActors(ctx); err != nil {
		return c, explain("list who did something", err)
	}
	c.Actions, err = s.look().EventActions(ctx)
	return c, explain("list what was done", err)
}

// events takes the query whose index fits the filter best.
func (s *Store) events(ctx context.Context, p sqlc.EventsOfContainerParams) ([]sqlc.Event, error) {
	switch {
	case p.ContainerID != "":
		return s.look().EventsOfContainer(ctx, p)
	case p.VMID != 0:
		return s.look().EventsOfPlace(ctx, sqlc.EventsOfPlaceParams{
			Cluster: p.Cluster, VMID: p.VMID, Actor: p.Actor, Action: p.Action, Source: p.Source, Pattern: p.Pattern,
			Since: p.Since, OlderThan: p.OlderThan, OlderID: p.OlderID, N: p.N,
		})
	}
	return s.look().Events(ctx, sqlc.EventsParams{
		Cluster: p.Cluster, Actor: p.Actor, Action: p.Action, Source: p.Source, Pattern: p.Pattern,
		Since: p.Since, OlderThan: p.OlderThan, OlderID: p.OlderID, N: p.N,
	})
}

func (f *EventFilter) params(limit int) (sqlc.EventsOfContainerParams, error) {
	p := sqlc.EventsOfContainerParams{ContainerID: f.ContainerID, Cluster: f.Cluster, Actor: f.Actor, Action: f.Action, Source: f.Source,
		Pattern: containing(f.Text), Since: math.MinInt64, OlderThan: math.MaxInt64, N: int64(max(1, min(limit, maxEvents)))}
	if !f.Since.IsZero() {
		p.Since = millis(f.Since)
	}
	if !f.Until.IsZero() {
		p.OlderThan = millis(f.Until)
	}
	if f.Container == "" {
		return p, nil
	}
	cluster, number, _ := strings.Cut(f.Container, "/")
	vmid, err := strconv.Atoi(number)
	if err != nil || f.Cluster != "" && f.Cluster != cluster {
		return p, berth.Errorf(berth.Invalid, "“%s” is no container of the cluster: it looks like home/101.", f.Container)
	}
	p.Cluster, p.VMID = cluster, int64(vmid)
	return p, nil
}

// containing is the pattern of SQL's LIKE for texts that contain text; empty for empty.
func containing(text string) string {
	if text == "" {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(text)) + "%"
}
