package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"

	"berth"
	"berth/internal/fleet"
)

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
	Again              string   // why it is asked again
	Waits              []string // keys whose change waits for a restart
}

// newRestoreView asks about a version, given what the configuration is now.
func (s *Server) newRestoreView(r *http.Request, c *berth.Container, now *berth.ConfigVersion) (restoreView, error) {
	versions, err := s.actions.ConfigHistory(r.Context(), actorOf(r), c.Key())
	if err != nil {
		return restoreView{}, err
	}
	id := r.URL.Query().Get("version")
	at := slices.IndexFunc(versions, func(v berth.ConfigVersion) bool { return v.ID == id })
	if at < 0 {
		return restoreView{}, berth.Errorf(berth.Invalid, "There is no such version of the configuration.")
	}
	change, left := now.ChangeTo(versions[at])
	v := restoreView{URL: containerPath(c) + "/config/restore?version=" + id, Place: hostname(c) + ", " + placeText(c), Digest: now.Digest, Left: left}
	before, after := map[string]string{}, map[string]string{}
	for _, key := range change.Keys() {
		before[key], after[key] = now.Values[key], change.Set[key]
		if c.Live == berth.LiveRunning && berth.EffectOf(key, change.Set[key], now.Values).Restart {
			v.Waits = append(v.Waits, key)
		}
	}
	v.Changes = fleet.Differences(before, after)
	if r.URL.Query().Has("again") {
		v.Again = "The configuration has been changed meanwhile. Nothing was restored yet; look at it again."
	}
	return v, nil
}

func (s *Server) getRestore(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	now, err := s.actions.Config(r.Context(), actorOf(r), c.Key())
	if err != nil {
		return err
	}
	v, err := s.newRestoreView(r, c, &now)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, restoreSheet(v))
}

// postRestore brings an older configuration back. If it has become another one since the question, it is asked again.
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
	message := sentence(err)
	switch {
	case berth.CodeOf(err) == berth.Conflict && now.Digest != "" && now.Digest != form.Get("digest"):
		w.Header().Set("HX-Trigger", `{"berth:sheet":"`+containerPath(c)+"/config/restore?"+url.Values{"version": {version}, "again": {"1"}}.Encode()+`"}`)
		w.WriteHeader(http.StatusNoContent)
		return nil
	case message != "":
		return render(w, r, statusOf[berth.CodeOf(err)], orderProblem(message, fieldsOf(err)))
	case err != nil:
		return err
	}
	w.Header().Set("HX-Trigger", "berth:close-sheet")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
