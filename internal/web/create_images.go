package web

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"

	"berth"
)

// fetching is an OS image that is being fetched to a storage.
type fetching struct {
	Job    jobRow
	Poll   string // where its state is asked for; empty: it is over
	Line   string // the latest of its log
	Seen   int    // number of that line
	Failed bool
}

// postImages has an OS image fetched, for the form from which it was asked for.
func (s *Server) postImages(w http.ResponseWriter, r *http.Request) error {
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	storage, image := form.Get("to"), form.Get("appliance")
	job, err := s.actions.Download(r.Context(), actorOf(r), form.Get("cluster"), form.Get("node"), storage, image)
	if message := sentence(err); message != "" {
		return render(w, r, statusOf[berth.CodeOf(err)], partialAnew("#fetching", fetchProblem(message)))
	}
	if err != nil {
		return err
	}
	poll := "/containers/new/images/" + job.ID + "?" + url.Values{"fetched": {storage + ":vztmpl/" + image}}.Encode()
	return render(w, r, http.StatusOK, partialAnew("#fetching", fetchState(fetching{Job: newJobRow(job, s.now()), Poll: poll})))
}

// getImages tells how a fetch goes on. When it is over the form gets what the node offers now, with the new image chosen.
func (s *Server) getImages(w http.ResponseWriter, r *http.Request) error {
	job, err := s.actions.Job(r.Context(), actorOf(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	chosen := r.URL.Query()
	f := fetching{Job: newJobRow(job, s.now()), Failed: job.Ended() && job.State != berth.JobSucceeded}
	switch {
	case !job.Ended():
		return s.tellFetch(w, r, f)
	case f.Failed:
		return render(w, r, http.StatusOK, partialAnew("#fetching", fetchState(f)))
	}
	chosen.Set("image", chosen.Get("fetched"))
	c, err := s.readCreateChoices(r, chosen)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, fetchDone(f, c))
}

// tellFetch sends the state and the latest line of the log. Lines from seen on are read, so there always is one once there was.
func (s *Server) tellFetch(w http.ResponseWriter, r *http.Request, f fetching) error {
	seen, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("seen"), "0"))
	if err != nil {
		return berth.Errorf(berth.Invalid, "“seen” is not a number of lines.")
	}
	lines, err := s.store.JobLines(r.Context(), f.Job.ID, max(seen-1, 0), logShown)
	if err != nil {
		return err
	}
	if len(lines) > 0 {
		f.Line, f.Seen = lines[len(lines)-1].Text, lines[len(lines)-1].Number
	}
	return render(w, r, http.StatusOK, partialOf("#fetch-now", fetchNow(f)))
}
