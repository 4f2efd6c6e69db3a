package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"berth"
	"berth/internal/auth"
	"berth/internal/store"
	"berth/internal/web/ui"
)

// accessPage is who may do what, and the forms that change it.
type accessPage struct {
	Users, Groups []holdingView
	Link          linkView
	Problem       string // what speaks against the last change
}

type holdingView struct {
	Name, Kind, Icon string // Kind is user or group, as in names of fields
	Grants           []grantView
	Members          []string
	Own              bool // of the one who looks
}

type grantView struct{ Role, Scope, Text string }

// linkView is a one-time sign-in link, shown once.
type linkView struct{ User, URL, Hours string }

const linkTime = 24 * time.Hour

func newHoldingView(kind, icon string, h store.Holding) holdingView {
	v := holdingView{Name: h.Name, Kind: kind, Icon: icon, Members: h.Members}
	for _, g := range h.Grants {
		v.Grants = append(v.Grants, grantView{Role: string(g.Role), Scope: g.Scope, Text: grantText(g)})
	}
	return v
}

func grantText(g berth.Grant) string {
	if g.Scope == "" {
		return string(g.Role) + " everywhere"
	}
	return string(g.Role) + " on " + g.Scope
}

func (s *Server) newAccessPage(r *http.Request) (accessPage, error) {
	list, err := s.store.AccessList(r.Context())
	if err != nil {
		return accessPage{}, err
	}
	var p accessPage
	for _, u := range list.Users {
		v := newHoldingView("user", "user", u)
		v.Own = u.ID == whoIs(r).ID
		p.Users = append(p.Users, v)
	}
	for _, g := range list.Groups {
		p.Groups = append(p.Groups, newHoldingView("group", "users", g))
	}
	return p, nil
}

// getAccess shows who may do what.
func (s *Server) getAccess(w http.ResponseWriter, r *http.Request) error {
	p, err := s.newAccessPage(r)
	if err != nil {
		return err
	}
	return s.renderAccess(w, r, http.StatusOK, p)
}

func (s *Server) renderAccess(w http.ResponseWriter, r *http.Request, status int, p accessPage) error {
	return render(w, r, status, accessView(s.frame(r, "People and access", ui.Settings), p))
}

// changeAccess is a form of the page: it changes something and shows the page again. What a person can mend is said on it.
func (s *Server) changeAccess(change func(r *http.Request, form url.Values) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, _, err := readForm(r)
		if err != nil {
			return err
		}
		if err = change(r, form); err == nil {
			http.Redirect(w, r, "/settings/access", http.StatusSeeOther)
			return nil
		}
		return s.accessProblem(w, r, err)
	}
}

func (s *Server) accessProblem(w http.ResponseWriter, r *http.Request, err error) error {
	message := sentence(err)
	if message == "" {
		return err
	}
	p, listErr := s.newAccessPage(r)
	if listErr != nil {
		return listErr
	}
	p.Problem = message
	return s.renderAccess(w, r, statusOf[berth.CodeOf(err)], p)
}

// postUsers adds an account and shows its sign-in link.
func (s *Server) postUsers(w http.ResponseWriter, r *http.Request) error {
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	u, err := s.store.AddUserWith(r.Context(), actorOf(r), strings.TrimSpace(form.Get("name")), grantOf(form))
	if err != nil {
		return s.accessProblem(w, r, err)
	}
	return s.showLink(w, r, u)
}

// postUserLink makes a new one-time sign-in link of an account and shows it.
func (s *Server) postUserLink(w http.ResponseWriter, r *http.Request) error {
	u, err := s.store.UserByName(r.Context(), r.PathValue("name"))
	if err != nil {
		return s.accessProblem(w, r, err)
	}
	return s.showLink(w, r, u)
}

func (s *Server) showLink(w http.ResponseWriter, r *http.Request, u berth.User) error {
	token, err := s.store.NewSignInLink(r.Context(), u.ID, linkTime)
	if err != nil {
		return err
	}
	event := berth.Event{Actor: whoIs(r).Name, ActorID: whoIs(r).ID, Source: actorOf(r).Source, Action: "user.link", Subject: "user " + u.Name}
	if err := s.store.AddEvent(r.Context(), event); err != nil {
		return err
	}
	p, err := s.newAccessPage(r)
	if err != nil {
		return err
	}
	p.Link = linkView{User: u.Name, URL: s.origin(r) + "/login?link=" + token}
	return renderSecret(w, r, http.StatusOK, accessView(s.frame(r, "People and access", ui.Settings), p))
}

// origin is where the browser behind a request reaches Berth.
func (s *Server) origin(r *http.Request) string {
	scheme := "http"
	if auth.OverTLS(r) {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

func (s *Server) removeUser(r *http.Request, _ url.Values) error {
	return s.store.RemoveUser(r.Context(), actorOf(r), r.PathValue("name"))
}

func (s *Server) addGroup(r *http.Request, form url.Values) error {
	_, err := s.store.AddGroup(r.Context(), actorOf(r), strings.TrimSpace(form.Get("name")))
	return err
}

func (s *Server) removeGroup(r *http.Request, _ url.Values) error {
	return s.store.RemoveGroup(r.Context(), actorOf(r), r.PathValue("name"))
}

func (s *Server) changeMember(r *http.Request, form url.Values) error {
	if form.Has("leave") {
		return s.store.Leave(r.Context(), actorOf(r), r.PathValue("name"), form.Get("user"))
	}
	return s.store.Join(r.Context(), actorOf(r), r.PathValue("name"), form.Get("user"))
}

func (s *Server) changeGrant(r *http.Request, form url.Values) error {
	holder := store.Holder{User: form.Get("user"), Group: form.Get("group")}
	if form.Has("take") {
		return s.store.TakeAway(r.Context(), actorOf(r), holder, form.Get("scope"))
	}
	return s.store.Give(r.Context(), actorOf(r), holder, grantOf(form))
}

func grantOf(form url.Values) berth.Grant {
	return berth.Grant{Role: berth.Role(form.Get("role")), Scope: strings.TrimSpace(form.Get("scope"))}
}
