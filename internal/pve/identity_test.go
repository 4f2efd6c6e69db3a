package pve

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestUPIDsAreTakenApart(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, node, kind, id, user string }{
		{"UPID:pve1:00002C8B:0002765F:6B03A7B9:vzstart:999:root@pam!full:", "pve1", "vzstart", "999", "root@pam!full"},
		{"UPID:pve-2:00002C8B:1FFFFFFFF:6B03A7B9:stopall::root@pam:", "pve-2", "stopall", "", "root@pam"},
		{"UPID:pve1:0000091A:00036DBA:6B03A7B9:imgdel:101@local:lx.op@pve!panel:", "pve1", "imgdel", "101@local", "lx.op@pve!panel"},
		{"UPID:pve1:0000091A:00036DBA:6B03A7B9:move_volume:100-mp0>101-mp0:root@pam:", "pve1", "move_volume", "100-mp0>101-mp0", "root@pam"},
	}
	for _, test := range tests {
		u, err := ParseUPID(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
		}
		if u.Node() != test.node || u.Type() != test.kind || u.ID() != test.id || u.User() != test.user || !u.StartTime().Equal(time.Unix(0x6B03A7B9, 0)) {
			t.Errorf("%s: got %q %q %q %q %s", u, u.Node(), u.Type(), u.ID(), u.User(), u.StartTime())
		}
	}
}

func TestWhatIsNoUPIDIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "OK", "UPID:pve1:00002C8B:0002765F:6B03A7B9:vzstart:999:root@pam", "UPID:pve1:2C8B:0002765F:6B03A7B9:vzstart:999:root@pam:",
		"UPID:-pve1:00002C8B:0002765F:6B03A7B9:vzstart:999:root@pam:", "UPID:pve1:00002C8B:0002765F:6B03A7B9:vzstart:9 9:root@pam:", "UPID:a/b:00002C8B:0002765F:6B03A7B9:vzstart:9:root@pam:"} {
		if u, err := ParseUPID(text); err == nil {
			t.Errorf("got %q, want an error for %q", u, text)
		}
	}
}

func FuzzParseUPID(f *testing.F) {
	f.Add("UPID:pve1:00002C8B:0002765F:6B03A7B9:vzstart:999:root@pam!full:")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseUPID(text)
		if err != nil {
			return
		}
		again := strings.Join([]string{"UPID", u.Node(), u.part(2), u.part(3), fmt.Sprintf("%08X", u.StartTime().Unix()), u.Type(), u.ID(), u.User(), ""}, ":")
		if !strings.EqualFold(again, text) {
			t.Fatalf("got %q from the parts of %q", again, text)
		}
	})
}

func TestFingerprintsAreReadInEveryForm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := Fingerprint(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "bytes"))
		pairs := FormatFingerprint(want)
		plain := strings.ReplaceAll(pairs, ":", "")
		for _, text := range []string{pairs, strings.ToLower(pairs), plain, "sha256:" + strings.ToLower(plain), "SHA256:" + pairs, " " + plain + "\n"} {
			if got, err := ParseFingerprint(text); err != nil || got != want {
				t.Fatalf("%q: got %v, %v", text, got, err)
			}
		}
	})
}

func TestBadFingerprintsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                               "is empty",
		"sha256:":                        "is empty",
		"xy":                             "hexadecimal",
		strings.Repeat("AB:", 19) + "AB": "SHA-1",
		"ABCD":                           "has 2 bytes",
	} {
		if _, err := ParseFingerprint(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestTokensAreReadAndKeptSecret(t *testing.T) {
	t.Parallel()
	for _, text := range []string{testToken, " PVEAPIToken=" + testToken + "\n"} {
		got, err := ParseToken(text)
		want := Token{User: "root@pam", ID: "full", Secret: "7b1d3641-aa72-4d5e-9848-381b76d3bddb"}
		if err != nil || got != want || got.header() != "PVEAPIToken="+testToken {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
		for _, shown := range []string{fmt.Sprint(got), fmt.Sprintf("%+v %#v", got, got)} {
			if strings.Contains(shown, got.Secret) {
				t.Errorf("the secret shows in %q", shown)
			}
		}
	}
}

func TestBadTokensSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	const secret = "7b1d3641-aa72-4d5e-9848-381b76d3bddb"
	for text, want := range map[string]string{
		"":                            "is empty",
		secret:                        "only the secret",
		"root@pam":                    "no token id",
		"root@pam=" + secret:          "no token id",
		"root@pam!full":               "no secret",
		"root@pam!full=":              "no secret",
		"root!full=" + secret:         "no realm",
		"root @pam!full=" + secret:    "not of the form USER@REALM",
		"root@pam!x=" + secret:        "id \"x\" is not valid",
		"root@pam!1full=" + secret:    "is not valid",
		"root@pam!full=" + secret[1:]: "not a UUID",
	} {
		_, err := ParseToken(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret[1:]) {
			t.Errorf("%q: got %v, want an error with %q and without the secret", text, err, want)
		}
	}
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Config{
		"no endpoint":             {Token: testToken},
		"not of the form https":   {Token: testToken, Endpoints: []string{"http://pve:8006"}},
		"more than scheme":        {Token: testToken, Endpoints: []string{"https://pve:8006/api2"}},
		"API token is empty":      {Endpoints: []string{"https://pve"}},
		"one of them is enough":   {Token: testToken, Login: &Login{User: "root@pam"}, Endpoints: []string{"https://pve"}},
		"user \"root\" is not":    {Login: &Login{User: "root"}, Endpoints: []string{"https://pve"}},
		"fingerprint has 1 bytes": {Token: testToken, Fingerprint: "AB", Endpoints: []string{"https://pve"}},
		"no certificate found":    {Token: testToken, Authorities: []byte("x"), Endpoints: []string{"https://pve"}},
	} {
		if client, err := New(c); client != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, %v, want an error with %q", client, err, want)
		}
	}
}

func TestEndpointsGetTheirPort(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://pve1":           "https://pve1:8006",
		"https://pve1:443/":      "https://pve1:443",
		"https://[2001:db8::1]":  "https://[2001:db8::1]:8006",
		"https://192.0.2.1:8006": "https://192.0.2.1:8006",
	} {
		if got, err := parseEndpoint(text); err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v, want %s", text, got, err, want)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(testToken)
	f.Add("PVEAPIToken=a.b@x!yy=7b1d3641-aa72-4d5e-9848-381b76d3bddb")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err != nil {
			return
		}
		if again, err := ParseToken(token.header()); err != nil || again != token {
			t.Fatalf("%q: got %v, then %v, %v", text, token, again, err)
		}
	})
}

func FuzzParseFingerprint(f *testing.F) {
	f.Add("sha256:" + strings.Repeat("ab", 32))
	f.Fuzz(func(t *testing.T, text string) {
		first, err := ParseFingerprint(text)
		if err != nil {
			return
		}
		if again, err := ParseFingerprint(FormatFingerprint(first)); err != nil || again != first {
			t.Fatalf("%q: got %v, then %v, %v", text, first, again, err)
		}
	})
}

func FuzzParseChallenge(f *testing.F) {
	f.Add(`PVE:!tfa!{"totp"%3Atrue}:6B03AABA::Nful`)
	f.Fuzz(func(t *testing.T, text string) {
		if factors, err := parseChallenge(text); err != nil && factors != (Factors{}) {
			t.Fatalf("%q: got %+v beside %v", text, factors, err)
		}
	})
}
