// Package auth knows who is asking: one-time sign-in links, sessions, and the user behind a request.
package auth

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"berth"
	"berth/internal/store"
)

// Auth signs users in and out. Sessions live on the server; the browser holds a random token.
type Auth struct {
	store    *store.Store
	sessions *scs.SessionManager
}

// Options are what a deployment decides about sessions.
type Options struct {
	SecureCookies bool // the browser reaches Berth over TLS
}

const (
	sessionLifetime = 30 * 24 * time.Hour
	sessionIdle     = 7 * 24 * time.Hour
	userIDKey       = store.SessionUser
)

// New makes an Auth on the store.
func New(s *store.Store, o Options) *Auth {
	sessions := &scs.SessionManager{ // not scs.New, which starts a goroutine for a store in memory
		Store: s.Sessions(), Codec: scs.GobCodec{}, Lifetime: sessionLifetime, IdleTimeout: sessionIdle,
		Cookie: scs.SessionCookie{Name: "berth_session", Path: "/", HttpOnly: true, Persist: true,
			SameSite: http.SameSiteLaxMode, Secure: o.SecureCookies},
	}
	return &Auth{store: s, sessions: sessions}
}

// Load makes the session of a request available to the handlers behind it, and failed is called when that is not possible.
func (a *Auth) Load(next http.Handler, failed func(http.ResponseWriter, *http.Request, error)) http.Handler {
	a.sessions.ErrorFunc = failed
	return a.sessions.LoadAndSave(next)
}

// SignInWithLink uses up a one-time sign-in link and starts a session for its user.
// A link that is unknown, used or too old is Unauthenticated.
func (a *Auth) SignInWithLink(ctx context.Context, token string) (berth.User, error) {
	user, err := a.store.UseSignInLink(ctx, token)
	if err != nil {
		return berth.User{}, err
	}
	if err := a.sessions.RenewToken(ctx); err != nil {
		return berth.User{}, fmt.Errorf("renew the session of %s: %w", user.Name, err)
	}
	a.sessions.Put(ctx, userIDKey, user.ID)
	return user, nil
}

// Who is the one behind a request.
type Who struct {
	berth.User
	Access berth.Access // what they may do with this request
}

// Actor is who as the history names them.
func (w Who) Actor() berth.Actor {
	return berth.Actor{ID: w.ID, Name: w.Name, Source: "web", Access: w.Access}
}

// Check tells whether the session of a long request still holds: Unauthenticated once the user signed out, was removed,
// was given other rights than who has, or the session expired.
func (a *Auth) Check(ctx context.Context, who Who) error {
	_, found, err := a.store.Sessions().FindCtx(ctx, a.sessions.Token(ctx))
	if err != nil {
		return err
	}
	if !found {
		return berth.Errorf(berth.Unauthenticated, "The session is over; sign in again.")
	}
	now, err := a.Who(ctx)
	if err == nil && now.Access.Key() != who.Access.Key() {
		return berth.Errorf(berth.Unauthenticated, "What you may do has changed.")
	}
	return err
}

// SignOut ends the session of a request.
func (a *Auth) SignOut(ctx context.Context) error { return a.sessions.Destroy(ctx) }

// Who gives the one behind a request; Unauthenticated when nobody is signed in or the account is gone.
func (a *Auth) Who(ctx context.Context) (Who, error) {
	id := a.sessions.GetString(ctx, userIDKey)
	if id == "" {
		return Who{}, berth.Errorf(berth.Unauthenticated, "Sign in first.")
	}
	user, err := a.store.UserByID(ctx, id)
	if berth.CodeOf(err) == berth.NotFound {
		return Who{}, berth.Errorf(berth.Unauthenticated, "This account does not exist any more.")
	}
	if err != nil {
		return Who{}, err
	}
	access, err := a.store.Access(ctx, id)
	return Who{User: user, Access: access}, err
}
