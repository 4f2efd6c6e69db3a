package web

import (
	"testing"
	"time"

	"berth"
)

// The day on which a token expires is that of the zone in which everything else is shown.
func TestTokenExpiresOnTheDayOfTheZone(t *testing.T) {
	t.Parallel()
	tokyo := time.FixedZone("JST", 9*60*60)
	token := berth.APIToken{Name: "script", ExpiresAt: time.Date(2028, 2, 28, 18, 0, 0, 0, time.UTC)}
	for _, test := range []struct {
		now  time.Time
		want string
	}{
		{time.Date(2028, 2, 28, 12, 0, 0, 0, time.UTC), "until 2028-02-28"},
		{time.Date(2028, 2, 28, 12, 0, 0, 0, time.UTC).In(tokyo), "until 2028-02-29"},
		{time.Date(2028, 2, 28, 19, 0, 0, 0, time.UTC).In(tokyo), "expired 2028-02-29"},
	} {
		if got := newTokenView(token, test.now).Expires; got != test.want {
			t.Errorf("at %s: got %q, want %q", test.now, got, test.want)
		}
	}
}
