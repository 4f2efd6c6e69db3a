package store_test

import (
	"testing"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

var shell = berth.Actor{Name: "shell", Source: "cli"}

func TestAccessComesFromTheUserAndItsGroups(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		bert := must(s.AddUser(ctx, anna, berth.User{Name: "bert"}))(t)
		wantEqual(t, must(s.Access(ctx, bert.ID))(t).Key(), berth.Access{}.Key())
		must(s.AddGroup(ctx, anna, "team-a"))(t)
		_, err := s.AddGroup(ctx, anna, "TEAM-A")
		wantError(t, err, berth.Conflict, "There is already a group called TEAM-A.")
		ok(t, s.Give(ctx, anna, store.Holder{Group: "team-a"}, berth.Grant{Role: berth.RoleOperator, Scope: "tag:Team-A cluster:home"}))
		ok(t, s.Give(ctx, anna, store.Holder{User: "bert"}, berth.Grant{Role: berth.RoleViewer, Scope: "cluster:home"}))
		wantEqual(t, must(s.Access(ctx, bert.ID))(t).Grants(), []berth.Grant{{Role: berth.RoleViewer, Scope: "cluster:home"}})
		ok(t, s.Join(ctx, anna, "team-a", "Bert"))
		wantEqual(t, must(s.Access(ctx, bert.ID))(t).Grants(), []berth.Grant{
			{Role: berth.RoleOperator, Scope: "cluster:home tag:team-a"}, {Role: berth.RoleViewer, Scope: "cluster:home"}})
		ok(t, s.Give(ctx, anna, store.Holder{User: "bert"}, berth.Grant{Role: berth.RoleOperator, Scope: "cluster:home"}))
		list := must(s.AccessList(ctx))(t)
		wantEqual(t, list.Users[0].Grants, []berth.Grant{{Role: berth.RoleOperator, Scope: "cluster:home"}})
		wantEqual(t, list.Groups[0].Members, []string{"bert"})
		ok(t, s.RemoveGroup(ctx, anna, "team-a"))
		ok(t, s.TakeAway(ctx, anna, store.Holder{User: "bert"}, "cluster:home"))
		wantEqual(t, must(s.Access(ctx, bert.ID))(t).Highest(), "")
		wantEqual(t, actions(must(s.Events(ctx, store.EventFilter{}, "", 10))(t)), []string{"access.take", "group.remove", "access.give", "group.join", "access.give", "access.give", "group.add", "user.add"})
	})
}

func TestBadGrantsAreRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		addUser(t, s, "bert")
		for _, g := range []berth.Grant{{Role: "king"}, {Role: berth.RoleViewer, Scope: "cpu>50%"}, {Role: berth.RoleViewer, Scope: "web"}} {
			wantEqual(t, berth.CodeOf(s.Give(ctx, anna, store.Holder{User: "bert"}, g)), berth.Invalid)
		}
		wantError(t, s.Give(ctx, anna, store.Holder{User: "carl"}, berth.Grant{Role: berth.RoleViewer}), berth.NotFound, "There is no user called carl.")
		wantError(t, s.Give(ctx, anna, store.Holder{Group: "team"}, berth.Grant{Role: berth.RoleViewer}), berth.NotFound, "There is no group called team.")
		wantError(t, s.TakeAway(ctx, anna, store.Holder{User: "bert"}, "cluster:x"), berth.NotFound, "The user bert has no role there.")
		wantError(t, s.Join(ctx, anna, "team", "bert"), berth.NotFound, "There is no group called team.")
	})
}

func TestTheWebKeepsAnAdmin(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		must(s.AddUser(ctx, anna, berth.User{Name: "bert", Role: berth.RoleAdmin}))(t)
		addUser(t, s, "carl")
		must(s.AddGroup(ctx, anna, "admins"))(t)
		ok(t, s.Give(ctx, anna, store.Holder{Group: "admins"}, berth.Grant{Role: berth.RoleAdmin})) // without members
		const refusal = "After this nobody would be left who is admin everywhere; make somebody else one first."
		wantError(t, s.RemoveUser(ctx, anna, "bert"), berth.Conflict, refusal)
		wantError(t, s.TakeAway(ctx, anna, store.Holder{User: "bert"}, ""), berth.Conflict, refusal)
		wantError(t, s.Give(ctx, anna, store.Holder{User: "bert"}, berth.Grant{Role: berth.RoleViewer}), berth.Conflict, refusal)
		ok(t, s.Join(ctx, anna, "admins", "carl"))
		ok(t, s.RemoveUser(ctx, anna, "bert"))
		wantError(t, s.Leave(ctx, anna, "admins", "carl"), berth.Conflict, refusal)
		wantError(t, s.RemoveGroup(ctx, anna, "admins"), berth.Conflict, refusal)
		ok(t, s.RemoveGroup(ctx, shell, "admins"))
	})
}

func TestOfTwoAdminsWhoTakeEachOthersRoleOneStays(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Postgres) // SQLite has one writer
	for range 20 {
		for _, name := range []string{"bert", "carl"} {
			must(s.AddUser(t.Context(), anna, berth.User{Name: name, Role: berth.RoleAdmin}))(t)
		}
		results := make(chan error, 2)
		for _, name := range []string{"bert", "carl"} {
			go func() { results <- s.TakeAway(t.Context(), anna, store.Holder{User: name}, "") }()
		}
		if first, second := <-results, <-results; berth.CodeOf(first)+berth.CodeOf(second) != berth.Conflict {
			t.Errorf("the two get %v and %v, want one conflict", first, second)
		}
		for _, name := range []string{"bert", "carl"} {
			ok(t, s.RemoveUser(t.Context(), shell, name))
		}
	}
}

func TestGroupsOfARemovedProviderGiveNothingMore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		must(s.AddGroup(ctx, anna, "team-a"))(t)
		ok(t, s.Give(ctx, anna, store.Holder{Group: "team-a"}, berth.Grant{Role: berth.RoleAdmin}))
		add := func() berth.User {
			ok(t, s.AddSignOn(ctx, anna, berth.SignOn{Name: "corp", Issuer: "https://sso.example.org", ClientID: "berth", GroupsClaim: "groups", Mapping: map[string]string{"theirs": "team-a"}}, "secret"))
			provider, _, err := s.SignOn(ctx, "corp")
			ok(t, err)
			return must(s.UserOf(ctx, provider, store.Identity{Subject: "1", Name: "dora", Groups: []string{"theirs"}}))(t)
		}
		dora := add()
		wantEqual(t, must(s.Access(ctx, dora.ID))(t).Highest(), berth.RoleAdmin)
		wantEqual(t, berth.CodeOf(s.RemoveSignOn(ctx, anna, "corp")), berth.Conflict) // nobody else is admin
		ok(t, s.RemoveSignOn(ctx, shell, "corp"))
		wantEqual(t, must(s.Access(ctx, dora.ID))(t).Highest(), "")
	})
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
