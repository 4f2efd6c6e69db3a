package berth

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func mustAccess(t *testing.T, grants ...Grant) Access {
	t.Helper()
	a, err := NewAccess(grants...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTheBestOfAllGrantsCounts(t *testing.T) {
	t.Parallel()
	a := mustAccess(t, Grant{RoleOperator, "cluster:home tag:team-a"}, Grant{RoleViewer, "cluster:home"}, Grant{RoleAdmin, "vmid:200-299"})
	for name, test := range map[string]struct {
		c    Container
		want Role
	}{
		"both match":    {Container{Cluster: "home", Tags: []string{"team-a"}}, RoleOperator},
		"one matches":   {Container{Cluster: "home"}, RoleViewer},
		"a range":       {Container{Cluster: "away", VMID: 250}, RoleAdmin},
		"none matches":  {Container{Cluster: "away", VMID: 300}, ""},
		"half of a tag": {Container{Cluster: "away", Tags: []string{"team-a"}}, ""},
	} {
		if got := a.On(&test.c); got != test.want {
			t.Errorf("%s: role %q, want %q", name, got, test.want)
		}
	}
	if got := a.Everywhere(); got != "" {
		t.Errorf("a role on some containers is %q everywhere, want none", got)
	}
	if got := a.Highest(); got != RoleAdmin {
		t.Errorf("the highest role is %q, want admin", got)
	}
	if !a.Limited() || Everywhere(RoleViewer).Limited() {
		t.Error("who sees only some is not told from who sees all")
	}
	if none := (Access{}); none.Sees(&Container{}) || none.Highest() != "" || !none.Limited() {
		t.Error("without grants something is permitted")
	}
}

func TestScopesDoNotDependOnHowAContainerIsDoing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"web", "cpu>50%", "status:running", "uptime<1h", "is:locked", "ip:10.0.0.1", "service:nginx", "-web", "tag:a,b mem>1G", "colour:red", `"`} {
		if _, err := ParseScope(text); CodeOf(err) != Invalid {
			t.Errorf("ParseScope(%q) gives %v, want Invalid", text, err)
		}
	}
	for _, text := range []string{"", "cluster:home tag:team-a", "-node:pve1", "name:web", "hostname=web1", "vmid>=100", "pool:x,y", `tag:"a b"`} {
		if _, err := ParseScope(text); err != nil {
			t.Errorf("ParseScope(%q): %v", text, err)
		}
	}
	if _, err := NewAccess(Grant{Role: "king"}); CodeOf(err) != Invalid {
		t.Errorf("a role that there is not gives %v, want Invalid", err)
	}
}

func TestEqualRightsHaveEqualKeys(t *testing.T) {
	t.Parallel()
	a := mustAccess(t, Grant{RoleViewer, "tag:a  cluster:home"}, Grant{RoleOperator, ""})
	b := mustAccess(t, Grant{RoleOperator, ""}, Grant{RoleViewer, "cluster:home tag:A"}, Grant{RoleOperator, ""})
	if a.Key() != b.Key() {
		t.Errorf("keys %q and %q differ", a.Key(), b.Key())
	}
	if c := mustAccess(t, Grant{RoleViewer, "cluster:home"}, Grant{RoleOperator, ""}); a.Key() == c.Key() {
		t.Error("different rights have the same key")
	}
	if got, want := a.Grants(), []Grant{{RoleOperator, ""}, {RoleViewer, "cluster:home tag:a"}}; !slices.Equal(got, want) {
		t.Errorf("grants %v, want %v", got, want)
	}
}

// What two accesses permit together is never more than either of them.
func TestWithinIsTheLowerRole(t *testing.T) {
	t.Parallel()
	grants := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Grant {
		return Grant{rapid.SampledFrom([]Role{RoleViewer, RoleOperator, RoleAdmin}).Draw(t, "role"),
			rapid.SampledFrom([]string{"", "tag:a", "tag:b", "-tag:a", "cluster:x", "cluster:x tag:b", "vmid:1-2"}).Draw(t, "scope")}
	}), 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		a, errA := NewAccess(grants.Draw(t, "a")...)
		b, errB := NewAccess(grants.Draw(t, "b")...)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		c := Container{Cluster: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "cluster"), VMID: rapid.IntRange(1, 3).Draw(t, "vmid"),
			Tags: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b"}), 0, 2).Draw(t, "tags")}
		want := a.On(&c)
		if roleRank[b.On(&c)] < roleRank[want] {
			want = b.On(&c)
		}
		if got := a.Within(b).On(&c); got != want {
			t.Fatalf("role %q, want %q", got, want)
		}
		again, err := NewAccess(a.Within(b).Grants()...)
		if err != nil || again.Key() != a.Within(b).Key() {
			t.Fatalf("grants do not give the same access again: %v", err)
		}
	})
}

func TestReaches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scope, cluster, node string
		want                 bool
	}{
		{"", "home", "pve1", true},
		{"tag:new", "home", "pve1", true},
		{"cluster:home tag:new vmid:100-199", "home", "", true},
		{"cluster:home", "far", "", false},
		{"node:pve1", "home", "", true},
		{"node:pve1", "home", "pve2", false},
		{"-node:pve1", "home", "pve1", false},
		{"-node:pve1", "home", "pve2", true},
		{"id:x", "home", "pve1", false},
	} {
		a, err := NewAccess(Grant{Role: RoleOperator, Scope: test.scope})
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Reaches(RoleViewer, test.cluster, test.node); got != test.want {
			t.Errorf("%q reaches %s/%s: %v, want %v", test.scope, test.cluster, test.node, got, test.want)
		}
		if a.Reaches(RoleAdmin, test.cluster, test.node) {
			t.Errorf("%q reaches %s/%s as an admin", test.scope, test.cluster, test.node)
		}
	}
}
