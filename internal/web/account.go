package web

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"berth"
	"berth/internal/auth"
	"berth/internal/web/ui"
)

// accountPage is what somebody can change about their own account.
type accountPage struct {
	Name        string
	HasPassword bool
	NeedsProof  bool // the present password is asked for
	HasTOTP     bool
	CodesLeft   int
	Sessions    []sessionView
	Tokens      []tokenView
	NewKey      string            // of a token that was just made; shown once
	Fields      map[string]string // what is wrong with each field of the last form
	Problem     string
	Now         time.Time
}

type sessionView struct {
	Handle, Browser, Address string
	CreatedAt, SeenAt        time.Time
	Current                  bool
}

type tokenView struct {
	ID, Name, Grant, Expires string
	Expired                  bool
	UsedAt                   time.Time
	UsedAddress              string
}

// enrolView is a second factor that is being set up.
type enrolView struct {
	Picture    string // data: URL
	Seed       string // in groups of four
	Problem    string
	NeedsProof bool // it takes the place of another one: the present password is asked for
}

func (s *Server) newAccountPage(r *http.Request, problem error) (accountPage, error) {
	who := whoIs(r)
	p := accountPage{Name: who.Name, Now: s.now(), Problem: sentence(problem), Fields: fieldsOf(problem)}
	proof, err := s.store.ProofOf(r.Context(), who.User)
	if err != nil {
		return p, err
	}
	p.HasPassword, p.HasTOTP = proof.PasswordHash != "", proof.HasTOTP
	if p.NeedsProof, err = s.auth.NeedsProof(r.Context(), who); err != nil {
		return p, err
	}
	if p.CodesLeft, err = s.store.CountRecoveryCodes(r.Context(), who.ID); err != nil {
		return p, err
	}
	sessions, err := s.auth.Sessions(r.Context(), who)
	for _, session := range sessions {
		p.Sessions = append(p.Sessions, sessionView{Handle: session.Handle, Browser: browserName(session.Browser), Address: session.Address,
			CreatedAt: session.CreatedAt, SeenAt: session.SeenAt, Current: session.Current})
	}
	if err != nil {
		return p, err
	}
	tokens, err := s.store.Tokens(r.Context(), who.ID)
	for _, t := range tokens {
		p.Tokens = append(p.Tokens, newTokenView(t, p.Now))
	}
	return p, err
}

func newTokenView(t berth.APIToken, now time.Time) tokenView {
	v := tokenView{ID: t.ID, Name: t.Name, Grant: grantText(t.Grant), Expires: "never expires", Expired: t.Expired(now), UsedAt: t.UsedAt, UsedAddress: t.UsedAddress}
	day := t.ExpiresAt.In(now.Location()).Format(time.DateOnly)
	switch {
	case v.Expired:
		v.Expires = "expired " + day
	case !t.ExpiresAt.IsZero():
		v.Expires = "until " + day
	}
	return v
}

func (s *Server) getAccount(w http.ResponseWriter, r *http.Request) error {
	return s.showAccount(w, r, nil)
}

// showAccount shows the page, with why the last change was refused.
func (s *Server) showAccount(w http.ResponseWriter, r *http.Request, problem error) error {
	if problem != nil && sentence(problem) == "" {
		return problem
	}
	p, err := s.newAccountPage(r, problem)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if problem != nil {
		status = statusOf[berth.CodeOf(problem)]
	}
	return render(w, r, status, accountView(s.frame(r, "Your account", ui.Account), p))
}

// done goes back to the account after a change that worked, else says why it did not.
func (s *Server) done(w http.ResponseWriter, r *http.Request, err error) error {
	if err != nil {
		return s.showAccount(w, r, err)
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}

func (s *Server) postPassword(w http.ResponseWriter, r *http.Request) error {
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	return s.done(w, r, s.auth.SetPassword(r.Context(), whoIs(r), form.Get("proof"), form.Get("password"), from(r)))
}

// postSecondFactor begins to set up a second factor.
func (s *Server) postSecondFactor(w http.ResponseWriter, r *http.Request) error {
	if err := s.auth.BeginSecondFactor(r.Context(), whoIs(r).User); err != nil {
		return s.done(w, r, err)
	}
	http.Redirect(w, r, "/account/second-factor", http.StatusSeeOther)
	return nil
}

// getSecondFactor shows what the authenticator app needs, until a code of it has proved that it works.
func (s *Server) getSecondFactor(w http.ResponseWriter, r *http.Request) error {
	return s.showEnrolment(w, r, http.StatusOK, "")
}

func (s *Server) showEnrolment(w http.ResponseWriter, r *http.Request, status int, problem string) error {
	e, err := s.auth.Enrolment(r.Context(), whoIs(r).User)
	if berth.CodeOf(err) == berth.NotFound {
		http.Redirect(w, r, "/account", http.StatusSeeOther)
		return nil
	}
	if err != nil {
		return err
	}
	v := newEnrolView(e, problem)
	kept, err := s.store.ProofOf(r.Context(), whoIs(r).User)
	if err == nil && kept.HasTOTP {
		v.NeedsProof, err = s.auth.NeedsProof(r.Context(), whoIs(r))
	}
	if err != nil {
		return err
	}
	return renderSecret(w, r, status, enrolPage(s.frame(r, "Second factor", ui.Account), v))
}

func newEnrolView(e auth.Enrolment, problem string) enrolView {
	var groups []string
	for seed := e.Seed; seed != ""; {
		n := min(4, len(seed))
		groups, seed = append(groups, seed[:n]), seed[n:]
	}
	return enrolView{Picture: "data:image/png;base64," + base64.StdEncoding.EncodeToString(e.QR), Seed: strings.Join(groups, " "), Problem: problem}
}

// postProveSecondFactor makes the second factor count, and shows its recovery codes once.
func (s *Server) postProveSecondFactor(w http.ResponseWriter, r *http.Request) error {
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	codes, err := s.auth.ProveSecondFactor(r.Context(), whoIs(r), form.Get("proof"), form.Get("code"), from(r))
	if message := sentence(err); message != "" {
		return s.showEnrolment(w, r, statusOf[berth.CodeOf(err)], message)
	}
	if err != nil {
		return err
	}
	return renderSecret(w, r, http.StatusOK, recoveryPage(s.frame(r, "Recovery codes", ui.Account), codes))
}

func (s *Server) postRemoveSecondFactor(w http.ResponseWriter, r *http.Request) error {
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	return s.done(w, r, s.auth.RemoveSecondFactor(r.Context(), whoIs(r), form.Get("proof"), from(r)))
}

// postTokens makes an API token and shows its key once.
func (s *Server) postTokens(w http.ResponseWriter, r *http.Request) error {
	form, user, err := readForm(r)
	if err != nil {
		return err
	}
	t := berth.APIToken{UserID: user.ID, User: user.Name, Name: strings.TrimSpace(form.Get("name")), Grant: grantOf(form)}
	if text := form.Get("days"); text != "" {
		days, err := strconv.Atoi(text)
		if err != nil || days < 1 || days > longestToken {
			return s.showAccount(w, r, berth.Errorf(berth.Invalid, "A token expires in 1 to %d days, or never.", longestToken))
		}
		t.ExpiresAt = s.now().Add(time.Duration(days) * 24 * time.Hour)
	}
	key, err := s.store.AddToken(r.Context(), actorOf(r), t)
	if err != nil {
		return s.showAccount(w, r, err)
	}
	p, err := s.newAccountPage(r, nil)
	if err != nil {
		return err
	}
	p.NewKey = key
	return renderSecret(w, r, http.StatusOK, accountView(s.frame(r, "Your account", ui.Account), p))
}

const longestToken = 3650 // days

func (s *Server) postRevokeToken(w http.ResponseWriter, r *http.Request) error {
	who := whoIs(r)
	tokens, err := s.store.Tokens(r.Context(), who.ID)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if t.ID == r.PathValue("id") {
			return s.done(w, r, s.store.RevokeToken(r.Context(), actorOf(r), t))
		}
	}
	return s.done(w, r, berth.Errorf(berth.NotFound, "There is no such token."))
}

func (s *Server) postEndSession(w http.ResponseWriter, r *http.Request) error {
	return s.done(w, r, s.store.EndSession(r.Context(), actorOf(r), whoIs(r).ID, r.PathValue("id")))
}

// browserName says which browser it is, as far as that can be told: "Firefox on Linux".
func browserName(agent string) string {
	find := func(names ...string) string {
		for i := 0; i+1 < len(names); i += 2 {
			if strings.Contains(agent, names[i]) {
				return names[i+1]
			}
		}
		return ""
	}
	browser := find("Edg/", "Edge", "OPR/", "Opera", "Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari", "curl/", "curl")
	system := find("Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Windows", "Windows", "Mac OS X", "macOS", "Linux", "Linux")
	switch {
	case browser == "":
		return "Another program"
	case system == "":
		return browser
	}
	return browser + " on " + system
}

// fieldsOf is what err says of each field of a form.
func fieldsOf(err error) map[string]string {
	if e, ok := errors.AsType[*berth.Error](err); ok {
		return e.Fields
	}
	return nil
}

func codesLeft(n int) string {
	switch n {
	case 0:
		return "No recovery code is left: set it up again to get new ones."
	case 1:
		return "1 recovery code is left."
	}
	return strconv.Itoa(n) + " recovery codes are left."
}
