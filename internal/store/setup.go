package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"berth"
	"berth/internal/store/sqlc"
)

// NewSetupLink makes the token by which the first account is made, once, within the given time. It replaces the one before.
// Returns Conflict if there are accounts already.
func (s *Store) NewSetupLink(ctx context.Context, valid time.Duration) (token string, err error) {
	token = newToken()
	err = s.change(ctx, "make a setup link", func(q *sqlc.Queries) error {
		if err := noAccounts(ctx, q); err != nil {
			return err
		}
		return q.SetSetupLink(ctx, sqlc.SetSetupLinkParams{TokenHash: hashOf(token), ExpiresAt: millis(s.now().Add(valid))})
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// CheckSetupLink tells whether SetUp would take the token. Returns Unauthenticated or Conflict as SetUp.
func (s *Store) CheckSetupLink(ctx context.Context, token string) error {
	if err := noAccounts(ctx, s.look()); err != nil {
		return explain("check a setup link", err)
	}
	expires, err := s.look().SetupLink(ctx, hashOf(token))
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && expires <= millis(s.now()):
		return errNoSetupLink()
	case err != nil:
		return explain("check a setup link", err)
	}
	return nil
}

// SetUp makes the first account, an admin with that hash of a password, and uses the token up. Returns Unauthenticated if
// the token is not the latest one or has expired, and Conflict if there are accounts already.
func (s *Store) SetUp(ctx context.Context, token, name, passwordHash string) (berth.User, error) {
	now := millis(s.now())
	u := berth.User{ID: newID(), Name: name, Role: berth.RoleAdmin, CreatedAt: fromMillis(now)}
	if err := u.Validate(); err != nil {
		return berth.User{}, err
	}
	err := s.change(ctx, "make the first account", func(q *sqlc.Queries) error {
		if err := noAccounts(ctx, q); err != nil {
			return err
		}
		rows, err := q.UseSetupLink(ctx, sqlc.UseSetupLinkParams{TokenHash: hashOf(token), Now: now})
		if err != nil {
			return err
		}
		if rows == 0 {
			return errNoSetupLink()
		}
		if err := s.addUser(ctx, q, u); err != nil {
			return err
		}
		if err := q.SetPassword(ctx, sqlc.SetPasswordParams{UserID: u.ID, Hash: passwordHash, UpdatedAt: now}); err != nil {
			return err
		}
		by := berth.Actor{ID: u.ID, Name: u.Name, Source: "web"}
		return s.record(ctx, q, by, berth.Event{Action: "setup", Subject: "user " + u.Name, Details: map[string]string{"role": string(u.Role)}})
	})
	if err != nil {
		return berth.User{}, err
	}
	return u, nil
}

func errNoSetupLink() error {
	return berth.Errorf(berth.Unauthenticated, "This setup link does not work: it was used, is older than an hour, or Berth was started again since. Start Berth again for a new one.")
}

func noAccounts(ctx context.Context, q *sqlc.Queries) error {
	n, err := q.CountUsers(ctx)
	if err == nil && n > 0 {
		return berth.Errorf(berth.Conflict, "Berth is set up already; sign in.")
	}
	return err
}
