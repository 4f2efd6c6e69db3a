package pve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// ticket is what a sign-in gives. The server accepts it for two hours (pve-access-control AccessControl.pm).
type ticket struct {
	Text       string `pve:"ticket"`
	CSRFToken  string `pve:"CSRFPreventionToken"`
	NeedFactor bool   `pve:"NeedTFA"`
	obtained   time.Time
}

// ticketRequest is the form of POST /access/ticket. Versions before 8.0 need new-format for the present way of
// asking for a second factor; later ones ignore it.
type ticketRequest struct {
	User      string `pve:"username"`
	Password  string `pve:"password"`
	Challenge string `pve:"tfa-challenge"`
	NewFormat bool   `pve:"new-format"`
}

func (c *Client) ticketFor(ctx context.Context, e *endpoint, r ticketRequest) (ticket, error) {
	request := post("/access/ticket").with(r)
	request.anonymous = true
	a, _, err := c.send(ctx, e, request)
	if err != nil {
		return ticket{}, err
	}
	var t ticket
	if err := a.decode(&t); err != nil {
		return ticket{}, err
	}
	if t.Text == "" {
		return ticket{}, a.problem("it holds no ticket")
	}
	return t, nil
}

// parseChallenge reads the factors from a partial ticket, PVE:!tfa!JSON:TIME::SIGNATURE, JSON percent-encoded.
func parseChallenge(text string) (Factors, error) {
	_, rest, found := strings.Cut(text, "!tfa!")
	encoded, _, closed := strings.Cut(rest, ":")
	decoded, err := url.PathUnescape(encoded)
	var all map[string]json.RawMessage
	if !found || !closed || err != nil || json.Unmarshal([]byte(decoded), &all) != nil {
		return Factors{}, fmt.Errorf("ticket does not say which second factors there are: %.80q", text)
	}
	has := func(name string) bool {
		value := string(all[name])
		return value != "" && value != "null" && value != "false" && value != "[]" && value != `"unavailable"`
	}
	return Factors{has("totp"), has("recovery"), has("yubico"), has("webauthn")}, nil
}
