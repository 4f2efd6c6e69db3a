package fleet

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

func TestTagsAreChangedOnWhatIsThere(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := r.one(berth.LiveRunning)
	if err := r.sim.SetConfig(c.VMID, "tags", "old;web"); err != nil {
		t.Fatal(err)
	}
	change := berth.TagChange{Add: []string{"new"}, Remove: []string{"old"}}
	if err := r.ChangeTags(t.Context(), anna, c.Key(), change); err != nil {
		t.Fatal(err)
	}
	r.wait("the tags are shown", func(s *Snapshot) bool {
		now, ok := s.Find(c.Cluster, c.VMID)
		return ok && cmp.Equal(now.Tags, []string{"new", "web"}) && now.Pending == nil
	})
	if err := r.ChangeTags(t.Context(), anna, c.Key(), berth.TagChange{Remove: []string{"new", "web"}}); err != nil {
		t.Fatal(err)
	}
	now, err := r.Config(t.Context(), anna, c.Key())
	if _, tagged := now.Values["tags"]; err != nil || tagged {
		t.Errorf("without the last tag the configuration is %v, %v", now.Values, err)
	}
	if err := r.ChangeTags(t.Context(), anna, c.Key(), berth.TagChange{Add: []string{"-no"}}); berth.CodeOf(err) != berth.Invalid {
		t.Errorf("a tag that Proxmox does not take: %v, want invalid", err)
	}
	vera := anna
	vera.Access = berth.Everywhere(berth.RoleViewer)
	if err := r.ChangeTags(t.Context(), vera, c.Key(), berth.TagChange{Add: []string{"new"}}); berth.CodeOf(err) != berth.Forbidden {
		t.Errorf("a viewer changes tags: %v, want that it is forbidden", err)
	}
}

// Nobody gains or loses rights on a container by naming or tagging it.
func TestTagsThatWouldChangeARole(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := r.one(berth.LiveRunning)
	if err := r.sim.SetConfig(c.VMID, "tags", "team-a"); err != nil {
		t.Fatal(err)
	}
	r.wait("the tag is seen", func(s *Snapshot) bool {
		now, ok := s.Find(c.Cluster, c.VMID)
		return ok && cmp.Equal(now.Tags, []string{"team-a"})
	})
	access, err := berth.NewAccess(berth.Grant{Role: berth.RoleOperator, Scope: "tag:team-a"}, berth.Grant{Role: berth.RoleAdmin, Scope: "tag:boss"})
	if err != nil {
		t.Fatal(err)
	}
	eve := anna
	eve.Access = access
	for _, change := range []berth.TagChange{{Add: []string{"boss"}}, {Add: []string{"BOSS"}}, {Remove: []string{"team-a"}}} {
		if err := r.ChangeTags(t.Context(), eve, c.Key(), change); berth.CodeOf(err) != berth.Forbidden {
			t.Errorf("%+v: %v, want that it is forbidden", change, err)
		}
	}
	if err := r.ChangeTags(t.Context(), eve, c.Key(), berth.TagChange{Add: []string{"web"}}); err != nil {
		t.Errorf("a tag that no role depends on: %v", err)
	}
}

// What somebody else does to the configuration meanwhile is kept.
func TestTagsOfAConfigurationThatChangesMeanwhile(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := r.one(berth.LiveRunning)
	r.sim.Fail(pvesim.Fault{Method: "PUT", Path: "/nodes/{node}/lxc/{vmid}/config", Times: 1, Delay: 3 * time.Second})
	done := make(chan error, 1)
	go func() { done <- r.ChangeTags(t.Context(), anna, c.Key(), berth.TagChange{Add: []string{"mine"}}) }()
	r.wait("the change is under way", func(s *Snapshot) bool {
		now, ok := s.Find(c.Cluster, c.VMID)
		return ok && now.Pending != nil
	})
	if err := r.sim.SetConfig(c.VMID, "tags", "theirs"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	config, err := simClient(t, r.sim).ContainerConfig(t.Context(), c.Node, c.VMID, pve.ConfigQuery{Current: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"mine", "theirs"}, config.Tags); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
