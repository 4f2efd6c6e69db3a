package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"berth"
	"berth/internal/fleet"
)

// bulkView is what an action would do to many containers.
type bulkView struct {
	offer
	Heading, Button string
	Keys            string // separated by commas
	Acts            int
	Effects         []bulkEffect
	Deletes         bool
	StopFirst       bool
	Purge           bool
	Confirm         string // what must be typed; empty: nothing
}

// bulkEffect is what happens to containers in the same state.
type bulkEffect struct {
	Text  string
	Acts  bool
	Names []string
	More  string // how many more there are than Names
}

const (
	namesShown   = 30
	maxBulkBytes = 1 << 20 // of a form that names containers
)

// inBulk tells whether people are offered it for many containers at once.
func (o offer) inBulk() bool {
	switch o.Name {
	case "start", "shutdown", "stop", "reboot", "delete":
		return true
	}
	return false
}

// postBulk first says what an action would do to the selected containers, or to all that match a query, and does it once
// that is confirmed.
func (s *Server) postBulk(w http.ResponseWriter, r *http.Request) error {
	form, _, err := readFormOf(r, maxBulkBytes)
	if err != nil {
		return err
	}
	o, err := offerNamed(form.Get("action"))
	if err != nil || !o.inBulk() {
		return berth.Errorf(berth.Invalid, "“%s” cannot be done to many containers.", form.Get("action"))
	}
	keys, err := s.chosenKeys(r, form)
	if err != nil {
		return err
	}
	request, err := chosenRequest(o, form)
	if form.Get("confirmed") == "" && err == nil {
		return render(w, r, http.StatusOK, bulkSheet(newBulkView(o, s.actions.Plan(actorOf(r), keys, request), request)))
	}
	var job berth.Job
	if err == nil {
		job, err = s.bulk(r, o, keys, request, form)
	}
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

// bulk does what was confirmed, unless the number that was typed is not the number that it would be done to by now.
func (s *Server) bulk(r *http.Request, o offer, keys []string, request berth.ActionRequest, form url.Values) (berth.Job, error) {
	if want := bulkConfirm(o, s.actions.Plan(actorOf(r), keys, request).Acts); want != "" && strings.TrimSpace(form.Get("name")) != want {
		return berth.Job{}, berth.Errorf(berth.Invalid, "Type %s to delete them.", want)
	}
	return s.actions.Bulk(r.Context(), actorOf(r), keys, request, 0)
}

// chosenKeys are the keys of the containers that are selected one by one, or that match the query.
func (s *Server) chosenKeys(r *http.Request, form url.Values) ([]string, error) {
	if form.Get("all") == "" {
		return strings.FieldsFunc(form.Get("keys"), func(r rune) bool { return r == ',' }), nil
	}
	q, err := berth.ParseQuery(form.Get("q"))
	if err != nil {
		return nil, err
	}
	return s.actions.Keys(actorOf(r), q), nil
}

func newBulkView(o offer, plan fleet.BulkPlan, request berth.ActionRequest) bulkView {
	v := bulkView{offer: o, Heading: o.Title + " " + containers(len(plan.Items)) + "?", Button: o.Title + " " + strconv.Itoa(plan.Acts), Acts: plan.Acts,
		Deletes: o.Action == berth.ActionDelete, StopFirst: request.StopFirst, Purge: request.Purge, Confirm: bulkConfirm(o, plan.Acts)}
	keys := make([]string, 0, len(plan.Items))
	names := map[string][]string{} // by what happens to them
	for _, item := range plan.Items {
		keys = append(keys, item.Key)
		names[bulkReason(item)] = append(names[bulkReason(item)], bulkName(item))
	}
	v.Keys = strings.Join(keys, ",")
	for _, state := range []string{"running", "stopped", "gone from Proxmox"} {
		if n := len(names[willAct+state]); n > 0 {
			v.addEffect(fmt.Sprintf("%s %d that %s", o.Title, n, isState(n, state)), true, names[willAct+state])
		}
	}
	for _, not := range plan.Not {
		text := fmt.Sprintf("Not possible for %d: %s", not.Count, not.Short)
		if strings.HasPrefix(not.Short, "already ") {
			text = fmt.Sprintf("Nothing to do for %d: %s", not.Count, not.Short)
		}
		v.addEffect(text, false, names[not.Short])
	}
	return v
}

const willAct = "acts, " // before the state, for containers that something would be done to

func bulkReason(item fleet.BulkItem) string {
	switch {
	case item.Refusal != nil:
		return item.Refusal.Short
	case item.Container.Unknown == berth.UnknownGone:
		return willAct + "gone from Proxmox"
	case item.Container.Live == berth.LiveRunning:
		return willAct + "running"
	}
	return willAct + "stopped"
}

func isState(n int, state string) string {
	if n == 1 {
		return "is " + state
	}
	return "are " + state
}

func bulkName(item fleet.BulkItem) string {
	if item.Container == nil {
		return item.Key
	}
	return hostname(item.Container)
}

func (v *bulkView) addEffect(text string, acts bool, names []string) {
	e := bulkEffect{Text: text, Acts: acts, Names: names}
	if len(names) > namesShown {
		e.Names, e.More = names[:namesShown], fmt.Sprintf("and %d more", len(names)-namesShown)
	}
	v.Effects = append(v.Effects, e)
}

// bulkConfirm is what must be typed before so many are deleted; empty: nothing.
func bulkConfirm(o offer, acts int) string {
	if o.Action != berth.ActionDelete || acts == 0 {
		return ""
	}
	return "delete " + strconv.Itoa(acts)
}

var bulkTexts = map[string]string{
	"shutdown": "Their processes are asked to end, and may finish what they do.",
	"stop":     "All their processes are killed at once. What they have not saved is lost.",
	"delete":   "The containers, their disks and their snapshots are destroyed. Backups are kept. This cannot be undone.",
}
