package store

import (
	"context"
	"database/sql"
	"fmt"

	"berth"
	"berth/internal/store/sqlc"
)

// topicAccess is the revision that changes with who may do what.
const topicAccess = "access"

// Holder is who is given roles: one user or one group.
type Holder struct {
	User  string // name; empty: the group
	Group string // name
}

// String names the holder as the history does.
func (h Holder) String() string {
	if h.User != "" {
		return "user " + h.User
	}
	return "group " + h.Group
}

// AccessList is who has been given what.
type AccessList struct {
	Users  []Holding
	Groups []Holding
}

// Holding is a user or a group with what was given to it itself.
type Holding struct {
	ID, Name string
	Grants   []berth.Grant
	Members  []string // names; of a group
}

// Access is what a user may do: what was given to the account, and to its groups.
func (s *Store) Access(ctx context.Context, userID string) (berth.Access, error) {
	rows, err := s.look().GrantsFor(ctx, userID)
	if err != nil {
		return berth.Access{}, explain("read what user "+userID+" may do", err)
	}
	grants := make([]berth.Grant, len(rows))
	for i, r := range rows {
		grants[i] = berth.Grant{Role: berth.Role(r.Role), Scope: r.Scope}
	}
	access, err := berth.NewAccess(grants...)
	if err != nil {
		return berth.Access{}, fmt.Errorf("read what user %s may do: %w", userID, err)
	}
	return access, nil
}

// Give gives a role to a user or group; a role that it has on the same scope is replaced. The scope is kept in its
// canonical form. Returns Invalid, NotFound if there is no such holder, or Conflict if nobody would be left, through the
// web, who may change Berth itself.
func (s *Store) Give(ctx context.Context, actor berth.Actor, to Holder, g berth.Grant) error {
	access, err := berth.NewAccess(g)
	if err != nil {
		return err
	}
	g = access.Grants()[0]
	return s.changeAccess(ctx, actor, "give a role to "+to.String(), func(q *sqlc.Queries) error {
		user, group, err := holder(ctx, q, to)
		if err != nil {
			return err
		}
		if user.Valid {
			err = q.GiveUser(ctx, sqlc.GiveUserParams{ID: newID(), UserID: user, Role: string(g.Role), Scope: g.Scope, CreatedAt: millis(s.now())})
		} else {
			err = q.GiveGroup(ctx, sqlc.GiveGroupParams{ID: newID(), GroupID: group, Role: string(g.Role), Scope: g.Scope, CreatedAt: millis(s.now())})
		}
		if err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "access.give", Subject: to.String(), Details: map[string]string{"role": string(g.Role), "scope": g.Scope}})
	})
}

// TakeAway takes the role on a scope from a user or group. Returns NotFound if it has none there, and Conflict as Give.
func (s *Store) TakeAway(ctx context.Context, actor berth.Actor, from Holder, scope string) error {
	return s.changeAccess(ctx, actor, "take a role from "+from.String(), func(q *sqlc.Queries) error {
		user, group, err := holder(ctx, q, from)
		if err != nil {
			return err
		}
		var rows int64
		if user.Valid {
			rows, err = q.TakeFromUser(ctx, sqlc.TakeFromUserParams{UserID: user, Scope: scope})
		} else {
			rows, err = q.TakeFromGroup(ctx, sqlc.TakeFromGroupParams{GroupID: group, Scope: scope})
		}
		if err := exactly(rows, err, berth.NotFound, "The %s has no role there.", from); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "access.take", Subject: from.String(), Details: map[string]string{"scope": scope}})
	})
}

func holder(ctx context.Context, q *sqlc.Queries, h Holder) (user, group sql.NullString, err error) {
	if h.User != "" {
		row, err := q.UserByName(ctx, h.User)
		return sql.NullString{String: row.ID, Valid: true}, group, missing(err, "There is no user called %s.", h.User)
	}
	row, err := q.GroupByName(ctx, h.Group)
	return user, sql.NullString{String: row.ID, Valid: true}, missing(err, "There is no group called %s.", h.Group)
}

// changeAccess is change for what decides who may do what. It refuses a change through the web after which nobody could
// undo it there; the shell may do anything.
func (s *Store) changeAccess(ctx context.Context, actor berth.Actor, what string, f func(q *sqlc.Queries) error) error {
	return s.change(ctx, what, func(q *sqlc.Queries) error {
		if err := q.BumpRevision(ctx, topicAccess); err != nil { // the row is held until the end: others wait, and count after it
			return err
		}
		before, err := q.CountAdmins(ctx)
		if err != nil {
			return err
		}
		if err := f(q); err != nil {
			return err
		}
		after, err := q.CountAdmins(ctx)
		if err == nil && before > 0 && after == 0 && actor.Source != "cli" {
			return berth.Errorf(berth.Conflict, "After this nobody would be left who is admin everywhere; make somebody else one first.")
		}
		return err
	})
}

// AccessList lists who has been given what, by name.
func (s *Store) AccessList(ctx context.Context) (AccessList, error) {
	const what = "list who may do what"
	users, err := s.Users(ctx)
	if err != nil {
		return AccessList{}, err
	}
	groups, err := s.Groups(ctx)
	if err != nil {
		return AccessList{}, err
	}
	grants, err := s.look().Grants(ctx)
	if err != nil {
		return AccessList{}, explain(what, err)
	}
	members, err := s.look().Members(ctx)
	if err != nil {
		return AccessList{}, explain(what, err)
	}
	given := map[string][]berth.Grant{}
	for _, g := range grants {
		id := g.UserID.String + g.GroupID.String // one of them is empty
		given[id] = append(given[id], berth.Grant{Role: berth.Role(g.Role), Scope: g.Scope})
	}
	names := map[string][]string{}
	for _, m := range members {
		names[m.GroupID] = append(names[m.GroupID], m.Name)
	}
	var list AccessList
	for _, u := range users {
		list.Users = append(list.Users, Holding{ID: u.ID, Name: u.Name, Grants: given[u.ID]})
	}
	for _, g := range groups {
		list.Groups = append(list.Groups, Holding{ID: g.ID, Name: g.Name, Grants: given[g.ID], Members: names[g.ID]})
	}
	return list, nil
}
