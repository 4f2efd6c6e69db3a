package web

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"berth"
	"berth/internal/fleet"
	"berth/internal/web/ui"
)

// createPage is the form for a new container. What its node offers is loaded after it.
type createPage struct {
	Form     createForm
	Clusters []listChoice
	Nodes    []listChoice
	Scopes   []string // what the container must be like, if the one who asks may not create just any
	Again    string   // what was tried before with these values, and why it failed; empty: nothing
	Problems createProblems
}

// listChoice is something that can be chosen in a list.
type listChoice struct {
	Value, Text        string
	Selected, Disabled bool
}

// createProblems is what is wrong with the form; the page puts each problem beside its field.
type createProblems struct {
	Message string
	Fields  []fieldProblem // in the order of the form
}

type fieldProblem struct{ Field, Label, Message string }

// newCreateProblems tells what err says. Fields that the form does not have are part of the message.
func newCreateProblems(err error) createProblems {
	p := createProblems{Message: sentence(err)}
	return p.with(fieldsOf(err))
}

func (p createProblems) with(fields map[string]string) createProblems {
	for _, f := range createFields {
		if message := fields[f.name]; message != "" {
			p.Fields = append(p.Fields, fieldProblem{f.name, f.label, message})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.ContainsFunc(createFields, func(f createField) bool { return f.name == name }) && fields[name] != p.Message {
			p.Message = strings.TrimSpace(p.Message + " " + name + ": " + fields[name])
		}
	}
	if len(p.Fields) == 1 && p.Fields[0].Message == p.Message {
		p.Message = ""
	}
	return p
}

// mayCreate tells whether the one behind a request may create containers somewhere.
func mayCreate(r *http.Request) bool { return fleet.MayCreate(accessOf(r)) }

// getCreate shows the form: with what most people want, or with the values of a creation that failed.
func (s *Server) getCreate(w http.ResponseWriter, r *http.Request) error {
	spec, again, fields := berth.NewCreateSpec(), "", map[string]string(nil)
	spec.Cluster, spec.Node = r.URL.Query().Get("cluster"), r.URL.Query().Get("node")
	if id := r.URL.Query().Get("again"); id != "" {
		job, err := s.actions.Job(r.Context(), actorOf(r), id)
		if err != nil {
			return err
		}
		before, err := s.actions.Creation(r.Context(), actorOf(r), id)
		if err != nil {
			return err
		}
		spec, fields, again = before.Spec, before.Fields, job.Title+": "+job.Message
	}
	p := s.newCreatePage(r, newCreateForm(spec))
	p.Again, p.Problems = again, createProblems{}.with(fields)
	return s.renderCreate(w, r, http.StatusOK, &p)
}

// newCreatePage fills in what is not chosen yet. The key makes a form that is sent twice create one container.
func (s *Server) newCreatePage(r *http.Request, form createForm) createPage {
	places := s.actions.CreatePlaces(actorOf(r))
	place := placeOf(places, form.Get("cluster"))
	form.Set("cluster", place.Cluster)
	form.Set("node", nodeIn(place, form.Get("node")))
	if !form.Has("key") {
		form.Set("key", uuid.NewString())
	}
	p := createPage{Form: form, Clusters: clusterChoices(places, place.Cluster), Nodes: nodeChoices(place, form.Get("node"))}
	if access := accessOf(r); !access.Everywhere().Includes(berth.RoleOperator) {
		for _, g := range access.Grants() {
			if g.Role.Includes(berth.RoleOperator) {
				p.Scopes = append(p.Scopes, g.Scope)
			}
		}
	}
	return p
}

func (s *Server) renderCreate(w http.ResponseWriter, r *http.Request, status int, p *createPage) error {
	frame := s.frame(r, "New container", ui.Containers)
	frame.Island = "create"
	return render(w, r, status, createView(frame, p))
}

// postCreate asks for the container and leads to its job, or says what is wrong. The page that was filled in stays, so the
// password need not come back.
func (s *Server) postCreate(w http.ResponseWriter, r *http.Request) error {
	values, _, err := readForm(r)
	if err != nil {
		return err
	}
	form := createForm{values}
	job, err := s.create(r, form)
	stays := r.Header.Get("HX-Request") != ""
	switch {
	case err == nil && stays:
		w.Header().Set("HX-Redirect", "/jobs/"+job.ID)
		w.WriteHeader(http.StatusNoContent)
		return nil
	case err == nil:
		http.Redirect(w, r, "/jobs/"+job.ID, http.StatusSeeOther)
		return nil
	case sentence(err) == "":
		return err
	case stays:
		return render(w, r, statusOf[berth.CodeOf(err)], partialAnew("#problems", createProblemList(newCreateProblems(err))))
	}
	p := s.newCreatePage(r, form)
	p.Problems = newCreateProblems(err)
	return s.renderCreate(w, r, statusOf[berth.CodeOf(err)], &p)
}

// create asks for what the form says, once all of it can be read.
func (s *Server) create(r *http.Request, form createForm) (berth.Job, error) {
	spec, unread := form.spec()
	if len(unread) > 0 {
		fields := maps.Clone(fieldsOf(spec.Validate()))
		if fields == nil {
			fields = map[string]string{}
		}
		maps.Copy(fields, unread)
		return berth.Job{}, berth.InvalidFields(fields)
	}
	return s.actions.Create(r.Context(), actorOf(r), spec)
}
