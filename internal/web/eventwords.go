package web

import (
	"cmp"
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
	"container.backup": {"back up", "backed up"}, "container.backup-delete": {"delete a backup of", "deleted a backup of"}, "container.clean-up": {"clean up", "cleaned up"}, "container.resize": {"resize a disk of", "resized a disk of"},
	"container.move-volume":  {"move a disk of", "moved a disk of"},
	"container.protection":   {"change the protection of", "changed the protection of"},
	"container.onboot":       {"change the autostart of", "changed the autostart of"},
	"container.console-open": {"open the console of", "opened the console of"}, "container.console-close": {"close the console of", "closed the console of"},
	"container.replaced": {"", "noticed that another container has taken the VMID of"},
	"container.config":   {"configure", "configured"}, "container.move": {"move", "moved"},
	"user.add": {"add", "added"}, "user.remove": {"remove", "removed"}, "user.link": {"make a sign-in link for", "made a sign-in link for"},
	"user.password": {"change the password of", "changed the password of"}, "user.second-factor": {"change the second factor of", "changed the second factor of"},
	"group.add": {"add", "added"}, "group.remove": {"remove", "removed"}, "group.join": {"add somebody to", "added somebody to"}, "group.leave": {"take somebody out of", "took somebody out of"},
	"access.give": {"give access to", "gave access to"}, "access.take": {"take access from", "took access from"},
	"token.add": {"make", "made"}, "token.revoke": {"revoke", "revoked"}, "token.expired": {"use", "tried to use the expired"}, "token.address": {"use", "used from a new address"},
	"sso.add": {"let people in through", "let people in through"}, "sso.remove": {"let nobody in through", "let nobody in any more through"}, "key.rotate": {"change", "changed"},
	"setup": {"set up Berth as", "set up Berth as"}, "sign-in": {"sign in as", "signed in as"}, "sign-in.failed": {"sign in as", "could not sign in as"}, "session.end": {"end sessions of", "ended sessions of"},
	"image.download":          {"fetch", "fetched"},
	"service.set-credentials": {"set the credentials of", "set the credentials of"},
	"cluster.add":             {"connect", "connected"}, "cluster.remove": {"disconnect", "disconnected"},
	"cluster.token": {"give another API token to", "gave another API token to"}, "cluster.pin": {"pin another certificate of", "pinned another certificate of"}, "cluster.endpoints": {"change the addresses of", "changed the addresses of"},
	"service.reveal-credentials": {"reveal the credentials of", "revealed the credentials of"},
}

// unseen is what happened where nobody was seen doing it. The subject comes before.
var unseen = map[string]string{
	"container.start": "was started outside Berth, no task seen", "container.stop": "was stopped outside Berth, no task seen",
	"container.appear": "appeared, no task seen", "container.vanish": "is not listed any more, no task seen",
	"container.config": "was configured outside Berth",
}

// unseenActor is who did what nobody was seen doing, in the history.
const unseenActor = "unknown"

// eventWords says what was done, before the subject, and what else there is to say, after it. Without anything before it,
// it is the subject that does something.
func eventWords(e *berth.Event) (does, then string) {
	if e.Actor == unseenActor && e.Source == "proxmox" {
		return "", " " + unseenWords(e)
	}
	d := deedOf(e.Action)
	outside, reason := "", e.Details["message"]
	if e.Source == "proxmox" && e.Details["task"] != "" {
		outside, reason = " outside Berth ("+e.Details["task"]+")", e.Details["exit"]
	}
	switch e.Details["state"] {
	case "requested":
		return "asked to " + d.verb, outside
	case string(berth.JobRunning):
		return "began to " + d.verb, outside
	case string(berth.JobFailed):
		return "could not " + d.verb, outside + because(reason)
	case string(berth.JobCancelled):
		return "did not " + d.verb, ", it was cancelled" + because(reason)
	}
	if more := cmp.Or(e.Details["user"], e.Details["role"], onOff(e.Details["after"]), onOff(e.Details["state"])); more != "" {
		return d.past, ": " + more
	}
	return d.past, outside
}

// onOff is the state of a switch; empty for everything else.
func onOff(text string) string {
	if text == "on" || text == "off" {
		return text
	}
	return ""
}

// deedOf says an action that has no words of its own by its name.
func deedOf(action string) deed {
	if d, known := deeds[action]; known {
		return d
	}
	word := strings.ReplaceAll(action[strings.Index(action, ".")+1:], "-", " ")
	return deed{verb: word, past: word}
}

func unseenWords(e *berth.Event) string {
	switch {
	case e.Action == "container.move":
		return "was moved outside Berth from " + e.Details["before"] + " to " + e.Details["after"] + ", no task seen"
	case e.Details["keys"] != "":
		return unseen[e.Action] + ": " + e.Details["keys"]
	case unseen[e.Action] != "":
		return unseen[e.Action]
	}
	return deedOf(e.Action).past + because(e.Details["message"])
}

func because(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}
