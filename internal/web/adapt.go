package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/auth"
	"berth/internal/fleet"
	"berth/internal/web/ui"
)

type contextKey int

const (
	whoKey contextKey = iota
	requestIDKey
)

// adapt checks who may use the route, runs its handler, and turns an error into a page.
func (s *Server) adapt(route route) http.Handler {
	if strings.HasPrefix(route.pattern, "GET /static/") {
		return s.plain(route.handle)
	}
	withSession := s.auth.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := s.auth.Who(r.Context())
		s.serve(w, r, route, who, err)
	}), s.fail)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, program := bearerKey(r)
		if !program || route.needs == anybody {
			withSession.ServeHTTP(w, r)
			return
		}
		who, err := s.bearer(r, key, route)
		s.serve(w, r, route, who, err)
	})
}

// serve runs the handler of a route for who, if they may use it; err is why it is not known who it is.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, route route, who auth.Who, err error) {
	if err == nil {
		r = r.WithContext(context.WithValue(r.Context(), whoKey, who))
	}
	if route.needs != anybody {
		if err == nil {
			err = route.needs.refusal(who.Access)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
	}
	s.plain(route.handle).ServeHTTP(w, r)
}

// bearer gives the one who has the API token of a request. A token is for looking at containers and acting on them: what
// is about the account of its user, or about Berth itself, takes a person.
func (s *Server) bearer(r *http.Request, key string, route route) (auth.Who, error) {
	if route.needs != viewer && route.needs != operator {
		return auth.Who{}, berth.Errorf(berth.Forbidden, "This cannot be done with an API token.")
	}
	return s.auth.WhoHas(r.Context(), key, from(r).Address)
}

// bearerKey gives the API token of a request. Other kinds of authorization are those of a proxy.
func bearerKey(r *http.Request) (key string, given bool) {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(key), strings.EqualFold(scheme, "Bearer")
}

func (s *Server) plain(handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// currentUser gives the user behind a request, if somebody is signed in.
func currentUser(r *http.Request) (berth.User, bool) {
	who, ok := r.Context().Value(whoKey).(auth.Who)
	return who.User, ok
}

// whoIs gives the one behind a request; the zero value, who may do nothing, when nobody is signed in.
func whoIs(r *http.Request) auth.Who {
	who, _ := r.Context().Value(whoKey).(auth.Who)
	return who
}

// accessOf is what the one behind a request may do.
func accessOf(r *http.Request) berth.Access { return whoIs(r).Access }

// actorOf is the one behind a request, for what they ask to be done.
func actorOf(r *http.Request) berth.Actor { return whoIs(r).Actor() }

// seen is what the one behind a request may know of the fleet. Pages have no other way to it.
func (s *Server) seen(r *http.Request) *fleet.Snapshot { return s.fleet.Snapshot().For(accessOf(r)) }

var statusOf = map[berth.Code]int{
	berth.Invalid: http.StatusUnprocessableEntity, berth.NotFound: http.StatusNotFound, berth.Conflict: http.StatusConflict,
	berth.Unauthenticated: http.StatusUnauthorized, berth.Forbidden: http.StatusForbidden, berth.Unavailable: http.StatusServiceUnavailable,
	berth.TooMany: http.StatusTooManyRequests, berth.TooLarge: http.StatusRequestEntityTooLarge,
}

// fail answers with the page for err: what a person can act on in its own words, anything else as our fault with the
// request's id, which the log has together with the whole chain.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the browser has gone
	}
	e, ok := errors.AsType[*berth.Error](err)
	if !ok {
		id, _ := r.Context().Value(requestIDKey).(string)
		s.log.Error("request failed", "request", id, "method", r.Method, "path", r.URL.Path, "error", err)
		e = &berth.Error{Message: "Something went wrong on our side. The log has it as request " + id + "."}
	}
	status, known := statusOf[e.Code]
	if !known {
		status = http.StatusInternalServerError
	}
	if _, program := bearerKey(r); program {
		failProgram(w, status, e)
		return
	}
	if e.Code == berth.Unauthenticated && r.Method == http.MethodGet && r.Header.Get("HX-Request") == "" && r.URL.Path != "/login" && !strings.HasSuffix(r.URL.Path, "/live") {
		http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	page := errorPage{Title: errorTitles[status], Message: e.Message, SignIn: e.Code == berth.Unauthenticated}
	answer := failure(s.frame(r, page.Title, ui.NoSection), page)
	if r.Header.Get("HX-Request") != "" {
		answer = sheetProblem(e.Message, false) // a part of a page was asked for
	}
	if err := render(w, r, status, answer); err != nil {
		s.log.Error("cannot show an error", "error", err)
	}
}

// failProgram answers a request with an API token.
func failProgram(w http.ResponseWriter, status int, e *berth.Error) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="Berth"`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": e.Code, "message": e.Message, "fields": e.Fields}) // the program has gone: nobody to tell
}

type errorPage struct {
	Title, Message string
	SignIn         bool
}

var errorTitles = map[int]string{
	http.StatusUnprocessableEntity: "That cannot be read", http.StatusNotFound: "Not found", http.StatusConflict: "That is not possible now",
	http.StatusUnauthorized: "Sign in", http.StatusForbidden: "Not allowed", http.StatusServiceUnavailable: "Not available now",
	http.StatusInternalServerError: "Something went wrong", http.StatusTooManyRequests: "Too often", http.StatusRequestEntityTooLarge: "Too much",
}

func forbiddenOrigin() error {
	return berth.Errorf(berth.Forbidden, "This request came from another site and was refused.")
}

// frame is the frame of a page for whoever asks.
func (s *Server) frame(r *http.Request, title string, section ui.Section) ui.Page {
	p := ui.Page{Title: title, Section: section, NowMS: s.now().UnixMilli()}
	if user, ok := currentUser(r); ok {
		p.User, p.Admin = user.Name, accessOf(r).Everywhere().Includes(berth.RoleAdmin)
	}
	if c, err := r.Cookie("berth_theme"); err == nil && (c.Value == "light" || c.Value == "dark") {
		p.Theme = c.Value
	}
	return p
}

// render writes a page once it is complete, so that a failure on the way never shows half a page.
func render(w http.ResponseWriter, r *http.Request, status int, page templ.Component) error {
	return renderAround(w, r, status, page, zippedPart{})
}

// renderSecret is render of a page that shows a secret: it is not compressed, because the length of a compressed page tells
// a little of what is in it.
func renderSecret(w http.ResponseWriter, r *http.Request, status int, page templ.Component) error {
	plain := r.Clone(r.Context())
	plain.Header.Del("Accept-Encoding")
	return render(w, plain, status, page)
}

// renderAround is render of a page that has the part in it.
func renderAround(w http.ResponseWriter, r *http.Request, status int, page templ.Component, part zippedPart) error {
	var b bytes.Buffer
	if part.length > 0 {
		b.Grow(part.length + frameSize)
	}
	if err := page.Render(r.Context(), &b); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Encoding")
	if acceptsGzip(r) {
		writeZipped(w, status, zipAround(b.Bytes(), part))
		return nil
	}
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the browser has gone: nobody to tell
	return nil
}

const frameSize = 64 << 10 // of a page without its list, roughly

// secured sets the headers that keep a page from doing what it never needs to do.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// ownReads refuses what another site reads in the background, such as our event streams. That people come here from other
// sites is fine. What changes something is refused by the protection of net/http.
func (s *Server) ownReads(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, mode := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Sec-Fetch-Mode")
		if (from == "cross-site" || from == "same-site") && mode != "navigate" {
			s.fail(w, r, forbiddenOrigin())
			return
		}
		if origin := r.Header.Get("Origin"); from == "" && origin != "" && !ownOrigin(origin, r.Host) { // an old browser
			s.fail(w, r, forbiddenOrigin())
			return
		}
		next.ServeHTTP(w, r)
	})
}

func ownOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host == host
}

const maxBody = maxBulkBytes // of any request

// small refuses requests whose body is larger than any that a page sends, before it is read.
func (s *Server) small(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBody {
			w.Header().Set("Connection", "close")
			s.fail(w, r, berth.Errorf(berth.TooLarge, "A request has at most %d kB.", maxBody>>10))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// withRequestID gives every request an id by which the log can be searched.
func (s *Server) withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()[:12]
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey, id)))
	})
}

// sentence is what err tells a person; empty if it is not for one.
func sentence(err error) string {
	if e, ok := errors.AsType[*berth.Error](err); ok {
		return e.Message
	}
	return ""
}
