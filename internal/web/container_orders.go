package web

import (
	"cmp"
	"net/http"
	"net/url"
	"time"

	"berth"
)

// orderForm is the dialog of an action that takes more than a yes: the fields that it needs, with what most people want.
type orderForm struct {
	Title, Icon, Hint, Text string
	Confirm                 string // on the button; empty: the title
	Danger                  bool
	action                  berth.Action
	fields                  func(*orderAsk) []orderField

	Name, URL, Place string
	Which            string // snapshot or backup; empty: it is about none
	Fields           []orderField
	Refusal          string   // why it is not possible now; empty: it is
	Warning          string   // what is to be known before
	Unknown          []string // what Proxmox did not say
}

// orders are the actions that have a dialog of their own, by their names in addresses.
var orders = map[string]orderForm{
	"snapshot": {Title: "Take a snapshot", Icon: "camera", Hint: "Keeps the state of its disks to go back to", action: berth.ActionSnapshot, fields: snapshotFields,
		Text: "The state of its disks is kept, so that the container can be rolled back to it. It is no backup: it is lost together with the disks."},
	"rollback": {Title: "Roll back", Icon: "history", Confirm: "Roll back", action: berth.ActionRollback, Danger: true, fields: rollbackFields,
		Text: "What has changed on its disks and in its configuration since then is lost. A running container is stopped at once."},
	"snapshot-delete": {Title: "Delete the snapshot", Icon: "trash-2", Confirm: "Delete", action: berth.ActionSnapshotDelete, Danger: true, fields: hiddenOnly("name"),
		Text: "The container itself stays as it is; it can no longer be rolled back to that state."},
	"backup": {Title: "Back up", Icon: "archive", Hint: "Makes a backup now", action: berth.ActionBackup, fields: backupFields,
		Text: "A backup is made now. No older one is removed for it."},
	"backup-delete": {Title: "Delete the backup", Icon: "trash-2", Confirm: "Delete", action: berth.ActionBackupDelete, Danger: true, fields: hiddenOnly("volume"),
		Text: "The backup is deleted. This cannot be undone."},
	"restore": {Title: "Restore over this container", Icon: "history", Confirm: "Restore", action: berth.ActionRestore, Danger: true, fields: restoreFields,
		Text: "All disks of the container are replaced by those of the backup. What has changed since then is lost, its snapshots too."},
	"restore-new": {Title: "Restore as a new container", Icon: "plus", Confirm: "Restore", action: berth.ActionCreate, fields: restoreNewFields,
		Text: "This container stays as it is. The new one has the resources and the network of the backup; an address that is not from DHCP is the same, so do not run both at once."},
	"clone": {Title: "Clone", Icon: "copy", Hint: "Makes a copy of it", action: berth.ActionClone, fields: cloneFields,
		Text: "The copy has disks and hardware addresses of its own. An address that is not from DHCP is the same: change it before both run."},
	"migrate": {Title: "Move to another node", Icon: "server", Hint: "Takes it and its disks to another node of the cluster", Confirm: "Move", action: berth.ActionMigrate, fields: migrateFields,
		Text: "Disks on shared storage stay where they are; others are copied, which takes time."},
	"resize": {Title: "Enlarge a disk", Icon: "hard-drive", Hint: "Disks can grow, also while it runs", Confirm: "Enlarge", action: berth.ActionResize, fields: resizeFields,
		Text: "A disk can only grow, and never be made smaller again. It takes effect at once."},
	"move-volume": {Title: "Move a disk to another storage", Icon: "archive", Hint: "While it is stopped", Confirm: "Move", action: berth.ActionMoveVolume, fields: moveVolumeFields,
		Text: "The disk is copied to the other storage, and the container then uses the copy."},
	"template": {Title: "Convert to a template", Icon: "box", Hint: "For good: it never runs again", Confirm: "Yes, make it a template", Danger: true, action: berth.ActionTemplate,
		fields: func(*orderAsk) []orderField { return nil },
		Text:   "It becomes a template of Proxmox: others can be cloned from it, without copying its disks where the storage can do that. It can never be started again, and never be turned back. This cannot be undone."},
}

// menuOrders are those that the menu of actions offers, in its order. The others are about one snapshot or backup.
var menuOrders = []string{"snapshot", "backup", "clone", "migrate", "resize", "move-volume", "template"}

// ordered gives the container and the order that a request is about.
func (s *Server) ordered(r *http.Request) (*berth.Container, orderForm, error) {
	c, err := s.named(r)
	if err != nil {
		return nil, orderForm{}, err
	}
	name := r.PathValue("action")
	form, known := orders[name]
	if !known {
		return nil, orderForm{}, berth.Errorf(berth.NotFound, "There is no action “%s”.", name)
	}
	form.Name, form.URL, form.Place = name, orderURL(c, name, nil), hostname(c)+", "+placeText(c)
	form.Refusal = refusalOf(c, sampleOrder(form.action), accessOf(r).On(c))
	return c, form, nil
}

func orderURL(c *berth.Container, name string, query url.Values) string {
	address := url.URL{Path: containerPath(c) + "/orders/" + name, RawQuery: query.Encode()}
	return address.String()
}

// sampleOrder is an order that is complete, to see whether the action is possible at all.
func sampleOrder(action berth.Action) berth.ActionRequest {
	return berth.ActionRequest{Action: action, StopFirst: true, Snapshot: berth.SnapshotOrder{Name: "a-name"},
		Backup: berth.BackupOrder{Storage: "local", Mode: "snapshot", Compress: "zstd", Volume: "local:backup/name"},
		Copy:   berth.CopyOrder{Node: "-", Snapshot: "a-name", Restart: true}, Disk: berth.DiskOrder{Name: "rootfs", GiB: 1, Storage: "local"}}
}

// refusalOf says why somebody of the role cannot ask for that now; empty: they can.
func refusalOf(c *berth.Container, request berth.ActionRequest, role berth.Role) string {
	if request.Action == berth.ActionCreate { // of a backup, which leaves the container alone
		if !role.Includes(berth.RoleOperator) {
			return "Your role may not create containers; it takes the role operator."
		}
		return ""
	}
	if refusal := request.Check(c, role); refusal != nil {
		return refusal.Err.Message
	}
	if c.Pending != nil {
		return "Busy: " + berth.Action(c.Pending.Action).During() + " by " + c.Pending.By + "."
	}
	return ""
}

// getOrder shows the dialog of an order. It asks Proxmox what there is to choose from: the dialog is opened with that.
func (s *Server) getOrder(w http.ResponseWriter, r *http.Request) error {
	c, form, err := s.ordered(r)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	form.Which = cmp.Or(query.Get("volume"), query.Get("name"))
	if form.Refusal == "" {
		if err := s.fillOrder(r, c, &form, query); err != nil {
			return err
		}
	}
	return render(w, r, http.StatusOK, orderSheet(form))
}

// fillOrder makes the fields of the dialog out of what the server offers, and of what was chosen in it before.
func (s *Server) fillOrder(r *http.Request, c *berth.Container, form *orderForm, query url.Values) error {
	request := orderRequest(form.action, query, s.now())
	choices, err := s.actions.OrderChoices(r.Context(), actorOf(r), c.Key(), request)
	if message := sentence(err); message != "" {
		form.Refusal = message
		return nil
	}
	if err != nil {
		return err
	}
	form.Refusal, form.Warning, form.Unknown = choices.Refusal, choices.Warning, choices.Unknown
	ask := &orderAsk{container: c, choices: choices, query: query, again: query.Has("again"), stamp: s.now().Format("20060102-1504")}
	form.Fields = form.fields(ask)
	form.Refusal = cmp.Or(form.Refusal, ask.refusal)
	return nil
}

// postOrder asks for it. The dialog stays open with what speaks against it, beside the fields that it is about.
func (s *Server) postOrder(w http.ResponseWriter, r *http.Request) error {
	c, order, err := s.ordered(r)
	if err != nil {
		return err
	}
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	to, err := s.order(r, c, order.action, form)
	if message := sentence(err); message != "" {
		return render(w, r, statusOf[berth.CodeOf(err)], orderProblem(message, fieldsOf(err)))
	}
	if err != nil {
		return err
	}
	if to != "" {
		w.Header().Set("HX-Redirect", to)
	}
	w.Header().Set("HX-Trigger", "berth:close-sheet")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// order gives an order as a form has it. to is where the browser is to go then; empty: it stays.
func (s *Server) order(r *http.Request, c *berth.Container, action berth.Action, form url.Values) (to string, err error) {
	if err := checkNumbers(action, form); err != nil {
		return "", err
	}
	if action == berth.ActionCreate {
		job, err := s.actions.Create(r.Context(), actorOf(r), restoreSpec(c, form))
		return "/jobs/" + job.ID, err
	}
	_, err = s.actions.Do(r.Context(), actorOf(r), c.Key(), orderRequest(action, form, s.now()))
	return "", err
}

// orderButton opens the dialog of an order, or says why it would be refused.
type orderButton struct {
	Title, Icon, URL, Refusal, Name string
	Danger                          bool
}

func newOrderButton(c *berth.Container, role berth.Role, name, title string, query url.Values) orderButton {
	form := orders[name]
	return orderButton{Title: cmp.Or(title, form.Title), Icon: form.Icon, URL: orderURL(c, name, query), Danger: form.Danger, Name: name,
		Refusal: refusalOf(c, sampleOrder(form.action), role)}
}

// orderChoice is an order as the menu of actions offers it.
func orderChoice(c *berth.Container, role berth.Role, name string) actionChoice {
	form := orders[name]
	return actionChoice{offer: offer{Name: name, Action: form.action, Title: form.Title, Icon: form.Icon, Hint: form.Hint, Danger: form.Danger, Asks: true},
		URL: orderURL(c, name, nil), Refusal: refusalOf(c, sampleOrder(form.action), role)}
}

const stampOfFirst = "20060102-150405"

func firstSnapshot(now time.Time) string { return "before-rollback-" + now.Format(stampOfFirst) }
