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

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
