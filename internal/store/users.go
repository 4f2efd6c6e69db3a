package store

import (
	"context"
	"database/sql"

	"berth"
	"berth/internal/store/sqlc"
)

// AddUser adds an account and returns it with id and time set.
// Returns Invalid if u does not validate and Conflict if the name is taken, in whatever case.
func (s *Store) AddUser(ctx context.Context, actor berth.Actor, u berth.User) (berth.User, error) {
	if err := u.Validate(); err != nil {
		return berth.User{}, err
	}
	now := millis(s.now())
	u.ID, u.CreatedAt = newID(), fromMillis(now)
	err := s.change(ctx, "add user "+u.Name, func(q *sqlc.Queries) error {
		if err := s.addUser(ctx, q, u); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "user.add", Subject: "user " + u.Name, Details: map[string]string{"role": string(u.Role)}})
	})
	if err != nil {
		return berth.User{}, err
	}
	return u, nil
}

// AddUserWith adds an account that has a role on a scope from the start. Returns what AddUser and Give return.
func (s *Store) AddUserWith(ctx context.Context, actor berth.Actor, name string, g berth.Grant) (berth.User, error) {
	if _, err := berth.NewAccess(g); err != nil {
		return berth.User{}, err
	}
	u := berth.User{Name: name}
	if g.Scope == "" {
		u.Role = g.Role
	}
	u, err := s.AddUser(ctx, actor, u)
	if err != nil || g.Scope == "" {
		return u, err
	}
	return u, s.Give(ctx, actor, Holder{User: name}, g)
}

// addUser adds the account and what it was given everywhere.
func (s *Store) addUser(ctx context.Context, q *sqlc.Queries, u berth.User) error {
	at := millis(u.CreatedAt)
	rows, err := q.AddUser(ctx, sqlc.AddUserParams{ID: u.ID, Name: u.Name, CreatedAt: at, UpdatedAt: at})
	if err := exactly(rows, err, berth.Conflict, "There is already a user called %s.", u.Name); err != nil || u.Role == "" {
		return err
	}
	return q.GiveUser(ctx, sqlc.GiveUserParams{ID: newID(), UserID: sql.NullString{String: u.ID, Valid: true}, Role: string(u.Role), CreatedAt: at})
}

// Users lists all accounts by name.
func (s *Store) Users(ctx context.Context) ([]berth.User, error) {
	rows, err := s.look().Users(ctx)
	if err != nil {
		return nil, explain("list users", err)
	}
	users := make([]berth.User, len(rows))
	for i, r := range rows {
		users[i] = userOf(sqlc.UserByIDRow(r))
	}
	return users, nil
}

// UserByName gives the account of that name, in whatever case. Returns NotFound if there is none.
func (s *Store) UserByName(ctx context.Context, name string) (berth.User, error) {
	row, err := s.look().UserByName(ctx, name)
	if err != nil {
		return berth.User{}, explain("read user "+name, missing(err, "There is no user called %s.", name))
	}
	return userOf(sqlc.UserByIDRow(row)), nil
}

// UserByID gives the account of that id. Returns NotFound if there is none.
func (s *Store) UserByID(ctx context.Context, id string) (berth.User, error) {
	row, err := s.look().UserByID(ctx, id)
	if err != nil {
		return berth.User{}, explain("read user "+id, missing(err, "This user does not exist any more."))
	}
	return userOf(row), nil
}

// RemoveUser removes an account and ends its sessions and sign-in links. Returns NotFound if there is none of that name.
func (s *Store) RemoveUser(ctx context.Context, actor berth.Actor, name string) error {
	return s.changeAccess(ctx, actor, "remove user "+name, func(q *sqlc.Queries) error {
		u, err := q.UserByName(ctx, name)
		if err != nil {
			return missing(err, "There is no user called %s.", name)
		}
		rows, err := q.RemoveUser(ctx, u.ID) // sessions and links go with it: ON DELETE CASCADE
		if err := exactly(rows, err, berth.NotFound, "There is no user called %s.", name); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "user.remove", Subject: "user " + u.Name})
	})
}

func userOf(r sqlc.UserByIDRow) berth.User {
	return berth.User{ID: r.ID, Name: r.Name, Role: berth.Role(r.Role), CreatedAt: fromMillis(r.CreatedAt)}
}
