package pvesim

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// checkFactor verifies "totp:123456", one step of 30 s early or late.
func (u *user) checkFactor(answer string, now time.Time) bool {
	code, is := strings.CutPrefix(answer, "totp:")
	if !is || u.totp == nil {
		return false
	}
	for step := int64(-1); step <= 1; step++ {
		if code == totpCode(u.totp, now.Unix()/30+step) {
			return true
		}
	}
	return false
}

// totpCode is RFC 6238 with SHA-1 and six digits.
func totpCode(secret []byte, counter int64) string {
	m := hmac.New(sha1.New, secret)
	binary.Write(m, binary.BigEndian, counter)
	sum := m.Sum(nil)
	at := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%1_000_000)
}

// RequireTOTP gives a user a second factor and returns its secret in base32, as an authenticator app takes it.
func (s *Sim) RequireTOTP(userID string) (secret string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.world.users[userID]
	if u == nil {
		return "", fmt.Errorf("no such user %q", userID)
	}
	u.totp = make([]byte, 20)
	rand.Read(u.totp) // never fails (crypto/rand)
	return base32.StdEncoding.EncodeToString(u.totp), nil
}

func listTFA(c *call) (any, error) {
	out := []obj{}
	for _, id := range sortedKeys(c.sim.world.users) {
		u := c.sim.world.users[id]
		if u.totp == nil || id != c.user.user && !c.sim.world.allowedAny(c.user, "/access/groups", "User.Modify", "Sys.Audit") {
			continue
		}
		out = append(out, obj{"userid": id, "entries": []obj{{"id": "totp", "type": "totp", "description": "", "created": 0}}})
	}
	return out, nil
}
