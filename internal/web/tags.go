package web

import (
	"maps"
	"net/http"
	"slices"

	"berth"
)

// tagsView is the tags of a container, which can be changed in place.
type tagsView struct {
	URL     string // takes what to add and what to remove
	Refusal string // why they cannot be changed now; empty: they can
}

func newTagsView(c *berth.Container, role berth.Role) tagsView {
	v := tagsView{URL: containerPath(c) + "/tags"}
	if refusal := berth.CheckTags(c, role); refusal != nil {
		v.Refusal = refusal.Err.Message
	} else if c.Pending != nil {
		v.Refusal = "Busy: " + berth.Action(c.Pending.Action).During() + " by " + c.Pending.By + "."
	}
	return v
}

// postTags gives a container tags (add) and takes others away (remove).
func (s *Server) postTags(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	change := berth.TagChange{Add: berth.SplitTags(form.Get("add")), Remove: form["remove"]}
	err = s.actions.ChangeTags(r.Context(), actorOf(r), c.Key(), change)
	if message := sentence(err); message != "" {
		return render(w, r, statusOf[berth.CodeOf(err)], tagProblem(fieldMessages(err, message), form.Has("add")))
	}
	if err != nil {
		return err
	}
	w.Header().Set("HX-Trigger", "berth:tags-changed")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// fieldMessages is the message with those of the fields, for a form that has no place beside them.
func fieldMessages(err error, message string) string {
	fields := fieldsOf(err)
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if fields[field] != message {
			message += " " + field + ": " + fields[field]
		}
	}
	return message
}
