package store_test

import (
	"testing"
	"time"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestAddedClusterIsListedWithItsSecretAndAnEvent(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		o.Now = (&clock{noon}).now
		s := storetest.OpenWith(t, o)
		c := addCluster(t, s, "home", "the-secret")
		wantEqual(t, must(s.Clusters(t.Context()))(t), []berth.Cluster{c})
		wantEqual(t, c, berth.Cluster{
			ID: c.ID, Name: "home", Endpoints: []string{"https://pve1.example.org:8006", "https://pve2.example.org:8006"},
			Fingerprint: "AB:CD", TokenID: "berth@pve!main", CreatedAt: noon, UpdatedAt: noon,
		})
		wantEqual(t, must(s.ClusterSecret(t.Context(), c.ID))(t), "the-secret")
		events := must(s.Events(t.Context(), store.EventFilter{}, "", 10))(t)
		if len(events) != 1 {
			t.Fatalf("got %d events, want 1", len(events))
		}
		wantEqual(t, events[0], berth.Event{
			ID: events[0].ID, At: noon, Actor: "anna", ActorID: anna.ID, Source: "web", Action: "cluster.add",
			Cluster: "home", Subject: "cluster home", Details: map[string]string{},
		})
	})
}

func TestClustersAreListedByName(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, name := range []string{"beta", "alpha", "gamma"} {
			addCluster(t, s, name, "secret")
		}
		var got []string
		for _, c := range must(s.Clusters(t.Context()))(t) {
			got = append(got, c.Name)
		}
		wantEqual(t, got, []string{"alpha", "beta", "gamma"})
	})
}

func TestTakenClusterNameIsAConflictAndLeavesNoEvent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		addCluster(t, s, "home", "secret")
		revision := must(s.ClustersRevision(t.Context()))(t)
		_, err := s.AddCluster(t.Context(), anna, berth.Cluster{Name: "home", Endpoints: []string{"https://pve9:8006"}}, "other")
		wantError(t, err, berth.Conflict, "There is already a cluster called home.")
		wantEqual(t, len(must(s.Events(t.Context(), store.EventFilter{}, "", 10))(t)), 1)
		wantEqual(t, must(s.ClustersRevision(t.Context()))(t), revision)
	})
}

func TestInvalidClusterIsRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		_, err := s.AddCluster(t.Context(), anna, berth.Cluster{Name: "Home"}, "secret")
		wantEqual(t, berth.CodeOf(err), berth.Invalid)
		wantEqual(t, len(must(s.Clusters(t.Context()))(t)), 0)
	})
}

func TestRemovedClusterKeepsItsEventsAndNothingElse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		c := addCluster(t, s, "home", "secret")
		tracked := track(t, s, c, 101)
		if err := s.SaveAnswer(ctx, c.ID, noon, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if err := s.AddEvent(ctx, berth.Event{Action: "container.stop", Cluster: "home", ContainerID: tracked.ID, Subject: "web (101)"}); err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveCluster(ctx, anna, "home"); err != nil {
			t.Fatal(err)
		}
		wantError(t, s.RemoveCluster(ctx, anna, "home"), berth.NotFound, "There is no cluster called home.")
		_, err := s.ClusterSecret(ctx, c.ID)
		wantError(t, err, berth.NotFound, "This cluster is no longer connected.")
		_, err = s.TrackedContainer(ctx, tracked.ID)
		wantError(t, err, berth.NotFound, "There is no such container.")
		_, _, err = s.LastAnswer(ctx, c.ID)
		wantError(t, err, berth.NotFound, "This cluster has not answered yet.")
		wantEqual(t, actions(must(s.Events(ctx, store.EventFilter{Cluster: "home"}, "", 10))(t)), []string{"cluster.remove", "container.stop", "cluster.add"})
	})
}

func TestSecondHandleSeesThatTheClustersChanged(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		one, two := storetest.OpenWith(t, o), storetest.OpenWith(t, o)
		start := must(two.ClustersRevision(t.Context()))(t)
		addCluster(t, one, "home", "secret")
		added := must(two.ClustersRevision(t.Context()))(t)
		if added <= start {
			t.Errorf("revision after adding: got %d, want more than %d", added, start)
		}
		wantEqual(t, must(two.ClustersRevision(t.Context()))(t), added)
		if err := one.RemoveCluster(t.Context(), anna, "home"); err != nil {
			t.Fatal(err)
		}
		if removed := must(two.ClustersRevision(t.Context()))(t); removed <= added {
			t.Errorf("revision after removing: got %d, want more than %d", removed, added)
		}
	})
}

func TestNewestAnswerIsKept(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := addCluster(t, s, "home", "secret")
		_, _, err := s.LastAnswer(t.Context(), c.ID)
		wantError(t, err, berth.NotFound, "This cluster has not answered yet.")
		save := func(at time.Time, body string) {
			if err := s.SaveAnswer(t.Context(), c.ID, at, []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
		save(noon, `{"data":[1]}`)
		save(noon.Add(time.Second), `{"data":[2]}`)
		save(noon.Add(-time.Second), `{"data":[0]}`) // a replica that lags behind
		body, at, err := s.LastAnswer(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, string(body), `{"data":[2]}`)
		wantEqual(t, at, noon.Add(time.Second))
		wantError(t, s.SaveAnswer(t.Context(), "nobody", noon, nil), berth.NotFound, "This cluster is no longer connected.")
	})
}

func TestNodesAreRememberedWithWhenTheyWereSeen(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := addCluster(t, s, "home", "secret")
		later := noon.Add(time.Hour)
		if err := s.SawNodes(t.Context(), c.ID, noon, "pve2", "pve1"); err != nil {
			t.Fatal(err)
		}
		if err := s.SawNodes(t.Context(), c.ID, later, "pve1"); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, must(s.KnownNodes(t.Context(), c.ID))(t), []store.KnownNode{
			{Name: "pve1", FirstSeen: noon, LastSeen: later},
			{Name: "pve2", FirstSeen: noon, LastSeen: noon},
		})
		wantError(t, s.SawNodes(t.Context(), "nobody", noon, "pve1"), berth.NotFound, "This cluster is no longer connected.")
	})
}
