package web

import (
	"net/http"
	"time"

	"github.com/a-h/templ"

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
	Now     time.Time
}

type stateRow struct {
	fleet.SavedState
	Indent string // class
	Exact  string
	Notes  [][]span
}

// indents are the classes for depths in the tree; deeper ones stay at the last.
var indents = []string{"", "pl-6", "pl-12", "pl-18", "pl-24"}

func newSnapshotsView(d *fleet.Detail, now time.Time) snapshotsView {
	v := snapshotsView{Path: containerPath(d.Container) + "/snapshots/now", Problem: d.Problems[fleet.PartSnapshots], Present: d.Parent, Now: now}
	for _, state := range d.Snapshots {
		v.States = append(v.States, stateRow{SavedState: state, Indent: indents[min(state.Depth, len(indents)-1)],
			Exact: state.At.In(now.Location()).Format("2006-01-02 15:04:05 MST"), Notes: notes(state.Description)})
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
	Now     time.Time
}

type backupRow struct {
	fleet.Backup
	Size, Exact string
}

func newBackupsView(d *fleet.Detail, now time.Time) backupsView {
	v := backupsView{Path: containerPath(d.Container) + "/backups/now", Problem: d.Problems[fleet.PartBackups], Unseen: d.Unseen, Now: now}
	total := int64(0)
	for _, b := range d.Backups {
		total += b.SizeBytes
		v.Rows = append(v.Rows, backupRow{Backup: b, Size: ui.Bytes(b.SizeBytes), Exact: b.At.In(now.Location()).Format("2006-01-02 15:04:05 MST")})
	}
	v.Total = ui.Bytes(total)
	return v
}

func (s *Server) showSnapshots(d *fleet.Detail, _ *http.Request) (templ.Component, error) {
	return snapshotsPanel(newSnapshotsView(d, s.now())), nil
}

func (s *Server) showBackups(d *fleet.Detail, _ *http.Request) (templ.Component, error) {
	return backupsPanel(newBackupsView(d, s.now())), nil
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
