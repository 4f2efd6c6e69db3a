package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"berth"
	"berth/internal/fleet"
)

// editForm is the dialog in which a configuration is changed.
type editForm struct {
	Path, Place, Digest string
	Running             bool
	Keys                []editKey
}

// editKey is a key of a configuration with its value as Proxmox writes it.
type editKey struct {
	Key, Label, Value string
	Lines             bool // it may have several
	Restart           bool // a change waits for a restart
	Help              string
	Closed            string // why it cannot be changed; empty: it can
}

// editable are the keys that the dialog always has, in its order. Those of networks and mount points are there if they are set.
var editable = []struct{ key, label, help string }{
	{"hostname", "Hostname", "What runs inside sees it after a restart."}, {"cores", "Cores", "Empty: all of the node."}, {"cpulimit", "CPU limit in cores", "Empty or 0: none."},
	{"cpuunits", "CPU weight", "Usually 100."}, {"memory", "Memory in MiB", ""}, {"swap", "Swap in MiB", ""}, {"nameserver", "DNS servers", "Empty: as on the node."},
	{"searchdomain", "Search domain", "Empty: as on the node."}, {"tags", "Tags", "Separated by commas."}, {"onboot", "Starts with its node", "1 or 0."},
	{"startup", "Startup order and pauses", "Such as order=2,up=30."}, {"features", "Features", "Such as nesting=1."}, {"hookscript", "Hook script", ""}, {"description", "Notes", ""},
}

func newEditForm(c *berth.Container, config *berth.ConfigVersion) editForm {
	v := editForm{Path: containerPath(c) + "/config/edit", Place: hostname(c) + ", " + placeText(c), Digest: config.Digest, Running: c.Live == berth.LiveRunning}
	add := func(key, label, help string) {
		value := config.Values[key]
		effect := berth.EffectOf(key, value, config.Values)
		closed := effect.RootOnly
		if closed == "" && slices.Contains(c.Lacks, effect.Privilege) {
			closed = "Berth's API token lacks " + effect.Privilege + " on " + berth.GuestPath(c.VMID) + "."
		}
		v.Keys = append(v.Keys, editKey{Key: key, Label: label, Help: help, Value: value, Lines: key == "description", Restart: effect.Restart && v.Running, Closed: closed})
	}
	for _, e := range editable {
		add(e.key, e.label, e.help)
	}
	var numbered []string
	for key := range config.Values {
		if base := strings.TrimRight(key, "0123456789"); base != key && (base == "net" || base == "mp") {
			numbered = append(numbered, key)
		}
	}
	slices.Sort(numbered)
	for _, key := range numbered {
		label := "Network interface "
		if strings.HasPrefix(key, "mp") {
			label = "Mount point "
		}
		add(key, label+key, "")
	}
	return v
}

// getEdit reads the configuration and shows it for changing.
func (s *Server) getEdit(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	config, err := s.actions.Config(r.Context(), actorOf(r), c.Key())
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, editSheet(newEditForm(c, &config)))
}

// postEdit changes what was changed in the dialog. If somebody else has changed what the dialog shows nothing is changed, and
// it says what; if the configuration differs in something else, the change is made in the present one.
func (s *Server) postEdit(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	change, was := editedIn(form)
	if len(change.Keys()) == 0 {
		return render(w, r, http.StatusUnprocessableEntity, orderProblem("Nothing is changed.", nil))
	}
	digest := cmp.Or(form.Get("over"), form.Get("digest"))
	now, err := s.actions.ChangeConfig(r.Context(), actorOf(r), c.Key(), change, digest)
	var theirs []fleet.PendingChange
	for try := 1; berth.CodeOf(err) == berth.Conflict && now.Digest != "" && now.Digest != digest && try <= mostDigests; try++ {
		if theirs = changedSince(was, now.Values); len(theirs) > 0 {
			break
		}
		digest = now.Digest
		now, err = s.actions.ChangeConfig(r.Context(), actorOf(r), c.Key(), change, digest)
	}
	message := sentence(err)
	switch {
	case len(theirs) > 0:
		return render(w, r, http.StatusConflict, editConflict(message, now.Digest, containerPath(c)+"/config/edit", theirs))
	case message != "":
		return render(w, r, statusOf[berth.CodeOf(err)], orderProblem(message, fieldsOf(err)))
	case err != nil:
		return err
	}
	w.Header().Set("HX-Trigger", "berth:close-sheet")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// mostDigests is how often a change is made anew because something else in the configuration has changed: a lock comes and
// goes with every task.
const mostDigests = 3

// editedIn gives what was changed in the dialog, and what all its keys were when it was opened.
func editedIn(form url.Values) (change berth.ConfigChange, was map[string]string) {
	change, was = berth.ConfigChange{Set: map[string]string{}}, map[string]string{}
	for name := range form {
		key, is := strings.CutPrefix(name, "was.")
		if !is {
			continue
		}
		before, after := normal(form.Get(name)), normal(form.Get("set."+key))
		was[key] = before
		switch {
		case !form.Has("set."+key) || before == after: // it was closed, or is left as it is
		case after == "":
			change.Unset = append(change.Unset, key)
		default:
			change.Set[key] = after
		}
	}
	return change, was
}

// changedSince lists which of the keys have another value now.
func changedSince(was, values map[string]string) []fleet.PendingChange {
	now := map[string]string{}
	for key := range was {
		now[key] = normal(values[key])
	}
	return fleet.Differences(was, now)
}

// normal is a value without what browsers and Proxmox add at its end.
func normal(value string) string {
	return strings.TrimSpace(strings.ReplaceAll(value, "\r\n", "\n"))
}
