package fleet

import (
	"testing"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestIsAnotherContainer(t *testing.T) {
	t.Parallel()
	const mac, otherMAC = "bc:24:11:00:00:01", "BC:24:11:00:00:02"
	known := store.Facts{Digest: "a", NICs: []store.NIC{{Name: "eth0", MAC: mac}}}
	for name, test := range map[string]struct {
		before   store.Facts
		hostname string
		mac      string
		digest   string
		suspect  bool
		want     bool
	}{
		"nothing changed":                       {known, "web", mac, "a", false, false},
		"renamed":                               {known, "www", mac, "b", false, false},
		"other hardware address":                {known, "web", otherMAC, "b", false, false},
		"renamed with other hardware address":   {known, "www", otherMAC, "b", false, true},
		"restored from its backup":              {known, "web", mac, "b", true, false},
		"restored and renamed":                  {known, "www", mac, "b", true, false},
		"created anew under the same name":      {known, "web", otherMAC, "b", true, true},
		"created anew, nothing was known":       {store.Facts{}, "www", otherMAC, "b", true, true},
		"created anew, same name, nothing was":  {store.Facts{}, "web", otherMAC, "b", true, false},
		"renamed before anything was known":     {store.Facts{}, "www", mac, "b", false, false},
		"without network now, another name":     {known, "www", "", "b", false, false},
		"created anew without network":          {known, "web", "", "b", true, true},
		"configuration has no host name at all": {known, "", otherMAC, "b", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := pve.ContainerConfig{Hostname: test.hostname, Digest: test.digest}
			if test.mac != "" {
				config.Networks = map[int]pve.Network{0: {Name: "eth0", HardwareAddress: test.mac}}
			}
			got := isAnother(&store.Tracked{Hostname: "web"}, &test.before, &config, test.suspect)
			if got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// trackFirst tracks a stopped container of the simulated cluster before the fleet runs.
func trackFirst(t *testing.T, s *store.Store, sim *pvesim.Sim) store.Tracked {
	t.Helper()
	list, err := simClient(t, sim).Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := s.ClusterByName(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list.Containers {
		if c.Status == "stopped" && c.Lock == "" && !c.Template && c.HAState == "" {
			tracked, err := s.Track(t.Context(), store.Tracked{ClusterID: cluster.ID, VMID: c.VMID, Node: c.Node, Hostname: c.Name, Lifecycle: berth.LifecycleReady})
			if err != nil {
				t.Fatal(err)
			}
			return tracked
		}
	}
	t.Fatal("no container to track")
	return store.Tracked{}
}

func TestReusedVMIDDoesNotInheritTheHistory(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		sim := simulate(t, s, pvesim.Options{Speed: 20, TaskTime: 200 * time.Millisecond})
		old := trackFirst(t, s, sim)
		r, other := run(t, s, quick), run(t, s, quick) // two replicas
		r.wait("all have told", told(40))
		other.wait("all have told", told(40))
		if got := r.container(old.VMID).ID; got != old.ID {
			t.Fatalf("container %d has the id %q, want the tracked one's", old.VMID, got)
		}
		recreate(t, sim, old)
		for _, replica := range []*rig{r, other} {
			replica.wait("the VMID has a discovered container", func(s *Snapshot) bool {
				c, ok := s.Find("home", old.VMID)
				return ok && c.ID == "" && c.Hostname == "another" && c.OSType != ""
			})
			replica.stop()
		}
		kept, err := s.TrackedContainer(t.Context(), old.ID)
		if err != nil || kept.GoneAt.IsZero() {
			t.Errorf("the old container is %+v, %v; want it kept as gone", kept, err)
		}
		events, err := s.Events(t.Context(), store.EventFilter{ContainerID: old.ID}, "", 10)
		if err != nil || len(events) != 1 || events[0].Action != "container.replaced" {
			t.Errorf("its history is %+v, %v; want that it was replaced", events, err)
		}
	})
}

// recreate destroys a container and creates another one with its VMID.
func recreate(t *testing.T, sim *pvesim.Sim, old store.Tracked) {
	t.Helper()
	client := simClient(t, sim)
	upid, err := client.Delete(t.Context(), old.Node, old.VMID, pve.DeleteOptions{})
	waitTask(t, client, upid, err)
	images, err := client.StorageContent(t.Context(), old.Node, "local", pve.ContentQuery{Content: "vztmpl"})
	if err != nil || len(images) == 0 {
		t.Fatalf("no image: %v", err)
	}
	yes := true
	request := pve.CreateRequest{VMID: old.VMID, OSImage: images[0].ID, Unprivileged: &yes, Settings: pve.Settings{Hostname: "another",
		RootFS: &pve.Mount{Volume: "local-lvm:1"}, Networks: map[int]pve.Network{0: {Name: "eth0", Bridge: "vmbr0", IP: "dhcp"}}}}
	upid, err = client.Create(t.Context(), old.Node, request)
	waitTask(t, client, upid, err)
}

func waitTask(t *testing.T, client *pve.Client, upid pve.UPID, err error) {
	t.Helper()
	if err == nil {
		_, err = client.Wait(t.Context(), upid)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestContainerTrackedWhileRunningIsNoticed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		sim := simulate(t, s, pvesim.Options{})
		r := run(t, s, quick)
		r.wait("all are there", answering(40))
		tracked := trackFirst(t, s, sim)
		r.wait("it has its id", func(s *Snapshot) bool {
			c, ok := s.Find("home", tracked.VMID)
			return ok && c.ID == tracked.ID
		})
	})
}

func TestContainerThatMovesKeepsItsIdentity(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{Speed: 20, TaskTime: 200 * time.Millisecond})
	tracked := trackFirst(t, s, sim)
	r := run(t, s, quick)
	r.wait("all have told", told(40))
	target := "pve1"
	if tracked.Node == target {
		target = "pve2"
	}
	if _, err := simClient(t, sim).Migrate(t.Context(), tracked.Node, tracked.VMID, pve.MigrateRequest{TargetNode: target}); err != nil {
		t.Fatal(err)
	}
	r.wait("it is on the other node", func(s *Snapshot) bool {
		c, ok := s.Find("home", tracked.VMID)
		return ok && c.Node == target && c.ID == tracked.ID
	})
	if got, err := s.TrackedContainer(t.Context(), tracked.ID); err != nil || got.Node != target {
		t.Errorf("stored is %+v, %v; want node %s", got, err, target)
	}
}

func TestRenamedContainerKeepsItsIdentity(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{Speed: 50})
	tracked := trackFirst(t, s, sim)
	r := run(t, s, quick)
	r.wait("all have told", told(40))
	change := pve.ConfigChange{Settings: pve.Settings{Hostname: "renamed"}}
	if err := simClient(t, sim).UpdateConfig(t.Context(), tracked.Node, tracked.VMID, change); err != nil {
		t.Fatal(err)
	}
	r.wait("the new name is stored", func(snapshot *Snapshot) bool {
		c, _ := snapshot.Find("home", tracked.VMID)
		got, err := s.TrackedContainer(t.Context(), tracked.ID)
		return err == nil && c.Hostname == "renamed" && c.ID == tracked.ID && got.Hostname == "renamed"
	})
}

func TestMissingContainerOfAClusterWithoutQuorumIsNotGone(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{})
	sim.SetQuorate(false)
	cluster, err := s.ClusterByName(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Track(t.Context(), store.Tracked{ClusterID: cluster.ID, VMID: 90001, Node: "pve1", Hostname: "kept", Lifecycle: berth.LifecycleReady}); err != nil {
		t.Fatal(err)
	}
	r := run(t, s, quick)
	r.wait("the quorum was looked at, and lists came after it", func(*Snapshot) bool {
		return sim.CallsTo("/cluster/status") > 0 && sim.CallsTo("/cluster/resources") > 5
	})
	if got := r.container(90001); got.Status != berth.StatusUnknown || got.Unknown == berth.UnknownGone {
		t.Errorf("got %s (%s), want unknown but not gone", got.Status, got.Unknown)
	}
	if calls := sim.CallsTo("/cluster/status"); calls > 1 {
		t.Errorf("the quorum was looked at %d times, want once", calls)
	}
}

func TestAReadingOfTheTrackedContainersThatComesLateIsDropped(t *testing.T) {
	t.Parallel()
	p := &poller{reread: reread{begun: 2}}
	p.takeTracked(2, []store.Tracked{{ID: "later"}}, nil)
	p.takeTracked(1, []store.Tracked{{ID: "earlier"}}, nil)
	if got := p.tracked[0].ID; got != "later" {
		t.Errorf("the tracked container is %q, want the one that was read later", got)
	}
}
