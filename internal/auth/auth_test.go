package auth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	test = berth.Actor{Name: "test", Source: "cli"}
)

const good = "three words of mine"

// clock is a clock that tests set.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// desk is an Auth on a store with one user, bert, who has a password.
type desk struct {
	t *testing.T
	*Auth
	clock *clock
	bert  berth.User
}

func newDesk(t *testing.T, o store.Options) *desk {
	t.Helper()
	c := &clock{noon}
	o.Now = c.now
	s := storetest.OpenWith(t, o)
	d := &desk{t: t, Auth: New(s, Options{Now: c.now}), clock: c}
	d.bert = d.user("bert")
	return d
}

func (d *desk) user(name string) berth.User {
	d.t.Helper()
	u, err := d.store.AddUser(d.t.Context(), test, berth.User{Name: name, Role: berth.RoleViewer})
	if err != nil {
		d.t.Fatal(err)
	}
	hash, err := d.hasher.hash(d.t.Context(), good)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.store.SetPassword(d.t.Context(), test, u, hash); err != nil {
		d.t.Fatal(err)
	}
	return u
}

// browser is somebody with cookies.
type browser struct {
	desk   *desk
	cookie *http.Cookie
	from   From
}

func (d *desk) browser(address string) *browser {
	return &browser{desk: d, from: From{Address: address, Browser: "test"}}
}

// do runs f in a request of the browser.
func (b *browser) do(f func(ctx context.Context) error) error {
	b.desk.t.Helper()
	var got error
	handler := b.desk.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = f(r.Context()) }),
		func(_ http.ResponseWriter, _ *http.Request, err error) { got = err })
	request := httptest.NewRequest(http.MethodPost, "/", nil)
	if b.cookie != nil {
		request.AddCookie(b.cookie)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	for _, cookie := range recorder.Result().Cookies() {
		b.cookie = cookie
	}
	return got
}

func (b *browser) signIn(name, password string) (needsCode bool, err error) {
	b.desk.t.Helper()
	err = b.do(func(ctx context.Context) (err error) {
		needsCode, err = b.desk.SignIn(ctx, name, password, b.from)
		return err
	})
	return needsCode, err
}

func (b *browser) code(code string) error {
	return b.do(func(ctx context.Context) error { return b.desk.SignInWithCode(ctx, code, b.from) })
}

// who gives who is signed in; an empty name: nobody.
func (b *browser) who() Who {
	var who Who
	_ = b.do(func(ctx context.Context) (err error) { // nobody is an error too
		who, err = b.desk.Who(ctx)
		return err
	})
	return who
}

func wantCode(t *testing.T, what string, err error, want berth.Code) {
	t.Helper()
	if berth.CodeOf(err) != want || want == "" && err != nil {
		t.Errorf("%s gives %v, want %q", what, err, want)
	}
}

func TestPasswordSignsIn(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		d := newDesk(t, o)
		b := d.browser("10.0.0.1")
		for _, wrong := range [][2]string{{"bert", "wrong"}, {"carl", good}, {"", ""}, {"bert", ""}, {"bert", strings.Repeat("x", 5000)}, {"bert\x00", good}} {
			_, err := b.signIn(wrong[0], wrong[1])
			wantCode(t, wrong[0]+" with a wrong password", err, berth.Unauthenticated)
			if err != nil && err.Error() != errWrong.Error() {
				t.Errorf("it tells what is wrong: %v", err)
			}
		}
		if b.who().Name != "" {
			t.Error("a wrong password signs in")
		}
		before := b.cookie
		if _, err := b.signIn("BERT", good); err != nil {
			t.Fatal(err)
		}
		if got := b.who(); got.ID != d.bert.ID || got.Access.Everywhere() != berth.RoleViewer {
			t.Errorf("signed in as %+v", got)
		}
		if before != nil && before.Value == b.cookie.Value {
			t.Error("the session has the id that it had before signing in")
		}
		var got []string
		events, err := d.store.Events(t.Context(), store.EventFilter{}, "", 20)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events[:3] {
			got = append(got, e.Action+" "+e.Details["address"])
		}
		if strings.Join(got, ", ") != "sign-in 10.0.0.1, sign-in.failed 10.0.0.1, sign-in.failed 10.0.0.1" {
			t.Errorf("the history has %v", got)
		}
	})
}

func TestGuessingIsSlowAndLocksNobodyOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.Options(t, storetest.SQLite))
	home := d.browser("10.0.0.1")
	if _, err := home.signIn("bert", good); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for i := range 200 { // an hour of guessing from many addresses
		_, err := d.browser("192.0.2."+string(rune('0'+i%10))).signIn("bert", "guess")
		if berth.CodeOf(err) == berth.Unauthenticated {
			tried++
		}
		d.clock.at = d.clock.at.Add(18 * time.Second)
	}
	if tried > 80 {
		t.Errorf("%d guesses in an hour were tried", tried)
	}
	if _, err := d.browser("10.0.0.1").signIn("bert", good); err != nil {
		t.Errorf("from where bert has signed in before: %v", err)
	}
	d.clock.at = d.clock.at.Add(accountLimit.longest)
	if _, err := d.browser("10.0.0.9").signIn("bert", good); err != nil {
		t.Errorf("from elsewhere, after the longest wait: %v", err)
	}
	for range addressLimit.free + 1 {
		_, _ = d.browser("198.51.100.1").signIn("nobody", "guess") // how often it may is looked at below
		d.clock.at = d.clock.at.Add(time.Millisecond)
	}
	_, err := d.browser("198.51.100.1").signIn("bert", good)
	wantCode(t, "an address that has failed often", err, berth.TooMany)
}

func TestManyAtOnceAreCountedAtOnce(t *testing.T) {
	t.Parallel()
	th := newThrottle((&clock{noon}).now)
	passed := 0
	for range 1000 {
		if th.try("account bert", accountLimit) == nil {
			passed++
		}
	}
	if passed != accountLimit.free {
		t.Errorf("%d of 1000 attempts at one moment pass, want %d", passed, accountLimit.free)
	}
}

func (d *desk) enrol(b *browser) (seed string, recovery []string) {
	d.t.Helper()
	err := b.do(func(ctx context.Context) error {
		who, err := d.Who(ctx)
		if err != nil {
			return err
		}
		if err := d.BeginSecondFactor(ctx, who.User); err != nil {
			return err
		}
		e, err := d.Enrolment(ctx, who.User)
		if err != nil {
			return err
		}
		seed = e.Seed
		if _, err := d.ProveSecondFactor(ctx, who, good, "000", b.from); berth.CodeOf(err) != berth.Invalid {
			d.t.Errorf("a wrong code proves it: %v", err)
		}
		recovery, err = d.ProveSecondFactor(ctx, who, "", d.codeOf(seed), b.from)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return seed, recovery
}

func (d *desk) codeOf(seed string) string {
	code, err := totp.GenerateCode(seed, d.clock.at)
	if err != nil {
		d.t.Fatal(err)
	}
	return code
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		d := newDesk(t, o)
		b, other := d.browser("10.0.0.1"), d.browser("10.0.0.2")
		for _, b := range []*browser{b, other} {
			if needs, err := b.signIn("bert", good); err != nil || needs {
				t.Fatal(needs, err)
			}
		}
		seed, recovery := d.enrol(b)
		if other.who().Name != "" || b.who().Name != "bert" {
			t.Error("the other session lives on, or this one does not")
		}
		used := d.codeOf(seed)
		if needs, err := other.signIn("bert", good); err != nil || !needs || other.who().Name != "" {
			t.Fatalf("the password alone signs in %q, %v", other.who().Name, err)
		}
		wantCode(t, "the code that proved it", other.code(used), berth.Unauthenticated)
		d.clock.at = d.clock.at.Add(30 * time.Second)
		wantCode(t, "a wrong code", other.code("123"), berth.Unauthenticated)
		code := d.codeOf(seed)
		wantCode(t, "the right code", other.code(" "+code[:3]+" "+code[3:]), "")
		if other.who().Name != "bert" {
			t.Error("password and code do not sign in")
		}
		third := d.browser("10.0.0.3")
		_, _ = third.signIn("bert", good) // looked at by what follows
		wantCode(t, "the same code again", third.code(code), berth.Unauthenticated)
		wantCode(t, "a recovery code", third.code(strings.ToUpper(recovery[0])), "")
		_, _ = third.signIn("bert", good)
		wantCode(t, "a used recovery code", third.code(recovery[0]), berth.Unauthenticated)
		d.clock.at = d.clock.at.Add(pendingTime + time.Second)
		wantCode(t, "a code long after the password", third.code(recovery[1]), berth.Unauthenticated)
	})
}

func TestCodesCannotBeGuessed(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.Options(t, storetest.SQLite))
	b := d.browser("10.0.0.1")
	if _, err := b.signIn("bert", good); err != nil {
		t.Fatal(err)
	}
	seed, _ := d.enrol(b)
	d.clock.at = d.clock.at.Add(time.Hour)
	if _, err := b.signIn("bert", good); err != nil {
		t.Fatal(err)
	}
	for range codeLimit.free {
		_ = b.code("000") // counted below
	}
	wantCode(t, "the right code after many wrong ones", b.code(d.codeOf(seed)), berth.TooMany)
}

func TestChangingThePasswordNeedsThePresentOne(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.Options(t, storetest.SQLite))
	b, other := d.browser("10.0.0.1"), d.browser("10.0.0.2")
	for _, b := range []*browser{b, other} {
		if _, err := b.signIn("bert", good); err != nil {
			t.Fatal(err)
		}
	}
	set := func(b *browser, proof, password string) error {
		return b.do(func(ctx context.Context) error {
			who, err := d.Who(ctx)
			return errors.Join(err, d.SetPassword(ctx, who, proof, password, b.from))
		})
	}
	wantCode(t, "without the present one", set(b, "", "another of mine"), berth.Invalid)
	wantCode(t, "a short one", set(b, good, "short"), berth.Invalid)
	before := b.cookie.Value
	wantCode(t, "with the present one", set(b, good, "another of mine"), "")
	if other.who().Name != "" || b.who().Name != "bert" || b.cookie.Value == before {
		t.Error("other sessions live on, or this one has the same id")
	}
	token, err := d.store.NewSignInLink(t.Context(), d.bert.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	lost := d.browser("10.0.0.3")
	if err := lost.do(func(ctx context.Context) error { _, err := d.SignInWithLink(ctx, token, lost.from); return err }); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "after signing in with a link", set(lost, "", "a third one of mine"), "")
	d.clock.at = d.clock.at.Add(linkTrust + time.Second)
	wantCode(t, "long after signing in with a link", set(lost, "", "a fourth one of mine"), berth.Invalid)
}

func TestEasyPasswordsAreRefused(t *testing.T) {
	t.Parallel()
	for _, easy := range []string{"short", "password123", "P@ssw0rd2024", "1234567890", "qwertyuiop!", "aaaaaaaaaaaa", "abcabcabcabc", "bertbertbert", "bert123456", "iloveyou2!!", "Welcome2025!", strings.Repeat("long ", 50)} {
		if err := CheckPassword("bert", easy); berth.CodeOf(err) != berth.Invalid {
			t.Errorf("%q is taken", easy)
		}
	}
	for _, fine := range []string{good, "correct battery of staples", "xkQ9-vverT-11p", "Überraschung am Hafen", "my bert is a nice person"} {
		if err := CheckPassword("bert", fine); err != nil {
			t.Errorf("%q is refused: %v", fine, err)
		}
	}
}

func TestSetup(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		c := &clock{noon}
		o.Now = c.now
		s := storetest.OpenWith(t, o)
		d := &desk{t: t, Auth: New(s, Options{Now: c.now}), clock: c}
		link := func() string {
			token, err := s.NewSetupLink(t.Context(), time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		b := d.browser("10.0.0.1")
		setUp := func(token, name, password string) error {
			return b.do(func(ctx context.Context) error { return d.SetUp(ctx, token, name, password, b.from) })
		}
		old := link()
		token := link()
		wantCode(t, "a link before the latest one", setUp(old, "anna", good), berth.Unauthenticated)
		wantCode(t, "a guessed link", setUp("guess", "anna", good), berth.Unauthenticated)
		wantCode(t, "no link", setUp("", "anna", good), berth.Unauthenticated)
		wantCode(t, "an easy password", setUp(token, "anna", "password"), berth.Invalid)
		wantCode(t, "a bad name", setUp(token, "no spaces", good), berth.Invalid)
		c.at = noon.Add(time.Hour)
		wantCode(t, "an old link", setUp(token, "anna", good), berth.Unauthenticated)
		token = link()
		wantCode(t, "the link", setUp(token, "anna", good), "")
		if got := b.who(); got.Name != "anna" || got.Access.Everywhere() != berth.RoleAdmin {
			t.Errorf("signed in as %+v", got)
		}
		wantCode(t, "the link again", setUp(token, "eve", good), berth.Conflict)
		_, err := s.NewSetupLink(t.Context(), time.Hour)
		wantCode(t, "another link", err, berth.Conflict)
		if needs, err := d.browser("10.0.0.2").signIn("anna", good); err != nil || needs {
			t.Errorf("signing in with the password of the setup: %v", err)
		}
	})
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		d := newDesk(t, o)
		eve := d.user("eve")
		one, two, hers := d.browser("10.0.0.1"), d.browser("10.0.0.2"), d.browser("10.0.0.3")
		for b, name := range map[*browser]string{one: "bert", two: "bert", hers: "eve"} {
			if _, err := b.signIn(name, good); err != nil {
				t.Fatal(err)
			}
		}
		var sessions []store.Session
		if err := one.do(func(ctx context.Context) (err error) {
			sessions, err = d.Sessions(ctx, Who{User: d.bert})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(sessions) != 2 {
			t.Fatalf("bert has %d sessions, want 2", len(sessions))
		}
		for _, session := range sessions {
			if session.Current != (session.Address == "10.0.0.1") || session.Browser != "test" {
				t.Errorf("session %+v", session)
			}
			wantCode(t, "ending the session of somebody else", d.store.EndSession(t.Context(), test, eve.ID, session.Handle), berth.NotFound)
			if !session.Current {
				wantCode(t, "ending the own session", d.store.EndSession(t.Context(), test, d.bert.ID, session.Handle), "")
			}
		}
		if one.who().Name != "bert" || two.who().Name != "" || hers.who().Name != "eve" {
			t.Error("not just the one session is over")
		}
	})
}

func TestSecureCookiesOverTLS(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.Options(t, storetest.SQLite))
	handler := d.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := d.SignIn(r.Context(), "bert", good, From{Address: "10.0.0.1"}); err != nil {
			t.Error(err)
		}
	}), nil)
	for target, secure := range map[string]bool{"http://berth.example/": false, "https://berth.example/": true} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, target, nil))
		cookie := recorder.Result().Cookies()[0]
		if cookie.Secure != secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || strings.HasPrefix(cookie.Name, "__Host-") != secure {
			t.Errorf("%s: cookie %s", target, cookie)
		}
	}
}

func TestSessionsEndWhenNobodyUsesThem(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.Options(t, storetest.SQLite))
	b := d.browser("10.0.0.1")
	if _, err := b.signIn("bert", good); err != nil {
		t.Fatal(err)
	}
	d.clock.at = d.clock.at.Add(sessionIdle - time.Minute)
	if b.who().Name != "bert" {
		t.Error("the session is over before its time")
	}
	d.clock.at = d.clock.at.Add(sessionIdle - time.Minute)
	if b.who().Name != "bert" {
		t.Error("the session is over although it was used")
	}
	d.clock.at = d.clock.at.Add(sessionIdle + time.Minute)
	if b.who().Name != "" {
		t.Error("the session holds although nobody used it")
	}
}

func TestARequestThatIsUnderWayDoesNotBringAnEndedSessionBack(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		d := newDesk(t, o)
		for name, end := range map[string]func(*browser) error{
			"signed out": func(b *browser) error { return b.do(d.SignOut) },
			"ended by another one": func(*browser) error {
				_, err := d.store.EndOtherSessions(t.Context(), d.bert.ID, "another one")
				return err
			},
		} {
			b := d.browser("10.0.0.1")
			if _, err := b.signIn("bert", good); err != nil {
				t.Fatal(err)
			}
			other := *b // the same cookie
			err := b.do(func(context.Context) error { return end(&other) })
			if err != nil {
				t.Fatal(err)
			}
			if who := b.who(); who.Name != "" {
				t.Errorf("%s: %s is signed in again", name, who.Name)
			}
		}
	})
}

// Otherwise a session that is left open would do to lock its owner out.
func TestReplacingTheSecondFactorNeedsThePassword(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		d := newDesk(t, o)
		b := d.browser("10.0.0.1")
		if _, err := b.signIn("bert", good); err != nil {
			t.Fatal(err)
		}
		d.enrol(b)
		err := b.do(func(ctx context.Context) error {
			who, err := d.Who(ctx)
			if err != nil {
				return err
			}
			if err := d.BeginSecondFactor(ctx, who.User); err != nil {
				return err
			}
			e, err := d.Enrolment(ctx, who.User)
			if err != nil {
				return err
			}
			for _, proof := range []string{"", "wrong words of mine"} {
				_, err = d.ProveSecondFactor(ctx, who, proof, d.codeOf(e.Seed), b.from)
				wantCode(t, "the password “"+proof+"”", err, berth.Invalid)
			}
			_, err = d.ProveSecondFactor(ctx, who, good, d.codeOf(e.Seed), b.from)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
