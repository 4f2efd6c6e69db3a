package web

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"berth"
	"berth/internal/auth"
	"berth/internal/web/ui"
)

// loginPage is the form to sign in with; problem says why the last attempt or a link did not work.
type loginPage struct {
	Problem, Name, Next string
	Fields              map[string]string // what is wrong with each
	Token               string            // of a setup link
	Providers           []string          // through which one can sign in
}

// onTheForm tells the errors that are said on the form itself.
func onTheForm(err error) bool {
	switch berth.CodeOf(err) {
	case berth.Unauthenticated, berth.TooMany, berth.Unavailable, berth.Invalid, berth.Conflict:
		return true
	}
	return false
}

func newLoginPage(err error, name, next string) loginPage {
	return loginPage{Problem: sentence(err), Name: name, Next: next, Fields: fieldsOf(err)}
}

// getLogin shows the form to sign in, or signs in with a one-time link (?link=TOKEN).
func (s *Server) getLogin(w http.ResponseWriter, r *http.Request) error {
	next := localPath(r.URL.Query().Get("next"))
	token := r.URL.Query().Get("link")
	if token == "" || r.Method == http.MethodHead { // who asks for the head only looks
		if _, signedIn := currentUser(r); signedIn {
			http.Redirect(w, r, next, http.StatusSeeOther)
			return nil
		}
		return s.renderLogin(w, r, http.StatusOK, loginPage{Next: next})
	}
	_, err := s.auth.SignInWithLink(r.Context(), token, from(r))
	if berth.CodeOf(err) == berth.Unauthenticated {
		return s.renderLogin(w, r, http.StatusUnauthorized, newLoginPage(err, "", next))
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// postLogin signs in with a name and a password. With a second factor it asks for the code next.
func (s *Server) postLogin(w http.ResponseWriter, r *http.Request) error {
	form, err := readFields(r, maxFormBytes)
	if err != nil {
		return err
	}
	name, next := strings.TrimSpace(form.Get("name")), localPath(form.Get("next"))
	needsCode, err := s.auth.SignIn(r.Context(), name, form.Get("password"), from(r))
	switch {
	case onTheForm(err):
		return s.renderLogin(w, r, statusOf[berth.CodeOf(err)], newLoginPage(err, name, next))
	case err != nil:
		return err
	case needsCode:
		next = "/login/code?" + url.Values{"next": {next}}.Encode()
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// getLoginCode asks for the code of the second factor.
func (s *Server) getLoginCode(w http.ResponseWriter, r *http.Request) error {
	if !s.auth.PendingCode(r.Context()) {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return nil
	}
	return render(w, r, http.StatusOK, loginCode(s.frame(r, "Sign in", ui.NoSection), loginPage{Next: localPath(r.URL.Query().Get("next"))}))
}

func (s *Server) postLoginCode(w http.ResponseWriter, r *http.Request) error {
	form, err := readFields(r, maxFormBytes)
	if err != nil {
		return err
	}
	next := localPath(form.Get("next"))
	err = s.auth.SignInWithCode(r.Context(), form.Get("code"), from(r))
	if onTheForm(err) {
		page := newLoginPage(err, "", next)
		if !s.auth.PendingCode(r.Context()) {
			return s.renderLogin(w, r, statusOf[berth.CodeOf(err)], page)
		}
		return render(w, r, statusOf[berth.CodeOf(err)], loginCode(s.frame(r, "Sign in", ui.NoSection), page))
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

func (s *Server) renderLogin(w http.ResponseWriter, r *http.Request, status int, p loginPage) error {
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		return render(w, r, status, login(s.frame(r, "Sign in", ui.NoSection), p)) // there may be thousands of these
	}
	providers, err := s.store.SignOns(r.Context())
	if err != nil {
		return err
	}
	for _, provider := range providers {
		p.Providers = append(p.Providers, provider.Name)
	}
	return render(w, r, status, login(s.frame(r, "Sign in", ui.NoSection), p))
}

// getSignOn leads to a provider, who says who it is.
func (s *Server) getSignOn(w http.ResponseWriter, r *http.Request) error {
	p, _, err := s.store.SignOn(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	if p.Cluster() != "" {
		return s.renderProxmox(w, r, http.StatusOK, loginPage{Providers: []string{p.Name}})
	}
	address, err := s.auth.BeginSignOn(r.Context(), r.PathValue("name"), s.signOnBack(r))
	if err != nil {
		return s.signOnFailed(w, r, err)
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// postSignOn signs in with an account of Proxmox VE.
func (s *Server) postSignOn(w http.ResponseWriter, r *http.Request) error {
	form, err := readFields(r, maxFormBytes)
	if err != nil {
		return err
	}
	name := strings.TrimSpace(form.Get("name"))
	err = s.auth.SignInWithProxmox(r.Context(), r.PathValue("name"), name, form.Get("password"), form.Get("code"), from(r))
	switch {
	case onTheForm(err) || berth.CodeOf(err) == berth.Forbidden:
		page := newLoginPage(err, name, "/")
		page.Providers = []string{r.PathValue("name")}
		return s.renderProxmox(w, r, statusOf[berth.CodeOf(err)], page)
	case err != nil:
		return err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

func (s *Server) renderProxmox(w http.ResponseWriter, r *http.Request, status int, p loginPage) error {
	return render(w, r, status, loginProxmox(s.frame(r, "Sign in", ui.NoSection), p))
}

// getSignOnBack is where the provider sends people back to.
func (s *Server) getSignOnBack(w http.ResponseWriter, r *http.Request) error {
	err := s.auth.FinishSignOn(r.Context(), r.PathValue("name"), s.signOnBack(r), r.URL.Query(), from(r))
	if err != nil {
		return s.signOnFailed(w, r, err)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

func (s *Server) signOnFailed(w http.ResponseWriter, r *http.Request, err error) error {
	code := berth.CodeOf(err)
	if code == "" || code == berth.NotFound {
		return err
	}
	if cause := errors.Unwrap(err); cause != nil {
		s.log.Warn("single sign-on failed", "provider", r.PathValue("name"), "error", cause)
	}
	return s.renderLogin(w, r, statusOf[code], newLoginPage(err, "", "/"))
}

func (s *Server) signOnBack(r *http.Request) string {
	return s.origin(r) + "/login/sso/" + url.PathEscape(r.PathValue("name")) + "/callback"
}

// getSetup is where the link leads that Berth prints while there are no accounts.
func (s *Server) getSetup(w http.ResponseWriter, r *http.Request) error {
	token := r.URL.Query().Get("token")
	err := s.store.CheckSetupLink(r.Context(), token)
	if onTheForm(err) {
		return s.renderLogin(w, r, statusOf[berth.CodeOf(err)], newLoginPage(err, "", "/"))
	}
	if err != nil {
		return err
	}
	return s.renderSetup(w, r, http.StatusOK, loginPage{Token: token})
}

// postSetup makes the first account and signs it in.
func (s *Server) postSetup(w http.ResponseWriter, r *http.Request) error {
	form, err := readFields(r, maxFormBytes)
	if err != nil {
		return err
	}
	name := strings.TrimSpace(form.Get("name"))
	err = s.auth.SetUp(r.Context(), form.Get("token"), name, form.Get("password"), from(r))
	switch {
	case berth.CodeOf(err) == berth.Invalid:
		page := newLoginPage(err, name, "/")
		page.Token = form.Get("token")
		return s.renderSetup(w, r, http.StatusUnprocessableEntity, page)
	case onTheForm(err):
		return s.renderLogin(w, r, statusOf[berth.CodeOf(err)], newLoginPage(err, "", "/"))
	case err != nil:
		return err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

func (s *Server) renderSetup(w http.ResponseWriter, r *http.Request, status int, p loginPage) error {
	return render(w, r, status, setup(s.frame(r, "Welcome", ui.NoSection), p))
}

func (s *Server) postLogout(w http.ResponseWriter, r *http.Request) error {
	if err := s.auth.SignOut(r.Context()); err != nil {
		return err
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

// from is where a request comes from.
func from(r *http.Request) auth.From {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return auth.From{Address: host, Browser: r.UserAgent()}
}

// localPath gives path if it is a path of this site, else the start page: a link must not lead elsewhere.
func localPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return path
}
