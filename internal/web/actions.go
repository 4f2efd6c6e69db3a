package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"berth"
	"berth/internal/fleet"
)

// sheetView is what the dialog of actions shows of one container.
type sheetView struct {
	Hostname, Place string
	Path            string // of the container
	Choices         []actionChoice
}

// actionChoice is an action that is offered, or why it is not.
type actionChoice struct {
	Action            berth.Action
	Title, Icon, Hint string
	URL               string // of its confirmation, or of the action itself when it asks nothing
	Asks              bool
	Refusal           string // empty: possible
	Danger            bool
}

// confirmView is the question before an action.
type confirmView struct {
	Hostname, Place, Title, Text, Button string
	Action                               berth.Action
	URL                                  string
	Running                              bool
	TypeName                             bool // the hostname must be typed
}

var actionTitles = map[berth.Action][2]string{ // title, icon
	berth.ActionStart: {"Start", "circle-play"}, berth.ActionShutdown: {"Shut down", "power"}, berth.ActionStop: {"Stop", "circle-stop"},
	berth.ActionReboot: {"Reboot", "rotate-cw"}, berth.ActionDelete: {"Delete", "trash-2"},
}

var actionHints = map[berth.Action]string{
	berth.ActionStart: "Boots it now", berth.ActionShutdown: "Asks its processes to end", berth.ActionStop: "Kills it at once",
	berth.ActionReboot: "Shuts it down and starts it again", berth.ActionDelete: "Removes it and its disks",
}

var actionTexts = map[berth.Action]string{
	berth.ActionStart:    "It is booted now.",
	berth.ActionShutdown: "Its processes are asked to end, and may finish what they do.",
	berth.ActionStop:     "All its processes are killed at once. What they have not saved is lost.",
	berth.ActionReboot:   "It is shut down and started again. Changes of its configuration that wait for a restart are applied.",
	berth.ActionDelete:   "The container, its disks and its snapshots are destroyed. Backups are kept. This cannot be undone.",
}

func offeredActions() []berth.Action {
	return []berth.Action{berth.ActionStart, berth.ActionShutdown, berth.ActionStop, berth.ActionReboot, berth.ActionDelete}
}

func newSheetView(c *berth.Container, role berth.Role) sheetView {
	v := sheetView{Hostname: hostname(c), Place: placeText(c), Path: containerPath(c)}
	for _, action := range offeredActions() {
		v.Choices = append(v.Choices, newActionChoice(c, action, role))
	}
	return v
}

func newActionChoice(c *berth.Container, action berth.Action, role berth.Role) actionChoice {
	title := actionTitles[action]
	choice := actionChoice{Action: action, Title: title[0], Icon: title[1], Hint: actionHints[action], Asks: action != berth.ActionStart,
		URL: containerPath(c) + "/actions/" + string(action), Danger: action == berth.ActionDelete || action == berth.ActionStop}
	request := berth.ActionRequest{Action: action, StopFirst: true}
	if c.Pending != nil {
		choice.Refusal = "Busy: " + berth.Action(c.Pending.Action).During() + " by " + c.Pending.By + "."
	} else if refusal := request.Check(c, role); refusal != nil {
		choice.Refusal = refusal.Err.Message
	}
	return choice
}

func newConfirmView(c *berth.Container, action berth.Action) confirmView {
	title := actionTitles[action]
	return confirmView{Hostname: hostname(c), Place: placeText(c), Title: title[0] + " " + hostname(c) + "?", Text: actionTexts[action], Button: title[0],
		Action: action, URL: containerPath(c) + "/actions/" + string(action), Running: c.Live == berth.LiveRunning, TypeName: action == berth.ActionDelete}
}

func placeText(c *berth.Container) string {
	return "VMID " + strconv.Itoa(c.VMID) + " on " + c.Node + ", cluster " + c.Cluster
}

// cardActions is what the card and the page of a container offer at once: the usual action, and everything.
func cardActions(c *berth.Container) []berth.Action {
	switch {
	case c.Pending != nil:
		return nil
	case c.Live == berth.LiveStopped && c.Unknown == "" && !c.PVETemplate:
		return []berth.Action{berth.ActionStart}
	case c.Live == berth.LiveRunning && c.Unknown == "":
		return []berth.Action{berth.ActionShutdown}
	}
	return nil
}

// named gives the container that a request is about.
func (s *Server) named(r *http.Request) (*berth.Container, error) {
	cluster, vmid, err := parseContainerID(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	c, ok := s.seen(r).Find(cluster, vmid)
	if !ok {
		return nil, berth.Errorf(berth.NotFound, "No connected cluster has a container %s:%d (any more).", cluster, vmid)
	}
	return c, nil
}

// getActions shows what can be done to a container, and why the rest cannot.
func (s *Server) getActions(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, actionSheet(newSheetView(c, accessOf(r).On(c))))
}

// getAction asks before an action.
func (s *Server) getAction(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	action := berth.Action(r.PathValue("action"))
	if _, known := actionTexts[action]; !known {
		return berth.Errorf(berth.NotFound, "There is no question before “%s”.", action)
	}
	if choice := newActionChoice(c, action, accessOf(r).On(c)); choice.Refusal != "" {
		return render(w, r, http.StatusOK, refusalSheet(choice, placeText(c)))
	}
	return render(w, r, http.StatusOK, confirmSheet(newConfirmView(c, action)))
}

// postAction asks for an action. What speaks against it is said in the dialog; otherwise the dialog closes and the card
// tells how it goes on.
func (s *Server) postAction(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	request, err := newActionRequest(berth.Action(r.PathValue("action")), c, form)
	if err == nil {
		_, err = s.actions.Do(r.Context(), actorOf(r), c.Key(), request)
	}
	if message := sentence(err); message != "" {
		return render(w, r, statusOf[berth.CodeOf(err)], sheetProblem(message, form.Has("asked")))
	}
	if err != nil {
		return err
	}
	w.Header().Set("HX-Trigger", "berth:close-sheet")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

const longestShutdown = 3600 // seconds

func newActionRequest(action berth.Action, c *berth.Container, form url.Values) (berth.ActionRequest, error) {
	request := berth.ActionRequest{Action: action, ThenStop: form.Has("then-stop"), StopFirst: form.Has("stop-first"), Purge: form.Has("purge")}
	if action == berth.ActionDelete && strings.TrimSpace(form.Get("name")) != hostname(c) {
		return request, berth.Errorf(berth.Invalid, "Type %s to delete it.", hostname(c))
	}
	if text := form.Get("timeout"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 1 || seconds > longestShutdown {
			return request, berth.Errorf(berth.Invalid, "A shutdown may take 1 to %d seconds.", longestShutdown)
		}
		request.Timeout = time.Duration(seconds) * time.Second
	}
	return request, nil
}

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

// bulkView is what an action would do to many containers.
type bulkView struct {
	Title, Button string
	Action        berth.Action
	Keys          string // separated by commas
	Acts          int
	Not           []fleet.BulkReasons
}

// postBulk first says what an action would do to the selected containers, or to all that match a query, and does it once
// that is confirmed.
func (s *Server) postBulk(w http.ResponseWriter, r *http.Request) error {
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	action := berth.Action(form.Get("action"))
	title, known := actionTitles[action]
	if !known || action == berth.ActionDelete {
		return berth.Errorf(berth.Invalid, "“%s” cannot be done to many containers.", action)
	}
	keys := strings.FieldsFunc(form.Get("keys"), func(r rune) bool { return r == ',' })
	if form.Get("all") != "" {
		q, err := berth.ParseQuery(form.Get("q"))
		if err != nil {
			return err
		}
		keys = s.actions.Keys(actorOf(r), q)
	}
	request := berth.ActionRequest{Action: action}
	if form.Get("confirmed") == "" {
		plan := s.actions.Plan(actorOf(r), keys, request)
		v := bulkView{Title: title[0] + " " + containers(len(keys)), Button: title[0] + " " + strconv.Itoa(plan.Acts), Action: action, Keys: strings.Join(keys, ","), Acts: plan.Acts, Not: plan.Not}
		return render(w, r, http.StatusOK, bulkSheet(v))
	}
	job, err := s.actions.Bulk(r.Context(), actorOf(r), keys, request, 0)
	if message := sentence(err); message != "" {
		return render(w, r, statusOf[berth.CodeOf(err)], sheetProblem(message, form.Has("asked")))
	}
	if err != nil {
		return err
	}
	w.Header().Set("HX-Redirect", "/jobs/"+job.ID)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
