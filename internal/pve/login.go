package pve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Login is a person's sign-in. The client turns it into a ticket at the first call, renews the ticket, and signs in
// anew when that fails. Some calls are closed to tokens, and root@pam can do things that no token of root can.
type Login struct {
	User     string // USER@REALM
	Password string
	// SecondFactor is asked for a code if the account has a second factor, at every sign-in but not for renewals.
	// It returns "totp:123456", or six digits for the same, "recovery:KEY" or "yubico:OTP". If it is nil, such an
	// account cannot sign in: KindSecondFactor.
	SecondFactor func(context.Context, Factors) (string, error)
}

// String is the user; the password stays inside.
func (l Login) String() string { return l.User }

// GoString keeps the password out of %#v.
func (l Login) GoString() string { return "pve.Login(" + l.User + ")" }

// Factors are the second factors that an account has.
type Factors struct{ TOTP, Recovery, Yubico, WebAuthn bool }

// ErrSecondFactor says that an account needs a second factor and none was given.
var ErrSecondFactor = errors.New("the account needs a second factor")

const renewAfter = time.Hour

// session keeps the ticket of a Login.
type session struct {
	login  Login
	turn   chan struct{} // holds one token: whoever has taken it may sign in
	ticket ticket
}

func newSession(l Login) (*session, error) {
	if !userNameForm.MatchString(l.User) {
		return nil, fmt.Errorf("user %q is not of the form USER@REALM", l.User)
	}
	return &session{login: l, turn: make(chan struct{}, 1)}, nil
}

// current returns a ticket that is good for a while, signing in or renewing through e if need be.
func (s *session) current(ctx context.Context, c *Client, e *endpoint) (ticket, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ticket{}, context.Cause(ctx)
	}
	if s.ticket.Text != "" && c.now().Sub(s.ticket.obtained) < renewAfter {
		return s.ticket, nil
	}
	fresh, err := s.renew(ctx, c, e)
	if err != nil {
		return ticket{}, err
	}
	fresh.obtained = c.now()
	s.ticket = fresh
	return fresh, nil
}

// renew exchanges the old ticket for a new one, which needs no second factor, or signs in.
func (s *session) renew(ctx context.Context, c *Client, e *endpoint) (ticket, error) {
	if s.ticket.Text != "" {
		fresh, err := c.ticketFor(ctx, e, ticketRequest{User: s.login.User, Password: s.ticket.Text})
		if Classify(err).Kind != KindUnauthenticated {
			return fresh, err
		}
	}
	first, err := c.ticketFor(ctx, e, ticketRequest{User: s.login.User, Password: s.login.Password, NewFormat: true})
	if err != nil || !first.NeedFactor {
		return first, err
	}
	code, err := s.secondFactor(ctx, first.Text)
	if err != nil {
		return ticket{}, err
	}
	return c.ticketFor(ctx, e, ticketRequest{User: s.login.User, Password: code, Challenge: first.Text})
}

func (s *session) secondFactor(ctx context.Context, challenge string) (string, error) {
	if s.login.SecondFactor == nil {
		return "", fmt.Errorf("sign in as %s: %w", s.login.User, ErrSecondFactor)
	}
	factors, err := parseChallenge(challenge)
	if err != nil {
		return "", fmt.Errorf("sign in as %s: %w", s.login.User, err)
	}
	code, err := s.login.SecondFactor(ctx, factors)
	if err != nil {
		return "", fmt.Errorf("second factor of %s: %w", s.login.User, err)
	}
	if _, onlyDigits := digits([]byte(code)); onlyDigits {
		code = "totp:" + code
	}
	return code, nil
}

// forget drops the ticket, unless it was replaced in the meantime.
func (s *session) forget(ctx context.Context, t ticket) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return
	}
	if s.ticket.Text == t.Text {
		s.ticket = ticket{}
	}
}

// authorize puts the credentials into a request and returns the ticket it used, if any.
func (c *Client) authorize(ctx context.Context, e *endpoint, header http.Header, writes bool) (ticket, error) {
	if c.session == nil {
		header.Set("Authorization", c.token.header())
		return ticket{}, nil
	}
	t, err := c.session.current(ctx, c, e)
	if err != nil {
		return ticket{}, err
	}
	header.Set("Cookie", "PVEAuthCookie="+url.QueryEscape(t.Text))
	if writes {
		header.Set("CSRFPreventionToken", t.CSRFToken)
	}
	return t, nil
}
