package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"berth"
)

// What a form that is shown again asks for is what was asked for before.
func TestTheFormKeepsASpec(t *testing.T) {
	t.Parallel()
	number := rapid.IntRange(0, 5000)
	rapid.Check(t, func(t *rapid.T) {
		want := berth.CreateSpec{Cluster: "home", Node: "pve1", VMID: number.Draw(t, "vmid"), Image: "local:vztmpl/x.tar.zst", Hostname: "web1", Pool: rapid.SampledFrom([]string{"", "prod"}).Draw(t, "pool"),
			Tags: rapid.SampledFrom([][]string{nil, {"a"}, {"a", "b"}}).Draw(t, "tags"), Cores: number.Draw(t, "cores"), MemoryMiB: number.Draw(t, "memory"),
			DiskStorage: "local-lvm", DiskGiB: number.Draw(t, "disk"), Bridge: rapid.SampledFrom([]string{"", "vmbr0"}).Draw(t, "bridge"),
			Unprivileged: rapid.Bool().Draw(t, "unprivileged"), Nesting: rapid.Bool().Draw(t, "nesting"), OnBoot: rapid.Bool().Draw(t, "onboot"), Start: rapid.Bool().Draw(t, "start")}
		if rapid.Bool().Draw(t, "has swap") {
			swap := number.Draw(t, "swap")
			want.SwapMiB = &swap
		}
		if want.Bridge != "" {
			want.VLAN = number.Draw(t, "vlan")
			want.IP = rapid.SampledFrom([]string{"", "dhcp", "10.0.0.5/24"}).Draw(t, "ip")
			want.IP6 = rapid.SampledFrom([]string{"", "dhcp", "auto", "fd00::5/64"}).Draw(t, "ip6")
			if want.IP == "10.0.0.5/24" {
				want.Gateway = "10.0.0.1"
			}
			if want.IP6 == "fd00::5/64" {
				want.Gateway6 = "fd00::1"
			}
		}
		got, unread := newCreateForm(want).spec()
		if diff := cmp.Diff(want, got); diff != "" || len(unread) > 0 {
			t.Errorf("-want +got (%v):\n%s", unread, diff)
		}
	})
}

const newContainer = "cluster=home&node=pve1&image=local%3Avztmpl%2Fdebian-12-standard_12.12-1_amd64.tar.zst&hostname=fresh&password=correct+horse&cores=1&memory=512&disk=8&storage=local-lvm&bridge=vmbr0&ipv4=dhcp&start=1"

// A form is sent twice: by an impatient person, or by a browser that did not get the answer.
func TestAFormThatIsSentTwiceMakesOneContainer(t *testing.T) {
	t.Parallel()
	s := siteWithContainers(t)
	client := s.person("olga", berth.Grant{Role: berth.RoleOperator, Scope: scope})
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	form := newContainer + "&key=6f7c0a52-95c8-4e0b-a1a0-0d7a4b8a9e11"
	first, second := s.post(client, "/containers/new", form), s.post(client, "/containers/new", form)
	at, again := first.Header.Get("Location"), second.Header.Get("Location")
	if first.StatusCode != http.StatusSeeOther || !strings.HasPrefix(at, "/jobs/") || again != at {
		t.Fatalf("the answers are %s to %q and %s to %q", first.Status, at, second.Status, again)
	}
	if active, err := s.store.ActiveJobs(t.Context()); err != nil || len(active) != 1 {
		t.Errorf("there are jobs %v (%v), want one", active, err)
	}
	if page := s.do(client, http.MethodGet, at, nil); page.StatusCode != http.StatusOK || strings.Contains(page.body, "correct horse") {
		t.Errorf("the page of the job gives %s", page.Status)
	}
	other := s.post(client, "/containers/new", strings.Replace(form, "hostname=fresh", "hostname=other", 1))
	if other.StatusCode != http.StatusConflict || !strings.Contains(other.body, "sent already") {
		t.Errorf("the same form with another name gives %s", other.Status)
	}
}

// What was typed is on the page again, but for the password.
func TestAWrongFormKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	s := siteWithContainers(t)
	client := s.person("olga", berth.Grant{Role: berth.RoleOperator})
	got := s.post(client, "/containers/new", strings.Replace(newContainer, "hostname=fresh", "hostname="+url.QueryEscape(`"><b>fresh`), 1)+"&tags=a%2C+b&vlan=x&keys=ssh-ed25519+AAAA")
	for _, want := range []string{`value="&#34;&gt;&lt;b&gt;fresh"`, `value="a, b"`, `value="x"`, "ssh-ed25519 AAAA", `data-field="hostname"`, `data-field="vlan"`, "This is not a whole number."} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if got.StatusCode != http.StatusUnprocessableEntity || strings.Contains(got.body, "correct horse") || strings.Contains(got.body, "<b>fresh") {
		t.Errorf("the answer is %s, and has the password or the markup", got.Status)
	}
}

func TestNewContainerIsOfferedToThoseWhoMay(t *testing.T) {
	t.Parallel()
	s := siteWithContainers(t)
	for _, test := range []struct {
		grant berth.Grant
		want  bool
	}{{berth.Grant{Role: berth.RoleViewer}, false}, {berth.Grant{Role: berth.RoleOperator, Scope: scope}, true}, {berth.Grant{Role: berth.RoleAdmin}, true}} {
		client := s.person("is-"+string(test.grant.Role), test.grant)
		for _, path := range []string{"/", "/palette?q=new"} {
			if got := strings.Contains(s.do(client, http.MethodGet, path, nil).body, `href="/containers/new"`); got != test.want {
				t.Errorf("%s offers a new container to a %s: %v, want %v", path, test.grant.Role, got, test.want)
			}
		}
	}
}
