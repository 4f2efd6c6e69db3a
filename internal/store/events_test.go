package store_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"berth"
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
			Cluster: "home", ContainerID: []string{"c1", "c2", ""}[i%3], Subject: strconv.Itoa(i), Details: map[string]string{"i": strconv.Itoa(i)},
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
			var filter store.EventFilter
			for {
				page := must(s.Events(t.Context(), filter, size))(t)
				if len(page) == 0 {
					break
				}
				if len(page) > size {
					r.Fatalf("a page of %d has %d events", size, len(page))
				}
				for _, e := range page {
					got = append(got, e.Subject)
				}
				filter.Before = &page[len(page)-1]
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
		"container":                  {store.EventFilter{ContainerID: "c2"}, []string{"4", "1"}},
		"container and actor":        {store.EventFilter{ContainerID: "c2", Actor: "anna"}, []string{"4"}},
		"container of other cluster": {store.EventFilter{ContainerID: "c2", Cluster: "work"}, nil},
		"actor":                      {store.EventFilter{Actor: "system"}, []string{"5", "3", "1"}},
		"action":                     {store.EventFilter{Action: "container.start"}, []string{"4", "2", "0"}},
		"cluster":                    {store.EventFilter{Cluster: "work"}, nil},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		addEvents(t, s, 6)
		for name, test := range tests {
			var got []string
			for _, e := range must(s.Events(t.Context(), test.filter, 10))(t) {
				got = append(got, e.Subject)
				wantEqual(t, e.Details, map[string]string{"i": e.Subject})
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%s: got %v, want %v", name, got, test.want)
			}
		}
	})
}
