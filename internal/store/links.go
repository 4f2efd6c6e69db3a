package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"

	"berth"
	"berth/internal/store/sqlc"
)

// NewSignInLink makes a token that signs the user in once within the given time: 256 random bits in base64url.
// Only its hash is kept. Returns NotFound if there is no such user.
func (s *Store) NewSignInLink(ctx context.Context, userID string, valid time.Duration) (token string, err error) {
	token = newToken()
	now := s.now()
	err = s.change(ctx, "make a sign-in link", func(q *sqlc.Queries) error {
		rows, err := q.AddSignInLink(ctx, sqlc.AddSignInLinkParams{
			TokenHash: hashOf(token), UserID: userID, CreatedAt: millis(now), ExpiresAt: millis(now.Add(valid)),
		})
		return exactly(rows, err, berth.NotFound, "This user does not exist any more.")
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// newToken makes 256 random bits in base64url.
func newToken() string {
	bits := make([]byte, 32)
	_, _ = rand.Read(bits) // never fails, see its documentation
	return base64.RawURLEncoding.EncodeToString(bits)
}

// UseSignInLink gives the user that the token signs in, and uses the token up: of several calls exactly one wins.
// Returns Unauthenticated if it was used, has expired or is unknown.
func (s *Store) UseSignInLink(ctx context.Context, token string) (berth.User, error) {
	var u berth.User
	err := s.change(ctx, "use a sign-in link", func(q *sqlc.Queries) error {
		now := millis(s.now())
		id, err := q.UseSignInLink(ctx, sqlc.UseSignInLinkParams{TokenHash: hashOf(token), Now: sql.NullInt64{Int64: now, Valid: true}})
		if errors.Is(err, sql.ErrNoRows) {
			return refusedLink(ctx, q, token)
		}
		if err != nil {
			return err
		}
		row, err := q.UserByID(ctx, id)
		u = userOf(row)
		return err
	})
	if err != nil {
		return berth.User{}, err
	}
	return u, nil
}

// refusedLink says why a sign-in link does not work.
func refusedLink(ctx context.Context, q *sqlc.Queries, token string) error {
	link, err := q.SignInLink(ctx, hashOf(token))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return berth.Errorf(berth.Unauthenticated, "This sign-in link is not known; ask for a new one.")
	case err != nil:
		return err
	case link.UsedAt.Valid:
		return berth.Errorf(berth.Unauthenticated, "This sign-in link was already used; ask for a new one.")
	}
	return berth.Errorf(berth.Unauthenticated, "This sign-in link has expired; ask for a new one.")
}

// hashOf is what is kept of a token. Tokens are random, so a plain hash cannot be guessed back.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
