package store_test

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func actions(events []berth.Event) []string {
	var names []string
	for _, e := range events {
		names = append(names, e.Action)
	}
	return names
}

// addEvents adds n events, several of them at the same time, and gives their subjects, newest first.
func addEvents(t testing.TB, s *store.Store, n int) []string {
	t.Helper()
	var subjects []string
	for i := range n {
		e := berth.Event{
			At: noon.Add(time.Duration(i/3) * time.Second), Actor: []string{"anna", "system"}[i%2], Source: "web", Action: []string{"container.start", "container.stop"}[i%2],
			Cluster: "home", ContainerID: []string{"c1", "c2", ""}[i%3], VMID: []int{101, 102, 101}[i%3], Subject: strconv.Itoa(i), Details: map[string]string{"i": "Note 50% of_" + strconv.Itoa(i)},
		}
		if err := s.AddEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		subjects = append(subjects, e.Subject)
	}
	slices.Reverse(subjects)
	return subjects
}

func TestPagesOfEventsMakeUpTheWholeHistory(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		want := addEvents(t, s, 17)
		rapid.Check(t, func(r *rapid.T) {
			size := rapid.IntRange(1, 20).Draw(r, "page size")
			var got []string
			for before := ""; ; {
				page := must(s.Events(t.Context(), store.EventFilter{}, before, size))(t)
				if len(page) == 0 {
					break
				}
				if len(page) > size {
					r.Fatalf("a page of %d has %d events", size, len(page))
				}
				for _, e := range page {
					got = append(got, e.Subject)
				}
				before = page[len(page)-1].ID
			}
			if !slices.Equal(got, want) {
				r.Fatalf("got %v, want %v", got, want)
			}
		})
	})
}

func TestEventsAreFiltered(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		filter store.EventFilter
		want   []string
	}{
		"container":                      {store.EventFilter{ContainerID: "c2"}, []string{"4", "1"}},
		"container and actor":            {store.EventFilter{ContainerID: "c2", Actor: "anna"}, []string{"4"}},
		"container of other cluster":     {store.EventFilter{ContainerID: "c2", Cluster: "work"}, nil},
		"key, also of those before":      {store.EventFilter{Container: "home/101"}, []string{"5", "3", "2", "0"}},
		"key and actor":                  {store.EventFilter{Container: "home/101", Actor: "anna"}, []string{"2", "0"}},
		"key and id":                     {store.EventFilter{Container: "home/101", ContainerID: "c1"}, []string{"3", "0"}},
		"key of other cluster":           {store.EventFilter{Container: "work/101"}, nil},
		"actor":                          {store.EventFilter{Actor: "system"}, []string{"5", "3", "1"}},
		"action":                         {store.EventFilter{Action: "container.start"}, []string{"4", "2", "0"}},
		"source":                         {store.EventFilter{Source: "web"}, []string{"5", "4", "3", "2", "1", "0"}},
		"other source":                   {store.EventFilter{Source: "api"}, nil},
		"cluster":                        {store.EventFilter{Cluster: "work"}, nil},
		"since":                          {store.EventFilter{Since: noon.Add(time.Second)}, []string{"5", "4", "3"}},
		"until":                          {store.EventFilter{Until: noon.Add(time.Second)}, []string{"2", "1", "0"}},
		"since and until":                {store.EventFilter{Since: noon, Until: noon}, nil},
		"text in the details":            {store.EventFilter{Text: "note 50% OF_4"}, []string{"4"}},
		"text that no pattern may widen": {store.EventFilter{Text: "%_"}, nil},
		"text in the actor":              {store.EventFilter{Text: "ANN", Container: "home/102"}, []string{"4"}},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		addEvents(t, s, 6)
		for name, test := range tests {
			var got []string
			for _, e := range must(s.Events(t.Context(), test.filter, "", 10))(t) {
				got = append(got, e.Subject)
				wantEqual(t, e.Details, map[string]string{"i": "Note 50% of_" + e.Subject})
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%s: got %v, want %v", name, got, test.want)
			}
		}
		_, err := s.Events(t.Context(), store.EventFilter{Container: "101"}, "", 10)
		wantEqual(t, berth.CodeOf(err), berth.Invalid)
		_, err = s.Events(t.Context(), store.EventFilter{}, "no-such-id", 10)
		wantEqual(t, berth.CodeOf(err), berth.NotFound)
		wantEqual(t, must(s.EventChoices(t.Context()))(t), store.EventChoices{Actors: []string{"anna", "system"}, Actions: []string{"container.start", "container.stop"}})
	})
}

func TestEachEventGoesThroughTheWholeHistoryOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const n = 2500 // several parts of it are read
		events, hourAgo := make([]berth.Event, n), clocktest.Now().Add(-time.Hour)
		for i := range events {
			events[i] = berth.Event{ID: strconv.Itoa(i), At: hourAgo.Add(time.Duration(i/100) * time.Second), Actor: []string{"anna", "bob"}[i%2]}
		}
		if err := s.AddEventsOnce(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		err := s.EachEvent(t.Context(), store.EventFilter{Actor: "bob"}, func(e berth.Event) error {
			seen[e.ID] = true
			if len(seen)%100 == 0 { // others go on meanwhile
				return s.AddEvent(t.Context(), berth.Event{Actor: "bob"})
			}
			return nil
		})
		if err != nil || len(seen) != n/2 {
			t.Errorf("%d events (%v), want %d", len(seen), err, n/2)
		}
		full := errors.New("the disk is full")
		if err := s.EachEvent(t.Context(), store.EventFilter{}, func(berth.Event) error { return full }); !errors.Is(err, full) {
			t.Errorf("got %v, want %v", err, full)
		}
	})
}
