package web

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"berth"
	"berth/internal/store"
)

// token makes an API token of the user, who is there already.
func (s *site) token(user, name string, g berth.Grant) (key string, token berth.APIToken) {
	s.t.Helper()
	u, err := s.store.UserByName(s.t.Context(), user)
	if err != nil {
		s.t.Fatal(err)
	}
	token = berth.APIToken{UserID: u.ID, User: u.Name, Name: name, Grant: g}
	if key, err = s.store.AddToken(s.t.Context(), berth.Actor{Name: "test"}, token); err != nil {
		s.t.Fatal(err)
	}
	tokens, err := s.store.Tokens(s.t.Context(), u.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, t := range tokens {
		if t.Name == name {
			token = t
		}
	}
	return key, token
}

func with(key string) http.Header { return http.Header{"Authorization": {"Bearer " + key}} }

func TestATokenMayWhatItAndItsUserMay(t *testing.T) {
	t.Parallel()
	s := siteWithContainers(t)
	insides, hiddens := s.sides()
	s.person("bert", berth.Grant{Role: berth.RoleOperator})
	program := s.as("")
	looks, _ := s.token("bert", "looks", berth.Grant{Role: berth.RoleViewer, Scope: scope})
	acts, token := s.token("bert", "acts", berth.Grant{Role: berth.RoleOperator})
	action := func(c *berth.Container) string { return "/containers/home:" + strconv.Itoa(c.VMID) + "/actions/stop" }
	want := func(what string, got answer, status int) {
		t.Helper()
		if got.StatusCode != status {
			t.Errorf("%s: %s, want %d", what, got.Status, status)
		}
		if len(got.Cookies()) > 0 {
			t.Errorf("%s: a token gets a session", what)
		}
	}
	page := s.do(program, http.MethodGet, "/", with(looks))
	want("the dashboard", page, http.StatusOK)
	if !strings.Contains(page.body, insides[0].Hostname) || strings.Contains(page.body, hiddens[0].Hostname) {
		t.Error("the token does not see just its scope")
	}
	want("an action of one that looks", s.do(program, http.MethodPost, action(insides[0]), with(looks)), http.StatusForbidden)
	want("a hidden container", s.do(program, http.MethodGet, "/containers/home:"+strconv.Itoa(hiddens[0].VMID), with(looks)), http.StatusNotFound)
	want("an action", s.do(program, http.MethodPost, action(hiddens[0]), with(acts)), http.StatusNoContent)
	want("the account", s.do(program, http.MethodGet, "/account", with(acts)), http.StatusForbidden)
	want("another token", s.do(program, http.MethodPost, "/account/tokens", with(acts)), http.StatusForbidden)
	want("what the user chose", s.do(program, http.MethodPost, "/preferences", with(acts)), http.StatusForbidden)
	jobs, err := s.store.Jobs(t.Context(), store.JobFilter{}, 1)
	if err != nil || len(jobs) != 1 || jobs[0].Source != "api" || jobs[0].Actor != "bert" {
		t.Errorf("the job is %+v, %v", jobs, err)
	}

	// What the user loses, the token loses at once.
	if err := s.store.Give(t.Context(), berth.Actor{Name: "test"}, store.Holder{User: "bert"}, berth.Grant{Role: berth.RoleViewer}); err != nil {
		t.Fatal(err)
	}
	want("an action after the user has become a viewer", s.do(program, http.MethodPost, action(insides[0]), with(acts)), http.StatusForbidden)
	if err := s.store.RevokeToken(t.Context(), berth.Actor{Name: "test"}, token); err != nil {
		t.Fatal(err)
	}
	refused := s.do(program, http.MethodGet, "/", with(acts))
	want("a revoked token", refused, http.StatusUnauthorized)
	if refused.Header.Get("WWW-Authenticate") == "" || !strings.Contains(refused.body, `"code":"unauthenticated"`) {
		t.Errorf("a revoked token gets %q", refused.body)
	}
	if err := s.store.RemoveUser(t.Context(), berth.Actor{Name: "test"}, "bert"); err != nil {
		t.Fatal(err)
	}
	want("a token of a removed user", s.do(program, http.MethodGet, "/", with(looks)), http.StatusUnauthorized)
}

func TestPagesWithSecretsAreNotCompressed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	client := s.person("anna", berth.Grant{Role: berth.RoleAdmin})
	for path, form := range map[string]string{"/account/tokens": "name=x&role=viewer", "/settings/users": "name=bert&role=viewer", "/settings/users/anna/link": ""} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Accept-Encoding", "gzip")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK || response.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %s, compressed as %q", path, response.Status, response.Header.Get("Content-Encoding"))
		}
	}
	if got := s.do(client, http.MethodGet, "/account", http.Header{"Accept-Encoding": {"gzip"}}); got.Header.Get("Content-Encoding") != "gzip" {
		t.Error("other pages are not compressed, so this test shows nothing")
	}
}
