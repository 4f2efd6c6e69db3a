package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/fleet"
	"berth/internal/web/ui"
)

// snapshotsView is the tree of snapshots of a container.
type snapshotsView struct {
	Path    string // of the part
	Problem string // why they are not known
	States  []stateRow
	Present string // the snapshot that the present state descends from; empty: none
	Cannot  string // why there can be none; empty: there can
	Take    orderButton
	Now     time.Time
}

type stateRow struct {
	fleet.SavedState
	Indent string // class
	Exact  string
	Notes  [][]span
	Orders []orderButton
	Differ string // address of what differs from the present configuration
}

// indents are the classes for depths in the tree; deeper ones stay at the last.
var indents = []string{"", "pl-6", "pl-12", "pl-18", "pl-24"}

func newSnapshotsView(d *fleet.Detail, role berth.Role, now time.Time) snapshotsView {
	c := d.Container
	v := snapshotsView{Path: containerPath(c) + "/snapshots/now", Problem: d.Problems[fleet.PartSnapshots], Present: d.Parent, Cannot: d.NoSnapshots,
		Take: newOrderButton(c, role, "snapshot", "", nil), Now: now}
	if v.Cannot != "" {
		v.Take.Refusal = v.Cannot
	}
	for _, state := range d.Snapshots {
		which := url.Values{"name": {state.Name}}
		v.States = append(v.States, stateRow{SavedState: state, Indent: indents[min(state.Depth, len(indents)-1)],
			Exact: state.At.In(now.Location()).Format("2006-01-02 15:04:05 MST"), Notes: notes(state.Description),
			Differ: containerPath(c) + "/snapshots/difference?" + which.Encode(),
			Orders: []orderButton{newOrderButton(c, role, "rollback", "", which), newOrderButton(c, role, "snapshot-delete", "Delete", which)}})
	}
	return v
}

// backupsView is the backups of a container on all storages.
type backupsView struct {
	Path    string // of the part
	Problem string // why they are not known
	Rows    []backupRow
	Unseen  []string // where there may be others
	Total   string
	Make    orderButton
	Now     time.Time
}

type backupRow struct {
	fleet.Backup
	Size, Exact string
	Orders      []orderButton
}

func newBackupsView(d *fleet.Detail, role berth.Role, now time.Time) backupsView {
	c := d.Container
	v := backupsView{Make: newOrderButton(c, role, "backup", "Back up now", nil), Path: containerPath(d.Container) + "/backups/now", Problem: d.Problems[fleet.PartBackups], Unseen: d.Unseen, Now: now}
	total := int64(0)
	for _, b := range d.Backups {
		total += b.SizeBytes
		which := url.Values{"volume": {b.Volume}}
		row := backupRow{Backup: b, Size: ui.Bytes(b.SizeBytes), Exact: b.At.In(now.Location()).Format("2006-01-02 15:04:05 MST"),
			Orders: []orderButton{newOrderButton(c, role, "restore", "Restore", which), newOrderButton(c, role, "backup-delete", "Delete", which)}}
		if b.Protected {
			row.Orders[1].Refusal = "It is protected against being deleted."
		}
		v.Rows = append(v.Rows, row)
	}
	v.Total = ui.Bytes(total)
	return v
}

func (s *Server) showSnapshots(d *fleet.Detail, r *http.Request) (templ.Component, error) {
	return snapshotsPanel(newSnapshotsView(d, accessOf(r).On(d.Container), s.now())), nil
}

func (s *Server) showBackups(d *fleet.Detail, r *http.Request) (templ.Component, error) {
	return backupsPanel(newBackupsView(d, accessOf(r).On(d.Container), s.now())), nil
}

func (s *Server) getSnapshotsTab(w http.ResponseWriter, r *http.Request) error {
	return s.getTab(w, r, "snapshots", func(d *fleet.Detail) templ.Component {
		return loading("snapshots", containerPath(d.Container)+"/snapshots/now", "The snapshots are being read.")
	})
}

func (s *Server) getBackupsTab(w http.ResponseWriter, r *http.Request) error {
	return s.getTab(w, r, "backups", func(d *fleet.Detail) templ.Component {
		return loading("backups", containerPath(d.Container)+"/backups/now", "The backups on all storages are being read.")
	})
}

// getDifference shows how the configuration in a snapshot differs from the present one.
func (s *Server) getDifference(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	name := r.URL.Query().Get("name")
	changes, err := s.actions.Difference(r.Context(), actorOf(r), c.Key(), name)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, differenceSheet(name, changes))
}
