package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"berth"
	"berth/internal/store/sqlc"
)

// AddToken makes an API token of a user and gives the key, of which only a hash is kept. Returns Invalid, Conflict if the
// user has a token of that name, or Forbidden if it would permit what the user may not do.
func (s *Store) AddToken(ctx context.Context, actor berth.Actor, t berth.APIToken) (key string, err error) {
	if err := t.Validate(s.now()); err != nil {
		return "", err
	}
	if err := s.mayGive(ctx, t); err != nil {
		return "", err
	}
	key = berth.TokenPrefix + newToken()
	err = s.change(ctx, "add token "+t.Name, func(q *sqlc.Queries) error {
		rows, err := q.AddToken(ctx, sqlc.AddTokenParams{ID: newID(), UserID: t.UserID, Name: t.Name, TokenHash: hashOf(key), Role: string(t.Grant.Role),
			Scope: t.Grant.Scope, CreatedAt: millis(s.now()), ExpiresAt: nullMillis(t.ExpiresAt)})
		if err := exactly(rows, err, berth.Conflict, "There is already a token called %s.", t.Name); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "token.add", Subject: "token " + t.Name + " of " + t.User, Details: map[string]string{"role": string(t.Grant.Role), "scope": t.Grant.Scope}})
	})
	if err != nil {
		return "", err
	}
	return key, nil
}

// mayGive refuses a token that permits, anywhere, what its user may not do there. What a user loses later the token loses
// when it is used.
func (s *Store) mayGive(ctx context.Context, t berth.APIToken) error {
	own, err := s.Access(ctx, t.UserID)
	if err != nil {
		return err
	}
	asked, err := berth.NewAccess(t.Grant)
	if err != nil {
		return err
	}
	if within := asked.Within(own); within.Highest() != asked.Highest() {
		return berth.Errorf(berth.Forbidden, "%s is not %s, so a token cannot be.", t.User, t.Grant.Role)
	}
	return nil
}

// Tokens lists the API tokens of a user, or of all users if the id is empty, by name.
func (s *Store) Tokens(ctx context.Context, userID string) ([]berth.APIToken, error) {
	rows, err := s.look().Tokens(ctx, userID)
	if err != nil {
		return nil, explain("list tokens", err)
	}
	tokens := make([]berth.APIToken, len(rows))
	for i, r := range rows {
		tokens[i] = tokenOf(sqlc.TokenByHashRow(r))
	}
	return tokens, nil
}

// RevokeToken removes an API token of a user. Returns NotFound if the user has none of that id.
func (s *Store) RevokeToken(ctx context.Context, actor berth.Actor, t berth.APIToken) error {
	return s.change(ctx, "revoke token "+t.Name, func(q *sqlc.Queries) error {
		rows, err := q.RevokeToken(ctx, sqlc.RevokeTokenParams{UserID: t.UserID, ID: t.ID})
		if err := exactly(rows, err, berth.NotFound, "There is no such token."); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "token.revoke", Subject: "token " + t.Name + " of " + t.User})
	})
}

// usedEvery is how often the use of a token is written down.
const usedEvery = time.Minute

// UseToken gives the API token of a key. Its use is written down at most once a minute; that from another address than the
// last time is then in the history too, as is the attempt to use one that has expired. Returns Unauthenticated if the key is none or does not work any more.
func (s *Store) UseToken(ctx context.Context, key, address string) (berth.APIToken, error) {
	row, err := s.look().TokenByHash(ctx, hashOf(key))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return berth.APIToken{}, errNoToken()
	case err != nil:
		return berth.APIToken{}, explain("find a token", err)
	}
	t, now := tokenOf(row), s.now()
	if now.Sub(t.UsedAt) >= usedEvery {
		err = s.noteUse(ctx, t, address)
	}
	if err == nil && t.Expired(now) {
		err = errNoToken()
	}
	if err != nil {
		return berth.APIToken{}, err
	}
	return t, nil
}

// noteUse writes the use of a token down, and what is not ordinary about it into the history.
func (s *Store) noteUse(ctx context.Context, t berth.APIToken, address string) error {
	return s.change(ctx, "use token "+t.Name, func(q *sqlc.Queries) error {
		if err := q.TokenUsed(ctx, sqlc.TokenUsedParams{ID: t.ID, At: nullMillis(s.now()), Address: address}); err != nil {
			return err
		}
		action := "token.address"
		switch {
		case t.Expired(s.now()):
			action = "token.expired"
		case t.UsedAddress == address:
			return nil
		}
		by := berth.Actor{ID: t.UserID, Name: t.User, Source: "api"}
		return s.record(ctx, q, by, berth.Event{Action: action, Subject: "token " + t.Name + " of " + t.User, Details: map[string]string{"address": address, "before": t.UsedAddress}})
	})
}

func errNoToken() error {
	return berth.Errorf(berth.Unauthenticated, "This API token does not work.")
}

func tokenOf(r sqlc.TokenByHashRow) berth.APIToken {
	return berth.APIToken{ID: r.ID, UserID: r.UserID, User: r.Owner, Name: r.Name, Grant: berth.Grant{Role: berth.Role(r.Role), Scope: r.Scope},
		CreatedAt: fromMillis(r.CreatedAt), ExpiresAt: fromNullMillis(r.ExpiresAt), UsedAt: fromNullMillis(r.LastUsedAt), UsedAddress: r.LastAddress}
}

func nullMillis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: millis(t), Valid: !t.IsZero()}
}
