package auth

import (
	"context"
	"strings"

	"berth"
	"berth/internal/store"
)

const mostQuestions = 8 // to clusters at once; Proxmox VE takes three seconds for each wrong password

// SignInWithProxmox signs in with an account (USER@REALM) of the cluster behind the provider of that name, and with the code
// of its second factor if it has one. Returns Unauthenticated, Forbidden as store.UserOf, NotFound if there is no such
// provider, TooMany or Unavailable.
func (a *Auth) SignInWithProxmox(ctx context.Context, provider, account, password, code string, from From) error {
	address := "address " + network(from.Address)
	if err := a.throttle.try(address, addressLimit); err != nil {
		return err
	}
	p, _, err := a.store.SignOn(ctx, provider)
	if err != nil {
		return err
	}
	if p.Cluster() == "" || a.ask == nil {
		return berth.Errorf(berth.NotFound, "There is no way to sign in here called %s.", provider)
	}
	key := "proxmox " + p.Cluster() + " " + strings.ToLower(clipped(account))
	if err := a.throttle.try(key, accountLimit); err != nil {
		return err
	}
	select {
	case a.proxmox <- struct{}{}:
		defer func() { <-a.proxmox }()
	default:
		return berth.Errorf(berth.Unavailable, "Too many people are signing in at this moment; try again in a few seconds.")
	}
	groups, err := a.ask(ctx, p.Cluster(), account, password, code)
	if berth.CodeOf(err) == berth.Unauthenticated {
		if noted := a.failed(ctx, account, from, p.Name); berth.CodeOf(noted) != berth.Unauthenticated {
			return noted
		}
	}
	if err != nil {
		return err
	}
	a.throttle.pardon(address)
	a.throttle.succeeded(key)
	user, err := a.store.UserOf(ctx, p, store.Identity{Subject: account, Name: account, Groups: groups})
	if err != nil {
		return err
	}
	return a.begin(ctx, user, from, p.Name)
}
