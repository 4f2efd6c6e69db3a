package store_test

import (
	"testing"
	"time"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestReusedVMIDIsAnotherContainer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		home, work := addCluster(t, s, "home", "secret"), addCluster(t, s, "work", "secret")
		first := track(t, s, home, 101)
		track(t, s, work, 101)
		_, err := s.Track(ctx, store.Tracked{ClusterID: home.ID, VMID: 101, Lifecycle: berth.LifecycleCreating})
		wantError(t, err, berth.Conflict, "Container 101 of cluster home is already known.")
		ok(t, markGone(t, s, first.ID))
		at := must(s.TrackedContainer(ctx, first.ID))(t).GoneAt
		for _, id := range []string{first.ID, "nobody"} { // one of several replicas notes it
			wantError(t, markGone(t, s, id), berth.NotFound, "There is no such container.")
		}
		second := track(t, s, home, 101)
		wantEqual(t, must(s.TrackedContainers(ctx, home.ID))(t), []store.Tracked{second})
		if got := must(s.TrackedContainer(ctx, first.ID))(t).GoneAt; got.IsZero() || !got.Equal(at) {
			t.Errorf("the first one is gone since %v, before %v", got, at)
		}
	})
}

func markGone(t *testing.T, s *store.Store, id string) error {
	return s.InTx(t.Context(), "mark as gone", func(tx *store.Tx) error { return tx.MarkGone(t.Context(), id) })
}

func TestChangesOfAContainerAreKept(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		now := &clock{noon}
		o.Now = now.now
		s := storetest.OpenWith(t, o)
		ctx := t.Context()
		want := track(t, s, addCluster(t, s, "home", "secret"), 101)
		now.at = noon.Add(time.Minute)
		if err := s.Moved(ctx, want.ID, "pve2", "web2"); err != nil {
			t.Fatal(err)
		}
		if err := s.SetLifecycle(ctx, want.ID, berth.LifecycleError); err != nil {
			t.Fatal(err)
		}
		want.Node, want.Hostname, want.Lifecycle, want.UpdatedAt = "pve2", "web2", berth.LifecycleError, now.at
		wantEqual(t, must(s.TrackedContainer(ctx, want.ID))(t), want)
		wantError(t, s.Moved(ctx, "nobody", "pve2", "web2"), berth.NotFound, "There is no such container.")
		wantError(t, s.SetLifecycle(ctx, "nobody", berth.LifecycleReady), berth.NotFound, "There is no such container.")
	})
}

func TestContainerNamesItsTemplate(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		s := storetest.OpenWith(t, o)
		c := addCluster(t, s, "home", "secret")
		_, err := s.Track(t.Context(), store.Tracked{ClusterID: c.ID, VMID: 101, Template: "gitea"})
		wantError(t, err, berth.NotFound, "There is no template called gitea.")
		execRaw(t, o, "INSERT INTO templates (id, name, description, tags, recipe, created_at, updated_at) VALUES ('t1', 'gitea', '', '[]', '{}', 0, 0)")
		must(s.Track(t.Context(), store.Tracked{ClusterID: c.ID, VMID: 101, Template: "gitea"}))(t)
		wantEqual(t, must(s.TrackedContainers(t.Context(), c.ID))(t)[0].Template, "gitea")
		_, err = s.Track(t.Context(), store.Tracked{ClusterID: "nobody", VMID: 101})
		wantError(t, err, berth.NotFound, "This cluster is no longer connected.")
	})
}

func TestServicesAreReplacedButKeepTheirIdentity(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		c := addCluster(t, s, "home", "secret")
		web, other := track(t, s, c, 101), track(t, s, c, 102)
		nginx := berth.Service{Name: "nginx", Kind: berth.ServiceSystemd, Port: 80, WebURL: "http://10.0.3.5", Status: berth.ServiceHealthy}
		redis := berth.Service{Name: "redis", Kind: berth.ServiceDocker, Port: 6379, Status: berth.ServiceUnknown}
		save := func(services ...berth.Service) []berth.Service {
			t.Helper()
			if err := s.SaveServices(ctx, web.ID, services); err != nil {
				t.Fatal(err)
			}
			return must(s.TrackedContainers(ctx, c.ID))(t)[0].Services
		}
		before := save(redis, nginx)
		nginx.ID, nginx.ContainerID, redis.ID, redis.ContainerID = before[0].ID, web.ID, before[1].ID, web.ID
		wantEqual(t, before, []berth.Service{nginx, redis})
		nginx.Status = berth.ServiceFailed
		wantEqual(t, save(nginx), []berth.Service{nginx})
		wantEqual(t, must(s.TrackedContainer(ctx, web.ID))(t).Services, []berth.Service{nginx})
		wantEqual(t, must(s.TrackedContainer(ctx, other.ID))(t).Services, nil)
		wantError(t, s.SaveServices(ctx, "nobody", nil), berth.NotFound, "There is no such container.")
	})
}

func TestCredentialsOfAServiceOutliveItsUpdatesAndRevealingIsAudited(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		web := track(t, s, addCluster(t, s, "home", "secret"), 101)
		services := []berth.Service{{Name: "gitea", Kind: berth.ServiceDocker}}
		if err := s.SaveServices(ctx, web.ID, services); err != nil {
			t.Fatal(err)
		}
		id := must(s.TrackedContainer(ctx, web.ID))(t).Services[0].ID
		_, err := s.RevealCredentials(ctx, anna, id)
		wantError(t, err, berth.NotFound, "No credentials are kept for service gitea.")
		if err := s.SetCredentials(ctx, anna, id, "admin / hunter2"); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveServices(ctx, web.ID, services); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, must(s.RevealCredentials(ctx, anna, id))(t), "admin / hunter2")
		events := must(s.Events(ctx, store.EventFilter{ContainerID: web.ID}, "", 10))(t)
		wantEqual(t, actions(events), []string{"service.reveal-credentials", "service.set-credentials"})
		wantEqual(t, events[0].Subject, "service gitea of container web")
		_, err = s.RevealCredentials(ctx, anna, "nobody")
		wantError(t, err, berth.NotFound, "There is no such service.")
	})
}

func TestRevisionGrowsWithEveryChangeOfContainers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		home := addCluster(t, s, "home", "secret")
		before := must(s.ContainersRevision(ctx))(t)
		web := track(t, s, home, 101)
		for name, change := range map[string]func() error{
			"moved":     func() error { return s.Moved(ctx, web.ID, "pve2", "web") },
			"lifecycle": func() error { return s.SetLifecycle(ctx, web.ID, berth.LifecycleError) },
			"services":  func() error { return s.SaveServices(ctx, web.ID, nil) },
			"gone":      func() error { return markGone(t, s, web.ID) },
		} {
			if err := change(); err != nil {
				t.Fatal(err)
			}
			after := must(s.ContainersRevision(ctx))(t)
			if after <= before {
				t.Errorf("%s: the revision is %d after %d", name, after, before)
			}
			before = after
		}
	})
}
