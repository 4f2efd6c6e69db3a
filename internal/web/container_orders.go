package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"berth"
)

// orderForm is the dialog of an action that takes more than a yes: the fields that it needs, with what most people want.
type orderForm struct {
	Title, Icon, Text string
	Danger            bool
	action            berth.Action
	Fields            []orderField
	URL, Place        string
	Refusal           string // why it is not possible now; empty: it is
}

// orderField is an input of an orderForm.
type orderField struct {
	Name, Label, Value string
	Kind               string // text, lines, choice, check or hidden
	Choices            []choiceText
	On                 bool // of a check
}

type choiceText struct{ Value, Text string }

// orders are the actions on snapshots and backups, by their names in addresses.
var orders = map[string]orderForm{
	"snapshot": {Title: "Take a snapshot", Icon: "camera", action: berth.ActionSnapshot,
		Text: "The state of its disks is kept, so that the container can be rolled back to it. It is no backup: it is lost together with the disks."},
	"rollback": {Title: "Roll back", Icon: "history", action: berth.ActionRollback, Danger: true,
		Text: "What has changed on its disks and in its configuration since then is lost. A running container is stopped at once."},
	"snapshot-delete": {Title: "Delete the snapshot", Icon: "trash-2", action: berth.ActionSnapshotDelete, Danger: true,
		Text: "The container itself stays as it is; it can no longer be rolled back to that state."},
	"backup":        {Title: "Back up", Icon: "archive", action: berth.ActionBackup, Text: "A backup is made now. No older one is removed for it."},
	"backup-delete": {Title: "Delete the backup", Icon: "trash-2", action: berth.ActionBackupDelete, Danger: true, Text: "The backup is deleted. This cannot be undone."},
	"restore": {Title: "Restore over this container", Icon: "history", action: berth.ActionRestore, Danger: true,
		Text: "All disks of the container are replaced by those of the backup. What has changed since then is lost, its snapshots too."},
}

func check(name, label string, on bool) orderField {
	return orderField{Name: name, Label: label, Kind: "check", On: on}
}

func hidden(name, value string) orderField {
	return orderField{Name: name, Kind: "hidden", Value: value}
}

// fieldsOf gives the fields of an order with their first values; query says which snapshot or backup is meant.
func (s *Server) fieldsOf(r *http.Request, name string, c *berth.Container) []orderField {
	query, stamp := r.URL.Query(), s.now().Format("20060102-1504")
	running := c.Live == berth.LiveRunning
	switch name {
	case "snapshot":
		return []orderField{{Name: "name", Label: "Name", Kind: "text", Value: "manual-" + stamp}, {Name: "description", Label: "Description", Kind: "lines"}}
	case "rollback":
		return []orderField{hidden("name", query.Get("name")), check("first", "Take a snapshot of the present state first", false), check("start", "Start it afterwards", running)}
	case "snapshot-delete":
		return []orderField{hidden("name", query.Get("name"))}
	case "backup":
		return []orderField{{Name: "storage", Label: "Storage", Kind: "choice", Choices: s.storages(r, c, "backup")},
			{Name: "mode", Label: "Mode", Kind: "choice", Choices: []choiceText{{"snapshot", "Snapshot: it goes on running"}, {"suspend", "Suspend: a short pause"}, {"stop", "Stop: it is down meanwhile"}}},
			{Name: "compress", Label: "Compression", Kind: "choice", Choices: []choiceText{{"zstd", "zstd: fast and small"}, {"gzip", "gzip"}, {"lzo", "lzo"}, {"0", "none"}}},
			{Name: "notes", Label: "Notes", Kind: "text", Value: hostname(c)}, check("protected", "Protect it against being deleted", false)}
	case "backup-delete":
		return []orderField{hidden("volume", query.Get("volume"))}
	case "restore":
		fields := []orderField{hidden("volume", query.Get("volume"))}
		if running {
			fields = append(fields, check("stop-first", "It is running: stop it first", true))
		}
		return append(fields, check("start", "Start it afterwards", running))
	}
	return nil
}

// storages are those of the container's node that hold such content, those that can be used first.
func (s *Server) storages(r *http.Request, c *berth.Container, content string) []choiceText {
	var found []choiceText
	for _, view := range s.seen(r).Clusters {
		for i := range view.Storages {
			st := &view.Storages[i]
			if st.Cluster == c.Cluster && st.Node == c.Node && slices.Contains(st.Content, content) && st.Available {
				found = append(found, choiceText{st.Name, st.Name + " (" + st.Type + ")"})
			}
		}
	}
	return found
}

// orderRequest reads what the dialog of an order asks for.
func orderRequest(action berth.Action, form url.Values, now time.Time) berth.ActionRequest {
	request := berth.ActionRequest{Action: action, Start: form.Has("start"), StopFirst: form.Has("stop-first"),
		Snapshot: berth.SnapshotOrder{Name: strings.TrimSpace(form.Get("name")), Description: form.Get("description")},
		Backup: berth.BackupOrder{Storage: form.Get("storage"), Mode: form.Get("mode"), Compress: form.Get("compress"), Notes: form.Get("notes"),
			Protected: form.Has("protected"), Volume: form.Get("volume")}}
	if form.Has("first") {
		request.Snapshot.First = "before-rollback-" + now.Format("20060102-150405")
	}
	return request
}

// first is what the dialog would send untouched.
func (f *orderForm) first() url.Values {
	values := url.Values{}
	for _, field := range f.Fields {
		switch {
		case field.Kind == "choice" && len(field.Choices) > 0:
			values.Set(field.Name, field.Choices[0].Value)
		case field.Kind != "check":
			values.Set(field.Name, field.Value)
		case field.On:
			values.Set(field.Name, "1")
		}
	}
	return values
}

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
	form.Fields = s.fieldsOf(r, name, c)
	form.URL, form.Place = orderURL(c, name, nil), hostname(c)+", "+placeText(c)
	form.Refusal = refusalOf(c, orderRequest(form.action, form.first(), s.now()), accessOf(r).On(c))
	return c, form, nil
}

func orderURL(c *berth.Container, name string, query url.Values) string {
	address := url.URL{Path: containerPath(c) + "/orders/" + name, RawQuery: query.Encode()}
	return address.String()
}

// refusalOf says why somebody of the role cannot ask for that now; empty: they can.
func refusalOf(c *berth.Container, request berth.ActionRequest, role berth.Role) string {
	if refusal := request.Check(c, role); refusal != nil {
		return refusal.Err.Message
	}
	if c.Pending != nil {
		return "Busy: " + berth.Action(c.Pending.Action).During() + " by " + c.Pending.By + "."
	}
	return ""
}

// getOrder shows the dialog of an order.
func (s *Server) getOrder(w http.ResponseWriter, r *http.Request) error {
	_, form, err := s.ordered(r)
	if err != nil {
		return err
	}
	if which := cmp.Or(r.URL.Query().Get("name"), r.URL.Query().Get("volume")); which != "" {
		form.Title += " “" + which + "”"
	}
	return render(w, r, http.StatusOK, orderSheet(form))
}

// postOrder asks for it. The dialog stays open with what speaks against it.
func (s *Server) postOrder(w http.ResponseWriter, r *http.Request) error {
	c, order, err := s.ordered(r)
	if err != nil {
		return err
	}
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	_, err = s.actions.Do(r.Context(), actorOf(r), c.Key(), orderRequest(order.action, form, s.now()))
	if message := sentence(err); message != "" {
		return render(w, r, statusOf[berth.CodeOf(err)], sheetProblem(message, true))
	}
	if err != nil {
		return err
	}
	w.Header().Set("HX-Trigger", "berth:close-sheet")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// orderButton opens the dialog of an order, or says why it would be refused.
type orderButton struct {
	Title, Icon, URL, Refusal, Name string
	Danger                          bool
}

func newOrderButton(c *berth.Container, role berth.Role, name, title string, query url.Values) orderButton {
	form := orders[name]
	b := orderButton{Title: cmp.Or(title, form.Title), Icon: form.Icon, URL: orderURL(c, name, query), Danger: form.Danger, Name: name}
	sample := url.Values{"name": {"a-name"}, "volume": {"local:backup/name"}, "storage": {"local"}, "mode": {"snapshot"}, "compress": {"zstd"}, "stop-first": {"1"}}
	b.Refusal = refusalOf(c, orderRequest(form.action, sample, time.Time{}), role)
	return b
}
