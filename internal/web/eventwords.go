package web

import (
	"strings"

	"berth"
)

// deed is how people say what an action does: "could not stop", "stopped".
type deed struct{ verb, past string }

// deeds are the actions of events. The subject follows.
var deeds = map[string]deed{
	"container.start": {"start", "started"}, "container.shutdown": {"shut down", "shut down"}, "container.stop": {"stop", "stopped"},
	"container.reboot": {"reboot", "rebooted"}, "container.delete": {"delete", "deleted"},
	"container.suspend": {"suspend", "suspended"}, "container.resume": {"resume", "resumed"}, "container.create": {"create", "created"},
	"container.restore": {"restore", "restored"}, "container.clone": {"clone", "cloned"}, "container.template": {"make a template of", "made a template of"},
	"container.migrate": {"migrate", "migrated"}, "container.snapshot": {"take a snapshot of", "took a snapshot of"},
	"container.snapshot-delete": {"delete a snapshot of", "deleted a snapshot of"}, "container.rollback": {"roll back", "rolled back"},
	"container.backup": {"back up", "backed up"}, "container.resize": {"resize a disk of", "resized a disk of"},
	"container.move-volume": {"move a disk of", "moved a disk of"},
	"container.protection":  {"change the protection of", "changed the protection of"},
	"container.onboot":      {"change the autostart of", "changed the autostart of"},
	"container.replaced":    {"", "noticed that another container has taken the VMID of"},
	"user.add":              {"add", "added"}, "user.remove": {"remove", "removed"},
	"cluster.add": {"connect", "connected"}, "cluster.remove": {"disconnect", "disconnected"},
	"service.reveal-credentials": {"reveal the credentials of", "revealed the credentials of"},
}

// eventWords says what was done, before the subject, and what else there is to say, after it.
func eventWords(e *berth.Event) (does, then string) {
	d, known := deeds[e.Action]
	if !known {
		_, word, _ := strings.Cut(e.Action, ".")
		word = strings.ReplaceAll(word, "-", " ")
		d = deed{verb: word, past: word}
	}
	outside := ""
	if e.Source == "proxmox" {
		outside = " outside Berth"
	}
	switch e.Details["state"] {
	case "requested":
		return "asked to " + d.verb, outside
	case string(berth.JobFailed):
		return "could not " + d.verb, outside + because(e.Details["message"])
	case string(berth.JobCancelled):
		return "did not " + d.verb, ", it was cancelled" + because(e.Details["message"])
	}
	if after := e.Details["after"]; after == "on" || after == "off" {
		return d.past, ": " + after
	}
	return d.past, outside
}

func because(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}
