package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"berth"
	"berth/internal/store"
)

// The values of a session between the way to a provider and the way back.
const (
	providerKey = "provider" // name
	stateKey    = "state"
	nonceKey    = "nonce"
	verifierKey = "verifier" // of PKCE
)

const providerTimeout = 10 * time.Second // to answer one of our requests

// errProvider hides from people what a provider said; the log has it.
func errProvider(p berth.SignOn, err error) error {
	return &berth.Error{Code: berth.Unavailable, Message: "Signing in through " + p.Name + " does not work now; an admin finds the reason in the log.", Err: err}
}

// BeginSignOn gives the address of the provider to which the browser goes. back is where it comes back to. Returns NotFound,
// or Unavailable if the provider does not answer.
func (a *Auth) BeginSignOn(ctx context.Context, name, back string) (address string, err error) {
	p, config, _, err := a.provider(ctx, name, back)
	if err != nil {
		return "", err
	}
	if err := a.sessions.RenewToken(ctx); err != nil {
		return "", fmt.Errorf("renew a session: %w", err)
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	for key, value := range map[string]string{providerKey: p.Name, stateKey: state, nonceKey: nonce, verifierKey: verifier} {
		a.sessions.Put(ctx, key, value)
	}
	return config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

// FinishSignOn signs in whom the provider has sent back with these parameters. Returns Unauthenticated if they do not belong
// to the way that this browser began, or the provider says no; Forbidden as store.UserOf; Unavailable.
func (a *Auth) FinishSignOn(ctx context.Context, name, back string, params url.Values, from From) error {
	began := a.sessions.PopString(ctx, providerKey)
	state, nonce, verifier := a.sessions.PopString(ctx, stateKey), a.sessions.PopString(ctx, nonceKey), a.sessions.PopString(ctx, verifierKey)
	if state == "" || !strings.EqualFold(began, name) || subtle.ConstantTimeCompare([]byte(state), []byte(params.Get("state"))) != 1 {
		return berth.Errorf(berth.Unauthenticated, "That way of signing in was not begun here, or took too long; try again.")
	}
	p, config, verify, err := a.provider(ctx, name, back)
	if err != nil {
		return err
	}
	if params.Get("error") != "" {
		return berth.Errorf(berth.Unauthenticated, "%s did not let you in.", p.Name)
	}
	token, err := config.Exchange(a.outside(ctx), params.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return errProvider(p, err)
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := verify.Verify(a.outside(ctx), raw)
	if err != nil {
		return errProvider(p, err)
	}
	if subtle.ConstantTimeCompare([]byte(idToken.Nonce), []byte(nonce)) != 1 {
		return errProvider(p, fmt.Errorf("the nonce is not ours"))
	}
	who, err := identityOf(p, idToken)
	if err != nil {
		return errProvider(p, err)
	}
	user, err := a.store.UserOf(ctx, p, who)
	if err != nil {
		return err
	}
	return a.begin(ctx, user, from, p.Name)
}

// provider reads a provider and what it says of itself.
func (a *Auth) provider(ctx context.Context, name, back string) (berth.SignOn, *oauth2.Config, *oidc.IDTokenVerifier, error) {
	p, secret, err := a.store.SignOn(ctx, name)
	if err != nil {
		return p, nil, nil, err
	}
	discovered, err := oidc.NewProvider(a.outside(ctx), p.Issuer)
	if err != nil {
		return p, nil, nil, errProvider(p, err)
	}
	config := &oauth2.Config{ClientID: p.ClientID, ClientSecret: secret, Endpoint: discovered.Endpoint(), RedirectURL: back, Scopes: scopesOf(p)}
	return p, config, discovered.Verifier(&oidc.Config{ClientID: p.ClientID}), nil
}

func scopesOf(p berth.SignOn) []string {
	scopes := []string{oidc.ScopeOpenID, "profile", "email"}
	if p.GroupsClaim == "groups" {
		scopes = append(scopes, "groups")
	}
	return scopes
}

// outside is for requests to providers.
func (a *Auth) outside(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, &http.Client{Timeout: providerTimeout})
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9._@+-]+`)

// identityOf reads who it is from a token that was verified.
func identityOf(p berth.SignOn, token *oidc.IDToken) (store.Identity, error) {
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return store.Identity{}, err
	}
	who := store.Identity{Subject: token.Subject}
	for _, claim := range []string{"preferred_username", "email", "sub"} {
		if text, _ := claims[claim].(string); who.Name == "" {
			who.Name = strings.TrimLeft(notInNames.ReplaceAllString(text, "-"), "._@+-")
		}
	}
	const longest = 40 // leaves room for the name of the provider
	who.Name = who.Name[:min(len(who.Name), longest)]
	groups, _ := claims[p.GroupsClaim].([]any)
	for _, group := range groups {
		if text, ok := group.(string); ok {
			who.Groups = append(who.Groups, text)
		}
	}
	return who, nil
}
