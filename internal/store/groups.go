package store

import (
	"context"

	"berth"
	"berth/internal/store/sqlc"
)

// AddGroup adds a group of users. Returns Invalid if it does not validate and Conflict if the name is taken, in whatever case.
func (s *Store) AddGroup(ctx context.Context, actor berth.Actor, name string) (berth.Group, error) {
	now := millis(s.now())
	g := berth.Group{ID: newID(), Name: name, CreatedAt: fromMillis(now)}
	if err := g.Validate(); err != nil {
		return berth.Group{}, err
	}
	err := s.change(ctx, "add group "+name, func(q *sqlc.Queries) error {
		rows, err := q.AddGroup(ctx, sqlc.AddGroupParams{ID: g.ID, Name: name, CreatedAt: now})
		if err := exactly(rows, err, berth.Conflict, "There is already a group called %s.", name); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "group.add", Subject: "group " + name})
	})
	if err != nil {
		return berth.Group{}, err
	}
	return g, nil
}

// Groups lists the groups by name.
func (s *Store) Groups(ctx context.Context) ([]berth.Group, error) {
	rows, err := s.look().Groups(ctx)
	if err != nil {
		return nil, explain("list groups", err)
	}
	groups := make([]berth.Group, len(rows))
	for i, r := range rows {
		groups[i] = berth.Group{ID: r.ID, Name: r.Name, CreatedAt: fromMillis(r.CreatedAt)}
	}
	return groups, nil
}

// RemoveGroup removes a group; its members lose what was given to it. Returns NotFound, and Conflict as Give.
func (s *Store) RemoveGroup(ctx context.Context, actor berth.Actor, name string) error {
	return s.changeAccess(ctx, actor, "remove group "+name, func(q *sqlc.Queries) error {
		_, group, err := holder(ctx, q, Holder{Group: name})
		if err != nil {
			return err
		}
		if _, err := q.RemoveGroup(ctx, group.String); err != nil { // grants and members go with it: ON DELETE CASCADE
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "group.remove", Subject: "group " + name})
	})
}

// Join makes a user a member of a group; it is no error if that is so already. Returns NotFound.
func (s *Store) Join(ctx context.Context, actor berth.Actor, group, user string) error {
	return s.changeMember(ctx, actor, "group.join", group, user, func(q *sqlc.Queries, groupID, userID string) error {
		_, err := q.AddMember(ctx, sqlc.AddMemberParams{GroupID: groupID, UserID: userID})
		return err
	})
}

// Leave takes a user out of a group. Returns NotFound, also if the user is no member, and Conflict as Give.
func (s *Store) Leave(ctx context.Context, actor berth.Actor, group, user string) error {
	return s.changeMember(ctx, actor, "group.leave", group, user, func(q *sqlc.Queries, groupID, userID string) error {
		rows, err := q.RemoveMember(ctx, sqlc.RemoveMemberParams{GroupID: groupID, UserID: userID})
		return exactly(rows, err, berth.NotFound, "%s is not in the group %s.", user, group)
	})
}

func (s *Store) changeMember(ctx context.Context, actor berth.Actor, action, group, user string, do func(q *sqlc.Queries, groupID, userID string) error) error {
	return s.changeAccess(ctx, actor, "change the group "+group, func(q *sqlc.Queries) error {
		_, groupID, err := holder(ctx, q, Holder{Group: group})
		if err != nil {
			return err
		}
		userID, _, err := holder(ctx, q, Holder{User: user})
		if err != nil {
			return err
		}
		if err := do(q, groupID.String, userID.String); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: action, Subject: "group " + group, Details: map[string]string{"user": user}})
	})
}
