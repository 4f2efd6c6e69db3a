package auth

import (
	"context"
	"fmt"
	"strings"
	"time"

	"berth"
	"berth/internal/store"
)

// From is where somebody signs in from.
type From struct {
	Address string // IP address
	Browser string // as it names itself
}

// The values of a session besides those that the store knows.
const (
	pendingKey   = "pending"    // id of the user whose password was right and whose code is missing
	pendingAtKey = "pending-at" // unix seconds
	linkAtKey    = "link-at"    // unix seconds; when the session began with a one-time link
)

const (
	pendingTime = 5 * time.Minute  // to give the code after the password
	linkTrust   = 15 * time.Minute // after signing in with a link: the password can be set without the old one
)

var errWrong = berth.Errorf(berth.Unauthenticated, "The name or the password is wrong.")

// SignIn signs in with a password. needsCode tells that a code of the second factor has to follow (SignInWithCode).
// Returns Unauthenticated without saying what is wrong, and TooMany or Unavailable when it has to be tried again later.
func (a *Auth) SignIn(ctx context.Context, name, password string, from From) (needsCode bool, err error) {
	address := "address " + network(from.Address)
	if err := a.throttle.try(address, addressLimit); err != nil {
		return false, err
	}
	asked, err := a.lookUp(ctx, name, from)
	if err != nil {
		return false, err
	}
	right, err := a.checkPassword(ctx, asked, password)
	if err != nil {
		return false, err
	}
	if !right {
		return false, a.failed(ctx, name, from, "password")
	}
	a.throttle.pardon(address)
	if asked.HasTOTP {
		return true, a.expectCode(ctx, asked.User)
	}
	return false, a.begin(ctx, asked.User, from, "password")
}

// asked is an account that somebody says is theirs. Its user is the zero one if there is none.
type asked struct {
	store.Proof
	name, address string
	known         bool // the user has signed in from the address before
}

// lookUp finds the account of that name.
func (a *Auth) lookUp(ctx context.Context, name string, from From) (found asked, err error) {
	found = asked{name: name, address: from.Address}
	if err := (&berth.User{Name: name}).Validate(); err != nil {
		return found, nil // nobody is called so
	}
	lane := a.lookUps
	if a.regulars.has(network(from.Address)) {
		lane = a.regularLookUps
	}
	leave, err := lane.enter(ctx)
	if err != nil {
		return found, err
	}
	defer leave()
	user, err := a.store.UserByName(ctx, name)
	if berth.CodeOf(err) == berth.NotFound {
		return found, nil
	}
	if err != nil {
		return found, err
	}
	if found.Proof, err = a.store.ProofOf(ctx, user); err != nil {
		return found, err
	}
	found.known, err = a.store.SignedInFrom(ctx, user.ID, from.Address)
	return found, err
}

// checkPassword compares the password with that of the account, unless there were too many attempts.
func (a *Auth) checkPassword(ctx context.Context, who asked, password string) (right bool, err error) {
	account, limit := "account "+strings.ToLower(clipped(who.name)), accountLimit
	if who.known {
		account, limit = account+" "+who.address, knownLimit
	}
	if err := a.throttle.try(account, limit); err != nil {
		return false, err
	}
	if len(password) > mostPassword {
		return false, nil
	}
	right, err = a.hasher.matches(ctx, who.known, password, who.PasswordHash)
	if right {
		a.throttle.succeeded(account)
	}
	return right, err
}

// expectCode notes that the password was right, in a new session that is not signed in yet.
func (a *Auth) expectCode(ctx context.Context, user berth.User) error {
	if err := a.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("renew the session of %s: %w", user.Name, err)
	}
	a.sessions.Remove(ctx, userIDKey)
	a.sessions.Put(ctx, pendingKey, user.ID)
	a.sessions.Put(ctx, pendingAtKey, a.now().Unix())
	return nil
}

// begin signs a user in: a new session of a new id, and an entry in the history.
func (a *Auth) begin(ctx context.Context, user berth.User, from From, how string) error {
	if err := a.sessions.Clear(ctx); err != nil {
		return fmt.Errorf("clear the session of %s: %w", user.Name, err)
	}
	if err := a.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("renew the session of %s: %w", user.Name, err)
	}
	a.regulars.add(network(from.Address))
	a.sessions.Put(ctx, userIDKey, user.ID)
	a.sessions.Put(ctx, addressKey, from.Address)
	a.sessions.Put(ctx, browserKey, clipped(from.Browser))
	if how == byLink {
		a.sessions.Put(ctx, linkAtKey, a.now().Unix())
	}
	return a.store.AddEvent(ctx, berth.Event{Actor: user.Name, ActorID: user.ID, Source: "web", Action: "sign-in", Subject: "user " + user.Name,
		Details: map[string]string{"how": how, "address": from.Address}})
}

// failed notes a failure in the history and gives the error for it. Of a flood it notes the beginning, and then one a minute.
func (a *Auth) failed(ctx context.Context, name string, from From, how string) error {
	if a.throttle.try("history", historyLimit) != nil {
		return errWrong
	}
	event := berth.Event{Actor: "somebody", Source: "web", Action: "sign-in.failed", Subject: "user " + clipped(name), Details: map[string]string{"how": how, "address": from.Address}}
	if err := a.store.AddEvent(ctx, event); err != nil {
		return err
	}
	return errWrong
}

// clipped shortens what strangers send before it is kept.
func clipped(text string) string {
	const most = 200
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
	for i := range text {
		if i >= most {
			return text[:i]
		}
	}
	return text
}
