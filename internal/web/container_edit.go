package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

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
	Lines             bool   // it may have several
	Restart           bool   // a change waits for a restart
	Closed            string // why it cannot be changed; empty: it can
}

// editable are the keys that the dialog always has, in its order. Those of networks and mount points are there if they are set.
var editable = []struct{ key, label string }{
	{"hostname", "Hostname"}, {"cores", "Cores"}, {"cpulimit", "CPU limit in cores"}, {"cpuunits", "CPU weight"}, {"memory", "Memory in MiB"}, {"swap", "Swap in MiB"},
	{"nameserver", "DNS servers"}, {"searchdomain", "Search domain"}, {"tags", "Tags, separated by commas"}, {"onboot", "Starts with its node (1 or 0)"},
	{"startup", "Startup order and pauses"}, {"features", "Features"}, {"hookscript", "Hook script"}, {"description", "Notes"},
}

func newEditForm(c *berth.Container, config *berth.ConfigVersion) editForm {
	v := editForm{Path: containerPath(c) + "/config/edit", Place: hostname(c) + ", " + placeText(c), Digest: config.Digest, Running: c.Live == berth.LiveRunning}
	add := func(key, label string) {
		value := config.Values[key]
		effect := berth.EffectOf(key, value, config.Values)
		v.Keys = append(v.Keys, editKey{Key: key, Label: label, Value: value, Lines: key == "description", Restart: effect.Restart && v.Running, Closed: effect.RootOnly})
	}
	for _, e := range editable {
		add(e.key, e.label)
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
		add(key, label+key)
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

// postEdit changes what was changed in the dialog. If the configuration is another one by now nothing is changed, and the
// dialog shows what somebody else has made of it.
func (s *Server) postEdit(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	change, was := berth.ConfigChange{Set: map[string]string{}}, map[string]string{}
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
	if len(change.Keys()) == 0 {
		return render(w, r, http.StatusUnprocessableEntity, sheetProblem("Nothing is changed.", true))
	}
	now, err := s.actions.ChangeConfig(r.Context(), actorOf(r), c.Key(), change, form.Get("digest"))
	return s.answerChange(w, r, containerPath(c), was, &now, err)
}

// normal is a value without what browsers and Proxmox add at its end.
func normal(value string) string {
	return strings.TrimSpace(strings.ReplaceAll(value, "\r\n", "\n"))
}

func (s *Server) answerChange(w http.ResponseWriter, r *http.Request, path string, was map[string]string, now *berth.ConfigVersion, err error) error {
	message := sentence(err)
	switch {
	case berth.CodeOf(err) == berth.Conflict && now.Digest != "" && was != nil:
		theirs := map[string]string{}
		for key := range was {
			theirs[key] = normal(now.Values[key])
		}
		return render(w, r, http.StatusConflict, editConflict(message, path+"/config/edit", fleet.Differences(was, theirs)))
	case message != "":
		return render(w, r, statusOf[berth.CodeOf(err)], sheetProblem(fieldMessages(err, message), true))
	case err != nil:
		return err
	}
	w.Header().Set("HX-Trigger", "berth:close-sheet")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// versionView is a configuration of the past with what it changed.
type versionView struct {
	ID      string
	At      time.Time
	Exact   string
	Actor   string
	Changes []fleet.PendingChange // since the one before; none for the oldest
	Restore string                // address; empty: it is the present one
}

func newVersionViews(c *berth.Container, versions []berth.ConfigVersion, now time.Time) []versionView {
	views := make([]versionView, 0, len(versions))
	for i, version := range versions {
		v := versionView{ID: version.ID, At: version.At, Exact: version.At.In(now.Location()).Format("2006-01-02 15:04:05 MST"), Actor: cmp.Or(version.Actor, "not by Berth")}
		if i+1 < len(versions) {
			v.Changes = fleet.Differences(versions[i+1].Values, version.Values)
		}
		if i > 0 {
			v.Restore = containerPath(c) + "/config/restore?version=" + version.ID
		}
		views = append(views, v)
	}
	return views
}

// restoreView is the question before an older configuration is brought back.
type restoreView struct {
	URL, Place, Digest string
	Changes            []fleet.PendingChange
	Left               []string // keys that stay as they are
}

func (s *Server) getRestore(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	versions, err := s.actions.ConfigHistory(r.Context(), actorOf(r), c.Key())
	if err != nil {
		return err
	}
	id := r.URL.Query().Get("version")
	at := slices.IndexFunc(versions, func(v berth.ConfigVersion) bool { return v.ID == id })
	if at < 0 {
		return berth.Errorf(berth.Invalid, "There is no such version of the configuration.")
	}
	now, err := s.actions.Config(r.Context(), actorOf(r), c.Key())
	if err != nil {
		return err
	}
	change, left := now.ChangeTo(versions[at])
	after := map[string]string{}
	before := map[string]string{}
	for _, key := range change.Keys() {
		before[key], after[key] = now.Values[key], change.Set[key]
	}
	return render(w, r, http.StatusOK, restoreSheet(restoreView{URL: containerPath(c) + "/config/restore?version=" + id, Place: hostname(c) + ", " + placeText(c),
		Digest: now.Digest, Changes: fleet.Differences(before, after), Left: left}))
}

func (s *Server) postRestore(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	version := r.URL.Query().Get("version")
	if version == "" {
		return berth.Errorf(berth.Invalid, "Say which version of the configuration is meant.")
	}
	now, _, err := s.actions.RestoreConfig(r.Context(), actorOf(r), c.Key(), version, form.Get("digest"))
	return s.answerChange(w, r, containerPath(c), nil, &now, err)
}
