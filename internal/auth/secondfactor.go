package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"image/png"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"berth"
)

const (
	codePeriod    = 30 // seconds that a code is good for; one before and one after are taken as well
	recoveryCodes = 10
)

// PendingCode tells whether a password was right and its code is missing.
func (a *Auth) PendingCode(ctx context.Context) bool {
	at := time.Unix(a.sessions.GetInt64(ctx, pendingAtKey), 0)
	return a.sessions.GetString(ctx, pendingKey) != "" && a.now().Sub(at) <= pendingTime
}

// SignInWithCode completes a sign-in with a code of the second factor, or with a recovery code, which it uses up.
// Returns Unauthenticated or TooMany.
func (a *Auth) SignInWithCode(ctx context.Context, code string, from From) error {
	if !a.PendingCode(ctx) {
		return berth.Errorf(berth.Unauthenticated, "That took too long; sign in again.")
	}
	user, err := a.store.UserByID(ctx, a.sessions.GetString(ctx, pendingKey))
	if err != nil {
		return unauthenticated(err)
	}
	key := "code " + user.ID
	if err := a.throttle.try(key, codeLimit); err != nil {
		return err
	}
	how, err := a.useCode(ctx, user.ID, code)
	if err != nil {
		return err
	}
	if how == "" {
		_ = a.failed(ctx, user.Name, from, "code")
		return berth.Errorf(berth.Unauthenticated, "This code is wrong or was used already.")
	}
	a.throttle.succeeded(key)
	return a.begin(ctx, user, from, how)
}

// useCode tells which kind of code it is; empty: a wrong one.
func (a *Auth) useCode(ctx context.Context, userID, code string) (how string, err error) {
	seed, err := a.store.TOTPSeed(ctx, userID)
	if err != nil {
		return "", unauthenticated(err)
	}
	code = plainCode(code)
	if step, ok := a.stepOf(seed, code); ok {
		fresh, err := a.store.UseTOTPStep(ctx, userID, step)
		if err != nil || !fresh {
			return "", err
		}
		return "password and code", nil
	}
	good, err := a.store.UseRecoveryCode(ctx, userID, code)
	if err != nil || !good {
		return "", err
	}
	return "password and recovery code", nil
}

// stepOf tells for which time step the code is the right one.
func (a *Auth) stepOf(seed, code string) (step int64, ok bool) {
	now := a.now().Unix() / codePeriod
	for _, step := range []int64{now, now - 1, now + 1} {
		want, err := totp.GenerateCode(seed, time.Unix(step*codePeriod, 0))
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return step, true
		}
	}
	return 0, false
}

// Enrolment is what an authenticator app needs to be set up.
type Enrolment struct {
	Seed string // to be typed
	QR   []byte // the same as a picture, PNG
}

// BeginSecondFactor makes the seed of a new second factor; it counts once ProveSecondFactor was given a code of it.
func (a *Auth) BeginSecondFactor(ctx context.Context, user berth.User) error {
	seed := make([]byte, 20)
	_, _ = rand.Read(seed) // never fails, see its documentation
	return a.store.SetNewTOTPSeed(ctx, user.ID, base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(seed))
}

// Enrolment gives the second factor that is being set up. Returns NotFound if none is.
func (a *Auth) Enrolment(ctx context.Context, user berth.User) (Enrolment, error) {
	seed, err := a.store.NewTOTPSeed(ctx, user.ID)
	if err != nil {
		return Enrolment{}, err
	}
	key, err := otp.NewKeyFromURL("otpauth://totp/Berth:" + user.Name + "?secret=" + seed + "&issuer=Berth")
	if err != nil {
		return Enrolment{}, fmt.Errorf("make the key of a second factor: %w", err)
	}
	const size = 240 // pixels
	picture, err := key.Image(size, size)
	if err != nil {
		return Enrolment{}, fmt.Errorf("draw the key of a second factor: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		return Enrolment{}, fmt.Errorf("draw the key of a second factor: %w", err)
	}
	return Enrolment{Seed: seed, QR: b.Bytes()}, nil
}

// ProveSecondFactor makes the second factor count that is being set up, and gives its recovery codes, which are not shown
// again. It ends the user's other sessions. proof is as with SetPassword; only who has a second factor already needs it.
// Returns Invalid if the code is wrong.
func (a *Auth) ProveSecondFactor(ctx context.Context, who Who, proof, code string, from From) (codes []string, err error) {
	kept, err := a.store.ProofOf(ctx, who.User)
	if err == nil && kept.HasTOTP {
		err = a.confirm(ctx, who, proof, from)
	}
	if err != nil {
		return nil, err
	}
	seed, err := a.store.NewTOTPSeed(ctx, who.ID)
	if err != nil {
		return nil, err
	}
	if err := a.throttle.try("code "+who.ID, codeLimit); err != nil {
		return nil, err
	}
	step, ok := a.stepOf(seed, plainCode(code))
	if !ok {
		return nil, berth.InvalidFields(map[string]string{"code": "This code is wrong: check the clock of your phone, and take the code that it shows now."})
	}
	a.throttle.succeeded("code " + who.ID)
	plain := make([]string, recoveryCodes)
	for i := range plain {
		text := strings.ToLower(rand.Text()[:10])
		plain[i] = text
		codes = append(codes, text[:5]+"-"+text[5:])
	}
	if err := a.store.SetTOTP(ctx, who.Actor(), who.User, seed, step, plain); err != nil {
		return nil, err
	}
	return codes, a.renew(ctx, who)
}

// RemoveSecondFactor removes the user's second factor. proof is as with SetPassword.
func (a *Auth) RemoveSecondFactor(ctx context.Context, who Who, proof string, from From) error {
	if err := a.confirm(ctx, who, proof, from); err != nil {
		return err
	}
	if err := a.store.RemoveTOTP(ctx, who.Actor(), who.User); err != nil {
		return err
	}
	return a.renew(ctx, who)
}

// plainCode is a code without what people type for looks.
func plainCode(code string) string {
	if len(code) > 40 {
		return ""
	}
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(code))
}

// unauthenticated turns "not there any more" into what is said to somebody who signs in.
func unauthenticated(err error) error {
	if berth.CodeOf(err) == berth.NotFound {
		return berth.Errorf(berth.Unauthenticated, "Sign in again.")
	}
	return err
}
