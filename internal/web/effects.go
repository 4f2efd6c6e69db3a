package web

import (
	"fmt"
	"net/http"
	"time"

	"berth/internal/fleet"
	"berth/internal/web/ui"
)

// effectsView is what goes with a container when it is deleted, and what stays.
type effectsView struct {
	Goes     []string
	Stays    []string
	Unknown  []string
	NoBackup bool
	Storages []string // for a backup before
}

// getGoesWith asks Proxmox what goes with a container. The dialog is on the screen meanwhile: it is the one place where a
// browser waits for Proxmox.
func (s *Server) getGoesWith(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	effects, err := s.actions.GoesWith(r.Context(), actorOf(r), c.Key())
	if message := sentence(err); message != "" {
		return render(w, r, http.StatusOK, goesWith(effectsView{Unknown: []string{message}}))
	}
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, goesWith(newEffectsView(effects, s.now())))
}

func newEffectsView(e fleet.DeleteEffects, now time.Time) effectsView {
	v := effectsView{Unknown: e.Unknown}
	for _, d := range e.Disks {
		if d.Stays {
			v.Stays = append(v.Stays, diskText(d))
		} else {
			v.Goes = append(v.Goes, diskText(d))
		}
	}
	if e.Snapshots > 0 {
		v.Goes = append(v.Goes, counted(e.Snapshots, "snapshot"))
	}
	v.NoBackup = len(e.Backups) > 0
	for _, b := range e.Backups {
		v.Storages = append(v.Storages, b.Storage)
		if b.Count > 0 {
			v.NoBackup = false
			v.Stays = append(v.Stays, fmt.Sprintf("%s on %s, %s, the newest %s", counted(b.Count, "backup"), b.Storage, ui.Bytes(b.SizeBytes), ui.AgoText(now.Sub(b.Latest))))
		}
	}
	return v
}

// diskText says "rootfs / on local-lvm, 8 GiB".
func diskText(d fleet.Disk) string {
	text := d.Name
	if d.Path != "" {
		text += " " + d.Path
	}
	if d.Storage != "" {
		text += " on " + d.Storage
	} else {
		text += " (" + d.Volume + ")"
	}
	if d.SizeBytes > 0 {
		text += ", " + ui.Bytes(d.SizeBytes)
	}
	return text
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
