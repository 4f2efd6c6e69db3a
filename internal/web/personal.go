package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"berth"
)

// viewsMenu is the user's saved views and the shared ones, and what is needed to save the one that is shown.
type viewsMenu struct {
	Current  string // parameters of what is shown
	Links    []savedLink
	MayShare bool
	Home     bool // what is shown is what / opens with
}

type savedLink struct {
	ID, Name, Owner string
	Href            templ.SafeURL
	Selected        bool
	Mine            bool
}

// preferences reads what the user behind a request chose; nothing when nobody is signed in.
func (s *Server) preferences(r *http.Request) (preferences, error) {
	user, ok := currentUser(r)
	if !ok {
		return preferences{}, nil
	}
	return s.store.Preferences(r.Context(), user.ID)
}

// homeView gives the parameters that / opens with for this user; empty when the request says what it wants, or the user
// chose none.
func (s *Server) homeView(r *http.Request) (string, error) {
	if r.URL.Path != "/" || r.URL.RawQuery != "" {
		return "", nil
	}
	chosen, err := s.preferences(r)
	return chosen[homePreference], err
}

func (s *Server) savedViews(r *http.Request, params viewParams) (viewsMenu, error) {
	menu := viewsMenu{Current: params.values().Encode()}
	user, ok := currentUser(r)
	if !ok {
		return menu, nil
	}
	saved, err := s.store.SavedViews(r.Context(), user.ID)
	if err != nil {
		return menu, err
	}
	chosen, err := s.preferences(r)
	if err != nil {
		return menu, err
	}
	menu.Home = menu.Current != "" && menu.Current == chosen[homePreference]
	access := accessOf(r)
	menu.MayShare = access.Everywhere().Includes(berth.RoleOperator)
	for _, v := range saved {
		if v.OwnerID != user.ID && access.Limited() { // names and queries tell of what is out of sight
			continue
		}
		link := savedLink{ID: v.ID, Name: v.Name, Mine: v.OwnerID == user.ID, Selected: v.Params == menu.Current,
			Href: templ.SafeURL("/containers?" + v.Params)}
		if !link.Mine {
			link.Owner = v.Owner
		}
		menu.Links = append(menu.Links, link)
	}
	return menu, nil
}

// postPreferences keeps the layout, the columns or the default view, and goes back to where the user was.
func (s *Server) postPreferences(w http.ResponseWriter, r *http.Request) error {
	form, user, err := readForm(r)
	if err != nil {
		return err
	}
	kept := map[string]string{}
	switch {
	case form.Has("layout"):
		if l := layout(form.Get("layout")); l != cardLayout && l != tableLayout {
			return berth.Errorf(berth.Invalid, "“%s” is not a layout; choose cards or table.", l)
		}
		kept[layoutPreference] = form.Get("layout")
	case form.Has("columns"):
		kept[columnsPreference] = strings.Join(knownColumns(form["columns"]), ",")
	case form.Has("home"):
		params, err := cleanParams(form.Get("home"))
		if err != nil {
			return err
		}
		kept[homePreference] = params
	default:
		return berth.Errorf(berth.Invalid, "Nothing was chosen.")
	}
	for name, value := range kept {
		if err := s.store.SetPreference(r.Context(), user.ID, name, value); err != nil {
			return err
		}
	}
	return goBack(w, r)
}

// postViews keeps what is shown as a view with a name.
func (s *Server) postViews(w http.ResponseWriter, r *http.Request) error {
	form, user, err := readForm(r)
	if err != nil {
		return err
	}
	params, err := cleanParams(form.Get("params"))
	if err != nil {
		return err
	}
	v := berth.SavedView{OwnerID: user.ID, Name: strings.TrimSpace(form.Get("name")), Params: params, Shared: form.Get("shared") != ""}
	if v.Shared && !accessOf(r).Everywhere().Includes(berth.RoleOperator) {
		return berth.Errorf(berth.Forbidden, "A view for everybody takes the role %s everywhere.", berth.RoleOperator)
	}
	if err := s.store.SaveView(r.Context(), v); err != nil {
		return err
	}
	http.Redirect(w, r, "/containers?"+params, http.StatusSeeOther)
	return nil
}

func (s *Server) postRemoveView(w http.ResponseWriter, r *http.Request) error {
	_, user, err := readForm(r)
	if err != nil {
		return err
	}
	if err := s.store.RemoveView(r.Context(), user.ID, r.PathValue("id")); err != nil {
		return err
	}
	return goBack(w, r)
}

const maxFormBytes = 64 << 10

// readFields reads the form of a request, from whomever, of at most so many bytes.
func readFields(r *http.Request, most int64) (url.Values, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, most)
	err := r.ParseForm()
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, berth.Errorf(berth.TooLarge, "The form has more than %d kB.", most>>10)
	}
	if err != nil {
		return nil, berth.Errorf(berth.Invalid, "The form cannot be read.")
	}
	return r.PostForm, nil
}

// readForm reads the form of somebody who is signed in.
func readForm(r *http.Request) (url.Values, berth.User, error) { return readFormOf(r, maxFormBytes) }

func readFormOf(r *http.Request, most int64) (url.Values, berth.User, error) {
	form, err := readFields(r, most)
	if err != nil {
		return nil, berth.User{}, err
	}
	user, ok := currentUser(r)
	if !ok {
		return nil, berth.User{}, berth.Errorf(berth.Unauthenticated, "Sign in first.")
	}
	return form, user, nil
}

// cleanParams gives the parameters of a view as the dashboard writes them, without anything else.
func cleanParams(text string) (string, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return "", berth.Errorf(berth.Invalid, "This is not a view.")
	}
	params, err := parseViewParams(values, preferences{})
	if err != nil {
		return "", err
	}
	return params.values().Encode(), nil
}

// goBack sends the browser to the page that it came from, if that is one of ours, else to the start.
func goBack(w http.ResponseWriter, r *http.Request) error {
	back := "/"
	if from, err := url.Parse(r.Referer()); err == nil && from.Host == r.Host {
		back = localPath(from.RequestURI())
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
	return nil
}
