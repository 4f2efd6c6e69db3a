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

// lastBackupView is what the head of the page tells of the newest backup.
type lastBackupView struct {
	fleet.LastBackup
	Path     string // of the container
	Template bool   // of Proxmox: nobody has to be warned
	Now      time.Time
}

func newLastBackupView(d *fleet.Detail, now time.Time) lastBackupView {
	return lastBackupView{LastBackup: d.LastBackup, Path: containerPath(d.Container), Template: d.Container.PVETemplate, Now: now}
}

// runningView are the backups of a container that are being made.
type runningView struct {
	Path string // of the container
	Rows []fleet.RunningBackup
	Now  time.Time
}

// backupsView is the backups of a container on all storages.
type backupsView struct {
	Path    string // of the part
	Problem string // why they are not known
	Rows    []backupRow
	Unseen  []string // where there may be others
	Total   string
	Make    orderButton
	Running runningView
	Now     time.Time
}

type backupRow struct {
	fleet.Backup
	Size, Exact string
	Orders      []orderButton
}

func newBackupsView(d *fleet.Detail, role berth.Role, now time.Time) backupsView {
	c := d.Container
	v := backupsView{Running: runningView{Path: containerPath(c), Now: now}, Make: newOrderButton(c, role, "backup", "Back up now", nil), Path: containerPath(d.Container) + "/backups/now", Problem: d.Problems[fleet.PartBackups], Unseen: d.Unseen, Now: now}
	total := int64(0)
	for _, b := range d.Backups {
		total += b.SizeBytes
		which := url.Values{"volume": {b.Volume}}
		row := backupRow{Backup: b, Size: ui.Bytes(b.SizeBytes), Exact: b.At.In(now.Location()).Format("2006-01-02 15:04:05 MST"),
			Orders: []orderButton{newOrderButton(c, role, "restore", "Restore", which), newOrderButton(c, role, "restore-new", "Restore as new", which),
				newOrderButton(c, role, "backup-delete", "Delete", which)}}
		if b.Protected {
			row.Orders[2].Refusal = "It is protected against being deleted."
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
	v := newBackupsView(d, accessOf(r).On(d.Container), s.now())
	running, err := s.actions.RunningBackups(r.Context(), actorOf(r), d.Container.Key())
	v.Running.Rows = running
	return backupsPanel(v), err
}

// showRunning is the part that tells how far backups are.
func (s *Server) showRunning(d *fleet.Detail, r *http.Request) (templ.Component, error) {
	running, err := s.actions.RunningBackups(r.Context(), actorOf(r), d.Container.Key())
	return runningBackups(runningView{Path: containerPath(d.Container), Rows: running, Now: s.now()}), err
}

func (s *Server) showLastBackup(d *fleet.Detail, _ *http.Request) (templ.Component, error) {
	return lastBackup(newLastBackupView(d, s.now())), nil
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

// differenceView is how the configurations in two states of a container differ.
type differenceView struct {
	Path    string // of the dialog
	From    orderField
	To      orderField
	Changes []fleet.PendingChange
	Now     bool // one of them is the present state
}

// getDifference shows how the configuration differs between two snapshots, or between a snapshot and now.
func (s *Server) getDifference(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	from, to := r.URL.Query().Get("name"), r.URL.Query().Get("to")
	difference, err := s.actions.Difference(r.Context(), actorOf(r), c.Key(), from, to)
	if err != nil {
		return err
	}
	states := []choiceText{{Text: "now"}}
	for _, name := range difference.Snapshots {
		states = append(states, choiceText{Value: name, Text: name})
	}
	v := differenceView{Path: containerPath(c) + "/snapshots/difference", Changes: difference.Changes, Now: from == "" || to == "",
		From: orderField{Kind: "choice", Name: "name", Label: "From", Value: from, Choices: states, Again: true},
		To:   orderField{Kind: "choice", Name: "to", Label: "To", Value: to, Choices: states, Again: true}}
	return render(w, r, http.StatusOK, differenceSheet(v))
}
