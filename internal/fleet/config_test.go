package fleet

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func setting(key, value string) berth.ConfigChange {
	return berth.ConfigChange{Set: map[string]string{key: value}}
}

func TestAConfigurationIsChangedOnceAndWithAHistory(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{}, hurried)
		c := r.one(berth.LiveRunning)
		before, err := r.Config(t.Context(), anna, c.Key())
		if err != nil {
			t.Fatal(err)
		}
		r.eventually("the first configuration was seen", func() bool {
			all, err := r.ConfigHistory(t.Context(), anna, c.Key())
			return err == nil && len(all) == 1
		})
		after, err := r.ChangeConfig(t.Context(), anna, c.Key(), setting("memory", "1536"), before.Digest)
		if err != nil || after.Values["memory"] != "1536" || after.Digest == before.Digest {
			t.Fatalf("after the change: %+v (%v)", after, err)
		}
		stale, err := r.ChangeConfig(t.Context(), anna, c.Key(), setting("memory", "2048"), before.Digest)
		if berth.CodeOf(err) != berth.Conflict || stale.Values["memory"] != "1536" {
			t.Errorf("with the digest before: %v and %v, want a conflict and what is there now", err, stale.Values)
		}
		all, err := r.ConfigHistory(t.Context(), anna, c.Key())
		if err != nil || len(all) != 2 || all[0].Actor != "anna" || all[0].Values["memory"] != "1536" || all[1].Values["memory"] != before.Values["memory"] {
			t.Fatalf("the history is %+v (%v)", all, err)
		}
		again, left, err := r.RestoreConfig(t.Context(), anna, c.Key(), all[1].ID, after.Digest)
		if err != nil || len(left) != 0 || !maps.Equal(again.Values, before.Values) {
			t.Errorf("restored: %v, left %v (%v), want %v", again.Values, left, err, before.Values)
		}
		events, err := s.Events(t.Context(), store.EventFilter{ContainerID: r.container(c.VMID).ID}, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(events, func(e berth.Event) bool { return e.Details["after"] == "memory: 1536" })
		if i < 0 || events[i].Action != "container.config" || events[i].Details["before"] != "memory: "+before.Values["memory"] || events[i].Details["keys"] != "memory" {
			t.Errorf("the events are %+v", events)
		}
		if slices.ContainsFunc(events, func(e berth.Event) bool { return e.Actor == unseenActor }) {
			t.Errorf("a change of Berth counts as one from outside: %+v", events)
		}
	})
}

func TestWhatOthersConfigureIsInTheHistory(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{}, hurried)
		c := r.one(berth.LiveRunning)
		seen := func(n int) func() bool {
			return func() bool {
				all, err := r.ConfigHistory(t.Context(), anna, c.Key())
				return err == nil && len(all) >= n
			}
		}
		r.eventually("the first configuration was seen", seen(1))
		if err := outsideClient(t, r.sim).SetConfig(t.Context(), c.Node, c.VMID, map[string]string{"tags": "elsewhere"}, nil, ""); err != nil {
			t.Fatal(err)
		}
		r.eventually("the second one was seen", seen(2))
		all, err := r.ConfigHistory(t.Context(), anna, c.Key())
		if err != nil || all[0].Actor != "" || all[0].Values["tags"] != "elsewhere" {
			t.Errorf("the history is %+v (%v)", all, err)
		}
	})
}

func TestWhatCannotBeConfiguredIsRefusedPerKey(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := r.one(berth.LiveRunning)
	for _, test := range []struct {
		change berth.ConfigChange
		field  string
		says   string
	}{
		{setting("digest", "x"), "digest", "cannot be changed here"},
		{setting("memory", "much"), "memory", ""},
		{setting("hookscript", "local:snippets/x"), "hookscript", "Only root@pam"},
		{setting("features", "nesting=1,fuse=1"), "features", "Only root@pam"},
		{setting("nameserver", "not an address"), "nameserver", ""},
	} {
		_, err := r.ChangeConfig(t.Context(), anna, c.Key(), test.change, "")
		if berth.CodeOf(err) != berth.Invalid || test.field != "" && fieldsIn(err)[test.field] == "" || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v: %v, want Invalid about %s", test.change, err, test.field)
		}
	}
	viewer := berth.Actor{Name: "vera", Access: berth.Everywhere(berth.RoleViewer)}
	if _, err := r.ChangeConfig(t.Context(), viewer, c.Key(), setting("memory", "600"), ""); berth.CodeOf(err) != berth.Forbidden {
		t.Errorf("a viewer: %v, want Forbidden", err)
	}
	r.wantNothingHeld()
}

func TestAChangeWhoseAnswerIsLostIsNoConflict(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		sim, err := pvesim.New(pvesim.Options{Now: clocktest.Now, Cluster: "home"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(sim.Close)
		if err := sim.Start("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		c := plainContainer(t, sim)
		k := killProxy(t, s, sim, moment{method: "PUT", part: "/lxc/VMID/config?"}, vmidText(c))
		k.mu.Lock()
		k.kill = func() {} // only the answer is lost
		k.mu.Unlock()
		r := resume(t, s, hurried)
		r.sim = sim
		r.wait("it is there", func(s *Snapshot) bool { found, ok := s.Find("home", c.VMID); return ok && found.Unknown == "" })
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		after, err := r.ChangeConfig(ctx, anna, c.Key(), setting("memory", "1536"), "")
		if err != nil || after.Values["memory"] != "1536" {
			t.Errorf("the change: %v, memory is %q", err, after.Values["memory"])
		}
		select {
		case <-k.killed:
		case <-time.After(patience):
			t.Error("no answer was lost")
		}
	})
}

func TestTheHistoryOfConfigurationsIsBounded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{}, hurried)
		id := r.Snapshot().Clusters[0].Cluster.ID
		for i := range 60 {
			v := versionOf(&pve.ContainerConfig{MemoryMiB: 100 + i})
			if added, err := s.AddConfig(t.Context(), id, 4242, v); err != nil || !added {
				t.Fatalf("version %d: %v, %v", i, added, err)
			}
			if added, err := s.AddConfig(t.Context(), id, 4242, v); err != nil || added {
				t.Fatalf("version %d twice: %v, %v", i, added, err)
			}
		}
		all, err := s.Configs(t.Context(), id, 4242)
		if err != nil || len(all) != 50 || all[0].Values["memory"] != "159" || all[49].Values["memory"] != "110" {
			t.Errorf("%d versions are kept (%v)", len(all), err)
		}
	})
}

func TestSeveralWhoSeeTheSameConfigurationKeepItOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := act(t, s, pvesim.Options{}, hurried)
		id := r.Snapshot().Clusters[0].Cluster.ID
		var kept atomic.Int64
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				added, err := s.AddConfig(t.Context(), id, 4242, versionOf(&pve.ContainerConfig{MemoryMiB: 100}))
				if err != nil {
					t.Error(err)
				}
				if added {
					kept.Add(1)
				}
			})
		}
		group.Wait()
		if all, err := s.Configs(t.Context(), id, 4242); err != nil || len(all) != 1 || kept.Load() != 1 {
			t.Errorf("%d are kept, %d say so (%v)", len(all), kept.Load(), err)
		}
	})
}
