package web

import (
	"net/http"
	"strings"

	"berth"
	"berth/internal/web/ui"
)

// getLogin signs in with a one-time link (?link=TOKEN), or tells how to get one.
func (s *Server) getLogin(w http.ResponseWriter, r *http.Request) error {
	next := localPath(r.URL.Query().Get("next"))
	token := r.URL.Query().Get("link")
	if token == "" {
		if _, signedIn := currentUser(r); signedIn {
			http.Redirect(w, r, next, http.StatusSeeOther)
			return nil
		}
		return render(w, r, http.StatusOK, login(s.frame(r, "Sign in", ui.NoSection), ""))
	}
	_, err := s.auth.SignInWithLink(r.Context(), token)
	if berth.CodeOf(err) == berth.Unauthenticated {
		return render(w, r, http.StatusUnauthorized, login(s.frame(r, "Sign in", ui.NoSection), sentence(err)))
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

func (s *Server) postLogout(w http.ResponseWriter, r *http.Request) error {
	if err := s.auth.SignOut(r.Context()); err != nil {
		return err
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

// localPath gives path if it is a path of this site, else the start page: a link must not lead elsewhere.
func localPath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return path
}
