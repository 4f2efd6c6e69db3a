package auth

import (
	"context"
	"fmt"
	"time"

	"berth"
	"berth/internal/store"
)

// SetPassword sets the user's own password. proof is the present one; it is not needed when there is none, or when the
// session began with a one-time link a moment ago. The user's other sessions end. Returns Invalid if the password is too
// easy or proof is wrong, or TooMany.
func (a *Auth) SetPassword(ctx context.Context, who Who, proof, password string, from From) error {
	if err := CheckPassword(who.Name, password); err != nil {
		return err
	}
	if err := a.confirm(ctx, who, proof, from); err != nil {
		return err
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	if err := a.store.SetPassword(ctx, who.Actor(), who.User, hash); err != nil {
		return err
	}
	return a.renew(ctx, who)
}

// NeedsProof tells whether the present password is asked for.
func (a *Auth) NeedsProof(ctx context.Context, who Who) (bool, error) {
	if at := a.sessions.GetInt64(ctx, linkAtKey); a.now().Sub(time.Unix(at, 0)) <= linkTrust {
		return false, nil
	}
	proof, err := a.store.ProofOf(ctx, who.User)
	return proof.PasswordHash != "", err
}

// confirm makes sure that it is the user who is sitting there.
func (a *Auth) confirm(ctx context.Context, who Who, proof string, from From) error {
	needed, err := a.NeedsProof(ctx, who)
	if err != nil || !needed {
		return err
	}
	asked, err := a.lookUp(ctx, who.Name, from)
	if err != nil {
		return err
	}
	right, err := a.checkPassword(ctx, asked, proof)
	if err == nil && !right {
		return berth.InvalidFields(map[string]string{"proof": "The present password is wrong."})
	}
	return err
}

// renew gives the session a new id and ends the user's others.
func (a *Auth) renew(ctx context.Context, who Who) error {
	if err := a.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("renew the session of %s: %w", who.Name, err)
	}
	_, err := a.store.EndOtherSessions(ctx, who.ID, a.sessions.Token(ctx))
	return err
}

// Sessions lists the user's sessions, the latest used first.
func (a *Auth) Sessions(ctx context.Context, who Who) ([]store.Session, error) {
	return a.store.SessionsOf(ctx, who.ID, a.sessions.Token(ctx))
}

// SetUp makes the first account with the token of a setup link and signs it in. Returns Invalid, Unauthenticated or
// Conflict.
func (a *Auth) SetUp(ctx context.Context, token, name, password string, from From) error {
	user := berth.User{Name: name, Role: berth.RoleAdmin}
	if err := user.Validate(); err != nil {
		return err
	}
	if err := CheckPassword(name, password); err != nil {
		return err
	}
	if err := a.store.CheckSetupLink(ctx, token); err != nil { // before the work of hashing
		return err
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	if user, err = a.store.SetUp(ctx, token, name, hash); err != nil {
		return err
	}
	return a.begin(ctx, user, from, "setup")
}
