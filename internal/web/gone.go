package web

import (
	"net/http"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/store"
	"berth/internal/web/ui"
)

// goneView is what is left of a container that does not exist any more.
type goneView struct {
	Name        string
	GoneAt, Now time.Time // GoneAt is zero where it is not known
	Events      []eventRow
	Older       templ.SafeURL
}

// getContainerByID shows the container with Berth's own id: its page while it lives, else its history.
func (s *Server) getContainerByID(w http.ResponseWriter, r *http.Request, id string) error {
	for _, view := range s.seen(r).Clusters {
		for _, c := range view.Containers {
			if c.ID == id {
				http.Redirect(w, r, containerPath(c), http.StatusSeeOther)
				return nil
			}
		}
	}
	events, _, err := s.actions.Events(r.Context(), actorOf(r), store.EventFilter{ContainerID: id}, "", eventsOnPage)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return berth.Errorf(berth.NotFound, "There is no such container.")
	}
	v := goneView{Name: events[0].Subject, Now: s.now(), Events: s.newEventRows(r, events)}
	if len(events) == eventsOnPage {
		v.Older = auditFilter{ContainerID: id}.address("/audit", "before", events[len(events)-1].ID)
	}
	tracked, err := s.store.TrackedContainer(r.Context(), id)
	switch {
	case err == nil:
		v.Name, v.GoneAt = tracked.Hostname, tracked.GoneAt
	case berth.CodeOf(err) != berth.NotFound: // its cluster is not connected any more
		return err
	}
	return render(w, r, http.StatusOK, gonePage(s.frame(r, v.Name, ui.Containers), v))
}
