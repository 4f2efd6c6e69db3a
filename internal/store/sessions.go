package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"berth"
	"berth/internal/store/sqlc"
)

// The keys under which a session's values hold the id of the signed-in user, and from where they signed in.
// [Store.RemoveUser] ends the sessions of the user.
const (
	SessionUser    = "user"
	SessionAddress = "address"
	SessionBrowser = "browser"
)

// Sessions keeps browser sessions for an scs.SessionManager with its default codec. Only the hash of a token is kept.
type Sessions struct{ s *Store }

var (
	_ scs.CtxStore         = (*Sessions)(nil)
	_ scs.IterableStore    = (*Sessions)(nil)
	_ scs.IterableCtxStore = (*Sessions)(nil)
)

// Sessions gives the store of browser sessions.
func (s *Store) Sessions() *Sessions { return &Sessions{s} }

// FindCtx gives the data of a session that has not expired.
func (v *Sessions) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	data, err = v.s.look().FindSession(ctx, sqlc.FindSessionParams{TokenHash: hashOf(token), Now: millis(v.s.now())})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, false, nil
	case err != nil:
		return nil, false, explain("find a session", err)
	}
	return data, true, nil
}

type cameWith struct{}

// CameWith is the context of a request that came with the token of a session. If the session is ended while the request is
// answered, [Sessions.CommitCtx] leaves it so.
func CameWith(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, cameWith{}, token)
}

// CommitCtx keeps a session until it expires, a time by the machine's clock: scs has no other. What is left until then counts from
// now by the store's. Returns Unauthenticated if its user was removed in the meantime.
func (v *Sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	_, values, err := scs.GobCodec{}.Decode(data)
	if err != nil {
		return fmt.Errorf("read the values of a session: %w", err)
	}
	user, _ := values[SessionUser].(string)
	address, _ := values[SessionAddress].(string)
	browser, _ := values[SessionBrowser].(string)
	return v.s.change(ctx, "keep a session", func(q *sqlc.Queries) error {
		if user != "" {
			if _, err := q.UserByID(ctx, user); err != nil {
				return unknownUser(err)
			}
		}
		session := sqlc.CommitSessionParams{
			TokenHash: sessionHash(token), UserID: sql.NullString{String: user, Valid: user != ""},
			Data: data, ExpiresAt: millis(v.s.now().Add(time.Until(expiry))), Now: millis(v.s.now()), Address: address, Browser: browser,
		}
		if ctx.Value(cameWith{}) == token {
			_, err := q.ContinueSession(ctx, sqlc.ContinueSessionParams{TokenHash: session.TokenHash, UserID: session.UserID, Data: data,
				ExpiresAt: session.ExpiresAt, Now: session.Now, Address: address, Browser: browser}) // of no row: it was ended meanwhile
			return err
		}
		return q.CommitSession(ctx, session)
	})
}

func unknownUser(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return berth.Errorf(berth.Unauthenticated, "This user does not exist any more.")
	}
	return err
}

// DeleteCtx ends a session; it is no error if there is none.
func (v *Sessions) DeleteCtx(ctx context.Context, token string) error {
	return v.s.change(ctx, "end a session", func(q *sqlc.Queries) error {
		return q.DeleteSession(ctx, sessionHash(token))
	})
}

// AllCtx gives the data of all sessions that have not expired. Because tokens are not kept, the keys are handles:
// CommitCtx and DeleteCtx take them in place of the token, FindCtx does not, so nobody signs in with one.
func (v *Sessions) AllCtx(ctx context.Context) (map[string][]byte, error) {
	rows, err := v.s.look().Sessions(ctx, millis(v.s.now()))
	if err != nil {
		return nil, explain("list sessions", err)
	}
	all := make(map[string][]byte, len(rows))
	for _, r := range rows {
		all[handlePrefix+r.TokenHash] = r.Data
	}
	return all, nil
}

// handlePrefix marks a handle; the tokens of scs are base64url and have no colon.
const handlePrefix = "sha256:"

func sessionHash(tokenOrHandle string) string {
	if hash, ok := strings.CutPrefix(tokenOrHandle, handlePrefix); ok {
		return hash
	}
	return hashOf(tokenOrHandle)
}

// Find is FindCtx without a context, as scs.Store asks for it; the session manager does not call it.
func (v *Sessions) Find(token string) ([]byte, bool, error) {
	return v.FindCtx(context.Background(), token)
}

// Commit is CommitCtx without a context.
func (v *Sessions) Commit(token string, data []byte, expiry time.Time) error {
	return v.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx without a context.
func (v *Sessions) Delete(token string) error { return v.DeleteCtx(context.Background(), token) }

// All is AllCtx without a context.
func (v *Sessions) All() (map[string][]byte, error) { return v.AllCtx(context.Background()) }
