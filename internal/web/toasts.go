package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"berth"
)

// toasts tells the outcomes of a user's jobs that ended since the last look.
type toasts struct {
	server *Server
	user   berth.Actor
	since  time.Time
	told   map[string]bool
}

func (s *Server) newToasts(r *http.Request) *toasts {
	return &toasts{server: s, user: actorOf(r), since: s.now(), told: map[string]bool{}}
}

const toastJobs = 20 // jobs looked at for toasts

// send sends the outcomes that were not told yet.
func (t *toasts) send(ctx context.Context, out *stream) error {
	jobs, err := t.server.actions.Jobs(ctx, t.user, jobsOf(t.user.Name), toastJobs)
	if err != nil {
		return err
	}
	var html strings.Builder
	for _, j := range jobs {
		if !j.Ended() || !j.EndedAt.After(t.since) || t.told[j.ID] {
			continue
		}
		t.told[j.ID] = true
		toast, err := toHTML(toastPartial(newJobRow(j, t.server.now())))
		if err != nil {
			return err
		}
		html.WriteString(toast)
	}
	if html.Len() > 0 {
		out.send(newUpdate("", html.String()))
	}
	return nil
}
