package store_test

import (
	"testing"
	"time"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

var anna = berth.Actor{ID: "0198-anna", Name: "anna", Source: "web"}

func home() berth.Cluster {
	return berth.Cluster{Name: "home", Endpoints: []string{"https://pve1.example.org:8006", "https://pve2.example.org:8006"}, Fingerprint: "AB:CD", TokenID: "berth@pve!main"}
}

func addCluster(t testing.TB, s *store.Store, c berth.Cluster) berth.Cluster {
	t.Helper()
	c, err := s.AddCluster(t.Context(), anna, c, "the-secret")
	if err != nil {
		t.Fatalf("add cluster %s: %v", c.Name, err)
	}
	return c
}

func TestAddedClusterIsListedWithItsSecretAndAnEvent(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		o.Now = func() time.Time { return noon }
		s := storetest.OpenWith(t, o)
		c := addCluster(t, s, home())
		got, err := s.Clusters(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, got, []berth.Cluster{c})
		secret, err := s.ClusterSecret(t.Context(), c.ID)
		if err != nil || secret != "the-secret" {
			t.Errorf("secret: got %q, %v", secret, err)
		}
		events, err := s.Events(t.Context(), store.EventFilter{Cluster: "home"}, 10)
		if err != nil || len(events) != 1 {
			t.Fatalf("events: got %v, %v; want one", events, err)
		}
		want := berth.Event{ID: events[0].ID, At: noon, Actor: "anna", ActorID: anna.ID, Source: "web", Action: "cluster.add", Cluster: "home", Subject: "cluster home", Details: map[string]string{}}
		wantEqual(t, events[0], want)
	})
}

func TestTakenClusterNameIsAConflict(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		addCluster(t, s, home())
		_, err := s.AddCluster(t.Context(), anna, home(), "other")
		wantError(t, err, berth.Conflict, "There is already a cluster called home.")
		events, err := s.Events(t.Context(), store.EventFilter{}, 10)
		if err != nil || len(events) != 1 {
			t.Errorf("events after a refused cluster: got %v, %v; want only the first", events, err)
		}
	})
}

func TestInvalidClusterIsRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		_, err := s.AddCluster(t.Context(), anna, berth.Cluster{Name: "Home"}, "secret")
		if got := berth.CodeOf(err); got != berth.Invalid {
			t.Errorf("got %v, want invalid", err)
		}
	})
}

func TestRemovedClusterKeepsItsEvents(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := addCluster(t, s, home())
		tracked := track(t, s, c, 101)
		if err := s.RemoveCluster(t.Context(), anna, "home"); err != nil {
			t.Fatal(err)
		}
		wantError(t, s.RemoveCluster(t.Context(), anna, "home"), berth.NotFound, "There is no cluster called home.")
		_, err := s.TrackedContainer(t.Context(), tracked.ID)
		wantError(t, err, berth.NotFound, "There is no such container.")
		_, err = s.ClusterSecret(t.Context(), c.ID)
		wantError(t, err, berth.NotFound, "This cluster is no longer connected.")
		events, err := s.Events(t.Context(), store.EventFilter{Cluster: "home"}, 10)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, actions(events), []string{"cluster.remove", "cluster.add"})
	})
}

func TestSecondHandleSeesTheRevisionChange(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		one, two := storetest.OpenWith(t, o), storetest.OpenWith(t, o)
		revision := func() int64 {
			n, err := two.ClustersRevision(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		start := revision()
		addCluster(t, one, home())
		added := revision()
		if added <= start {
			t.Errorf("revision after adding: got %d, want more than %d", added, start)
		}
		if again := revision(); again != added {
			t.Errorf("revision without a change: got %d, want %d", again, added)
		}
		if err := one.RemoveCluster(t.Context(), anna, "home"); err != nil {
			t.Fatal(err)
		}
		if removed := revision(); removed <= added {
			t.Errorf("revision after removing: got %d, want more than %d", removed, added)
		}
	})
}

func actions(events []berth.Event) []string {
	var names []string
	for _, e := range events {
		names = append(names, e.Action)
	}
	return names
}
