package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"berth"
)

// The cost of argon2id: of the choices of equal strength that OWASP recommends, one with little memory.
const (
	hashMemory = 12 << 10 // KiB
	hashPasses = 3
	hashBytes  = 32
	saltBytes  = 16
)

// The length of a password, in characters and bytes.
const (
	leastPassword = 10
	mostPassword  = 200
)

// hasher computes hashes of passwords, one at a time in each of its lanes, because each takes 12 MiB, and garbage of as many again. Those who are known
// have a lane of their own, so that however many guess, they need not stand in line behind them.
type hasher struct{ unknown, known *lane }

func newHasher() *hasher { return &hasher{newLane(1), newLane(1)} }

// inTurn runs f when it is its turn. Returns Unavailable if too many wait already.
func (h *hasher) inTurn(ctx context.Context, known bool, f func()) error {
	lane := h.unknown
	if known {
		lane = h.known
	}
	leave, err := lane.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	f()
	return nil
}

// hash makes the hash that is kept of a password, in PHC form.
func (h *hasher) hash(ctx context.Context, password string) (phc string, err error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails, see its documentation
	err = h.inTurn(ctx, true, func() {
		phc = kept(salt, argon2.IDKey([]byte(password), salt, hashPasses, hashMemory, 1, hashBytes))
	})
	return phc, err
}

// nobody is what the password of an account that is not there is compared with, so that the time tells nothing.
var nobody = kept(make([]byte, saltBytes), make([]byte, hashBytes))

func kept(salt, sum []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, hashMemory, hashPasses,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

// matches compares a password with a hash that was kept; an empty one matches nothing, in the same time.
func (h *hasher) matches(ctx context.Context, known bool, password, phc string) (same bool, err error) {
	real := phc != ""
	if !real {
		phc = nobody
	}
	var memory, passes uint32
	var lanes uint8
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, fmt.Errorf("a kept password is not in the form of argon2id")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil {
		return false, fmt.Errorf("read the cost of a kept password: %w", err)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("read the salt of a kept password: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, fmt.Errorf("read a kept password: %w", err)
	}
	if len(want) != hashBytes {
		return false, fmt.Errorf("a kept password has %d bytes, not %d", len(want), hashBytes)
	}
	err = h.inTurn(ctx, known, func() {
		got := argon2.IDKey([]byte(password), salt, passes, memory, lanes, hashBytes)
		same = real && subtle.ConstantTimeCompare(got, want) == 1
	})
	return same, err
}

// breached is what attackers try first: the beginnings of the passwords that appear most in leaks, one a line.
//
//go:embed breached.txt
var breached string

var breachedWords = sync.OnceValue(func() map[string]bool {
	words := map[string]bool{}
	for line := range strings.Lines(breached) {
		words[strings.TrimSpace(line)] = true
	}
	delete(words, "")
	return words
})

// CheckPassword tells why a password is too easy to guess, as Invalid.
func CheckPassword(name, password string) error {
	refuse := func(why string) error { return berth.InvalidFields(map[string]string{"password": why}) }
	switch n := utf8.RuneCountInString(password); {
	case n < leastPassword:
		return refuse(fmt.Sprintf("A password has at least %d characters; several words are easy to remember.", leastPassword))
	case len(password) > mostPassword:
		return refuse(fmt.Sprintf("A password has at most %d characters.", mostPassword))
	}
	lower := strings.ToLower(password)
	if name != "" && strings.Contains(lower, strings.ToLower(name)) && len(lower) < len(name)+8 {
		return refuse("This password is little more than the name of the account.")
	}
	if isGuessed(lower) {
		return refuse("This password is among those that attackers try first; choose another one.")
	}
	return nil
}

// isGuessed tells whether a password is one that leaked often, also with figures and signs around it or letters written as
// figures, or the same few characters over and over.
func isGuessed(lower string) bool {
	words := breachedWords()
	core := strings.Trim(lower, "0123456789 !?.,;:-_#$%&*+@=/")
	letters := strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s").Replace(lower)
	if words[lower] || words[core] || words[letters] || core == "" && !strings.Contains(lower, " ") && len(lower) < 16 {
		return true
	}
	return repeats(lower)
}

// repeats tells whether a text is a piece of at most five characters, again and again.
func repeats(text string) bool {
	for n := 1; n <= 5 && n*2 <= len(text); n++ {
		if strings.HasPrefix(strings.Repeat(text[:n], len(text)/n+1), text) {
			return true
		}
	}
	return false
}
