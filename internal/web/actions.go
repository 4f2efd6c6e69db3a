package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"berth"
)

// sheetView is what the dialog of actions shows of one container.
type sheetView struct {
	Hostname, Place string
	Path            string // of the container
	Choices         []actionChoice
	Orders          []actionChoice // those with a dialog of their own
	Console         linkChoice
	Restore         linkChoice
}

// actionChoice is an offer for one container, or why it is not possible.
type actionChoice struct {
	offer
	URL     string // of its confirmation, or of the action itself when it asks nothing
	Refusal string // empty: possible
}

// confirmView is the question before an action.
type confirmView struct {
	offer
	Hostname, Place, Heading string
	URL                      string
	Running                  bool
	Purge                    bool   // chosen from the beginning: Proxmox does not delete what is under high availability without
	EffectsURL               string // says what goes with it
	Deletes                  bool   // the hostname must be typed
}

func newSheetView(c *berth.Container, role berth.Role) sheetView {
	v := sheetView{Hostname: hostname(c), Place: placeText(c), Path: containerPath(c), Console: consoleChoice(c, role)}
	for _, o := range offers {
		if o.suits(c) {
			v.Choices = append(v.Choices, newActionChoice(c, o, role))
		}
	}
	if c.Unknown == berth.UnknownGone {
		return v
	}
	for _, name := range menuOrders {
		v.Orders = append(v.Orders, orderChoice(c, role, name))
	}
	v.Restore = linkChoice{Title: "Restore", Hint: "From one of its backups, over it or as a new one", Href: templ.SafeURL(containerPath(c) + "/backups"), Icon: "history"}
	return v
}

func newActionChoice(c *berth.Container, o offer, role berth.Role) actionChoice {
	choice := actionChoice{offer: o, URL: o.url(c)}
	if refusal := o.request().Check(c, role); refusal != nil {
		choice.Refusal = refusal.Err.Message
	} else if c.Pending != nil {
		choice.Refusal = "Busy: " + berth.Action(c.Pending.Action).During() + " by " + c.Pending.By + "."
	}
	return choice
}

func newConfirmView(c *berth.Container, o offer) confirmView {
	return confirmView{offer: o, Hostname: hostname(c), Place: placeText(c), Heading: o.Title + " " + hostname(c) + "?", URL: o.url(c),
		Running: c.Live == berth.LiveRunning, Purge: c.HAState != "", Deletes: o.Name == "delete", EffectsURL: containerPath(c) + "/goes-with"}
}

func (o offer) url(c *berth.Container) string { return containerPath(c) + "/actions/" + o.Name }

func placeText(c *berth.Container) string {
	return "VMID " + strconv.Itoa(c.VMID) + " on " + c.Node + ", cluster " + c.Cluster
}

// usualOffer names what the card and the page of a container offer at once, beside everything; empty: nothing.
func usualOffer(c *berth.Container) string {
	switch {
	case c.Pending != nil:
		return ""
	case c.Live == berth.LiveStopped && c.Unknown == "" && !c.PVETemplate:
		return "start"
	case c.Live == berth.LiveRunning && c.Unknown == "":
		return "shutdown"
	}
	return ""
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

// offered gives the container and the action that a request is about.
func (s *Server) offered(r *http.Request) (*berth.Container, offer, error) {
	c, err := s.named(r)
	if err != nil {
		return nil, offer{}, err
	}
	o, err := offerNamed(r.PathValue("action"))
	return c, o, err
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
	c, o, err := s.offered(r)
	if err != nil {
		return err
	}
	if choice := newActionChoice(c, o, accessOf(r).On(c)); choice.Refusal != "" {
		return render(w, r, http.StatusOK, refusalSheet(choice, placeText(c)))
	}
	return render(w, r, http.StatusOK, confirmSheet(newConfirmView(c, o)))
}

// postAction asks for an action. What speaks against it is said in the dialog; otherwise the dialog closes and the card
// tells how it goes on.
func (s *Server) postAction(w http.ResponseWriter, r *http.Request) error {
	c, o, err := s.offered(r)
	if err != nil {
		return err
	}
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	request, err := newActionRequest(o, c, form)
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

func newActionRequest(o offer, c *berth.Container, form url.Values) (berth.ActionRequest, error) {
	if o.Name == "delete" && strings.TrimSpace(form.Get("name")) != hostname(c) {
		return berth.ActionRequest{}, berth.Errorf(berth.Invalid, "Type %s to delete it.", hostname(c))
	}
	return chosenRequest(o, form)
}

// chosenRequest reads what was chosen in the dialog of an offer.
func chosenRequest(o offer, form url.Values) (berth.ActionRequest, error) {
	request := berth.ActionRequest{Action: o.Action, On: o.On}
	switch o.Action {
	case berth.ActionDelete:
		request.StopFirst, request.Purge, request.BackupStorage = form.Has("stop-first"), form.Has("purge"), form.Get("backup")
	case berth.ActionShutdown:
		request.ThenStop = form.Has("then-stop")
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
