// Package auth knows who is asking: one-time links, passwords and second factors, sessions, and the user behind a request.
package auth

import (
	"context"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"berth"
	"berth/internal/store"
)

// Auth signs users in and out. Sessions live on the server; the browser holds a random token.
type Auth struct {
	store          *store.Store
	sessions       *scs.SessionManager
	secure         *scs.SessionManager // the same for requests over TLS
	hasher         *hasher
	throttle       *throttle
	lookUps        *lane // of accounts
	regularLookUps *lane // for addresses from which somebody has signed in
	regulars       *regulars
	proxmox        chan struct{} // questions to clusters that are under way
	ask            func(ctx context.Context, cluster, user, password, code string) (groups []string, err error)
	now            func() time.Time
}

// Options are what a deployment decides about sessions.
type Options struct {
	Now func() time.Time // nil: time.Now
	// AskProxmox tells in which groups an account of Proxmox VE is, if password and code are its own: Unauthenticated
	// otherwise, with what a person has to know; Unavailable or NotFound if the cluster cannot be asked. It is a function because
	// this package does not talk to clusters.
	AskProxmox func(ctx context.Context, cluster, user, password, code string) (groups []string, err error)
}

const (
	sessionLifetime = 30 * 24 * time.Hour
	sessionIdle     = 7 * 24 * time.Hour
	userIDKey       = store.SessionUser
	addressKey      = store.SessionAddress
	browserKey      = store.SessionBrowser
	byLink          = "link"
)

// New makes an Auth on the store.
func New(s *store.Store, o Options) *Auth {
	sessions := &scs.SessionManager{ // not scs.New, which starts a goroutine for a store in memory
		Store: s.Sessions(), Codec: scs.GobCodec{}, Lifetime: sessionLifetime, IdleTimeout: sessionIdle,
		Cookie: scs.SessionCookie{Name: "berth_session", Path: "/", HttpOnly: true, Persist: true,
			SameSite: http.SameSiteLaxMode},
	}
	secure := *sessions
	secure.Cookie.Secure, secure.Cookie.Name = true, "__Host-"+sessions.Cookie.Name // browsers take it only over TLS, and from no other host
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Auth{store: s, sessions: sessions, secure: &secure, hasher: newHasher(), throttle: newThrottle(o.Now),
		lookUps: newLane(lookUpsAtOnce), regularLookUps: newLane(lookUpsAtOnce), regulars: &regulars{networks: map[string]bool{}}, proxmox: make(chan struct{}, mostQuestions), ask: o.AskProxmox, now: o.Now}
}

// Load makes the session of a request available to the handlers behind it, and failed is called when that is not possible.
func (a *Auth) Load(next http.Handler, failed func(http.ResponseWriter, *http.Request, error)) http.Handler {
	a.sessions.ErrorFunc, a.secure.ErrorFunc = failed, failed
	plain, secure := load(a.sessions, next), load(a.secure, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if OverTLS(r) {
			secure.ServeHTTP(w, r)
		} else {
			plain.ServeHTTP(w, r)
		}
	})
}

func load(sessions *scs.SessionManager, next http.Handler) http.Handler {
	loaded := sessions.LoadAndSave(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie(sessions.Cookie.Name); err == nil {
			r = r.WithContext(store.CameWith(r.Context(), cookie.Value))
		}
		loaded.ServeHTTP(w, r)
	})
}

// OverTLS tells whether the browser behind a request speaks TLS, with Berth or with a trusted proxy before it, which is
// then in the scheme of the request's URL.
func OverTLS(r *http.Request) bool { return r.TLS != nil || r.URL.Scheme == "https" }

// SignInWithLink uses up a one-time sign-in link and starts a session for its user.
// A link that is unknown, used or too old is Unauthenticated.
func (a *Auth) SignInWithLink(ctx context.Context, token string, from From) (berth.User, error) {
	user, err := a.store.UseSignInLink(ctx, token)
	if err != nil {
		return berth.User{}, err
	}
	return user, a.begin(ctx, user, from, byLink)
}

// Who is the one behind a request.
type Who struct {
	berth.User
	Access berth.Access // what they may do with this request
	Token  string       // name of the API token; empty: a session in a browser

	key     string // of the API token
	address string // from which it is used
}

// Actor is who as the history names them.
func (w Who) Actor() berth.Actor {
	actor := berth.Actor{ID: w.ID, Name: w.Name, Source: "web", Access: w.Access}
	if w.Token != "" {
		actor.Source = "api"
	}
	return actor
}

// Check tells whether the session of a long request still holds: Unauthenticated once the user signed out, was removed,
// was given other rights than who has, or the session expired.
func (a *Auth) Check(ctx context.Context, who Who) error {
	if who.key != "" {
		now, err := a.WhoHas(ctx, who.key, who.address)
		return unchanged(who, now, err)
	}
	_, found, err := a.store.Sessions().FindCtx(ctx, a.sessions.Token(ctx))
	if err != nil {
		return err
	}
	if !found {
		return berth.Errorf(berth.Unauthenticated, "The session is over; sign in again.")
	}
	now, err := a.Who(ctx)
	return unchanged(who, now, err)
}

func unchanged(who, now Who, err error) error {
	if err == nil && now.Access.Key() != who.Access.Key() {
		return berth.Errorf(berth.Unauthenticated, "What you may do has changed.")
	}
	return err
}

// WhoHas gives the one who has the key of an API token: what they may do is what both the token and its user may do now.
// Returns Unauthenticated.
func (a *Auth) WhoHas(ctx context.Context, key, address string) (Who, error) {
	token, err := a.store.UseToken(ctx, key, network(address))
	if err != nil {
		return Who{}, err
	}
	user, err := a.store.UserByID(ctx, token.UserID)
	if err != nil {
		return Who{}, unauthenticated(err)
	}
	own, err := a.store.Access(ctx, user.ID)
	if err != nil {
		return Who{}, err
	}
	limit, err := berth.NewAccess(token.Grant)
	return Who{User: user, Access: own.Within(limit), Token: token.Name, key: key, address: address}, err
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
