package store

import (
	"context"
	"time"

	"berth"
	"berth/internal/store/sqlc"
)

// Proof is by what a user shows who they are. It is not for showing.
type Proof struct {
	User         berth.User
	PasswordHash string // empty: there is no password
	HasTOTP      bool   // there is a second factor
}

// ProofOf gives that of a user. Returns NotFound.
func (s *Store) ProofOf(ctx context.Context, u berth.User) (Proof, error) {
	row, err := s.look().UserProof(ctx, u.ID)
	if err != nil {
		return Proof{}, explain("read how a user signs in", missing(err, "This user does not exist any more."))
	}
	return Proof{User: u, PasswordHash: row.Hash, HasTOTP: row.Totp != nil}, nil
}

// SetPassword keeps the hash of a user's password.
func (s *Store) SetPassword(ctx context.Context, actor berth.Actor, u berth.User, hash string) error {
	return s.change(ctx, "set a password", func(q *sqlc.Queries) error {
		if err := q.SetPassword(ctx, sqlc.SetPasswordParams{UserID: u.ID, Hash: hash, UpdatedAt: millis(s.now())}); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "user.password", Subject: "user " + u.Name})
	})
}

// SetTOTP gives a user a second factor with its recovery codes, in place of what was there. step is the time step of the code
// that proved it; it and those before are used up.
func (s *Store) SetTOTP(ctx context.Context, actor berth.Actor, u berth.User, seed string, step int64, codes []string) error {
	return s.change(ctx, "set a second factor", func(q *sqlc.Queries) error {
		sealed, err := s.seal(ctx, q, placeTOTP, u.ID, seed)
		if err != nil {
			return err
		}
		if err := q.SetTOTP(ctx, sqlc.SetTOTPParams{UserID: u.ID, Totp: sealed, TotpStep: step, UpdatedAt: millis(s.now())}); err != nil {
			return err
		}
		if err := q.RemoveRecoveryCodes(ctx, u.ID); err != nil {
			return err
		}
		for _, code := range codes {
			if err := q.AddRecoveryCode(ctx, sqlc.AddRecoveryCodeParams{UserID: u.ID, CodeHash: hashOf(code)}); err != nil {
				return err
			}
		}
		return s.record(ctx, q, actor, berth.Event{Action: "user.second-factor", Subject: "user " + u.Name, Details: map[string]string{"state": "on"}})
	})
}

// RemoveTOTP removes a user's second factor. Returns NotFound if there is none.
func (s *Store) RemoveTOTP(ctx context.Context, actor berth.Actor, u berth.User) error {
	return s.change(ctx, "remove a second factor", func(q *sqlc.Queries) error {
		rows, err := q.RemoveTOTP(ctx, sqlc.RemoveTOTPParams{UserID: u.ID, UpdatedAt: millis(s.now())})
		if err := exactly(rows, err, berth.NotFound, "There is no second factor."); err != nil {
			return err
		}
		if err := q.RemoveRecoveryCodes(ctx, u.ID); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "user.second-factor", Subject: "user " + u.Name, Details: map[string]string{"state": "off"}})
	})
}

// TOTPSeed gives the seed of a user's second factor. Returns NotFound if there is none.
func (s *Store) TOTPSeed(ctx context.Context, userID string) (string, error) {
	row, err := s.look().UserProof(ctx, userID)
	if err != nil {
		return "", explain("read a second factor", missing(err, "This user does not exist any more."))
	}
	if row.Totp == nil {
		return "", berth.Errorf(berth.NotFound, "There is no second factor.")
	}
	return s.unseal(placeTOTP, userID, row.Totp)
}

// SetNewTOTPSeed keeps the seed of a second factor that is not proved yet.
func (s *Store) SetNewTOTPSeed(ctx context.Context, userID, seed string) error {
	return s.change(ctx, "begin a second factor", func(q *sqlc.Queries) error {
		sealed, err := s.seal(ctx, q, placeNewTOTP, userID, seed)
		if err != nil {
			return err
		}
		return q.SetNewTOTP(ctx, sqlc.SetNewTOTPParams{UserID: userID, TotpNew: sealed, UpdatedAt: millis(s.now())})
	})
}

// NewTOTPSeed gives the seed that SetNewTOTPSeed kept. Returns NotFound if there is none.
func (s *Store) NewTOTPSeed(ctx context.Context, userID string) (string, error) {
	sealed, err := s.look().NewTOTP(ctx, userID)
	if err = missing(err, "No second factor is being set up."); err != nil {
		return "", explain("read a new second factor", err)
	}
	if sealed == nil {
		return "", berth.Errorf(berth.NotFound, "No second factor is being set up.")
	}
	return s.unseal(placeNewTOTP, userID, sealed)
}

// UseTOTPStep uses the code of a time step up: false if it, or a later one, was used before.
func (s *Store) UseTOTPStep(ctx context.Context, userID string, step int64) (fresh bool, err error) {
	err = s.change(ctx, "use a code", func(q *sqlc.Queries) error {
		rows, err := q.UseTOTPStep(ctx, sqlc.UseTOTPStepParams{UserID: userID, Step: step})
		fresh = rows == 1
		return err
	})
	return fresh, err
}

// UseRecoveryCode uses a recovery code up; false if the user has no such code.
func (s *Store) UseRecoveryCode(ctx context.Context, userID, code string) (good bool, err error) {
	err = s.change(ctx, "use a recovery code", func(q *sqlc.Queries) error {
		rows, err := q.UseRecoveryCode(ctx, sqlc.UseRecoveryCodeParams{UserID: userID, CodeHash: hashOf(code)})
		good = rows == 1
		return err
	})
	return good, err
}

// CountRecoveryCodes tells how many codes are left.
func (s *Store) CountRecoveryCodes(ctx context.Context, userID string) (int, error) {
	n, err := s.look().CountRecoveryCodes(ctx, userID)
	return int(n), explain("count recovery codes", err)
}

// Session is a browser that is signed in.
type Session struct {
	Handle    string // names it to EndSession; nobody signs in with it
	Address   string
	Browser   string
	CreatedAt time.Time
	SeenAt    time.Time
	Current   bool
}

// SessionsOf lists a user's sessions, the latest used first. token is that of the current one.
func (s *Store) SessionsOf(ctx context.Context, userID, token string) ([]Session, error) {
	rows, err := s.look().SessionsOf(ctx, sqlc.SessionsOfParams{UserID: userID, Now: millis(s.now())})
	if err != nil {
		return nil, explain("list sessions", err)
	}
	sessions := make([]Session, len(rows))
	for i, r := range rows {
		sessions[i] = Session{Handle: r.TokenHash, Address: r.Address, Browser: r.Browser, CreatedAt: fromMillis(r.CreatedAt), SeenAt: fromMillis(r.LastSeenAt),
			Current: r.TokenHash == hashOf(token)}
	}
	return sessions, nil
}

// EndSession ends one session of a user. Returns NotFound if the user has no such session.
func (s *Store) EndSession(ctx context.Context, actor berth.Actor, userID, handle string) error {
	return s.change(ctx, "end a session", func(q *sqlc.Queries) error {
		rows, err := q.EndSessionOf(ctx, sqlc.EndSessionOfParams{UserID: userID, TokenHash: handle})
		if err := exactly(rows, err, berth.NotFound, "This session is over already."); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "session.end", Subject: "user " + actor.Name})
	})
}

// EndOtherSessions ends all sessions of a user but the one with the token, and tells how many.
func (s *Store) EndOtherSessions(ctx context.Context, userID, token string) (n int64, err error) {
	err = s.change(ctx, "end sessions", func(q *sqlc.Queries) error {
		n, err = q.EndOtherSessions(ctx, sqlc.EndOtherSessionsParams{UserID: userID, TokenHash: hashOf(token)})
		return err
	})
	return n, err
}

// SignedInFrom tells whether a user has a session from the address.
func (s *Store) SignedInFrom(ctx context.Context, userID, address string) (bool, error) {
	sessions, err := s.SessionsOf(ctx, userID, "")
	for _, session := range sessions {
		if session.Address == address {
			return true, err
		}
	}
	return false, err
}
