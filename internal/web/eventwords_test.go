package web

import (
	"testing"

	"berth"
)

func TestEventsAreSentences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		event berth.Event
		want  string
	}{
		{berth.Event{Actor: "anna", Action: "container.stop", Details: map[string]string{"state": "requested"}}, "anna asked to stop web1"},
		{berth.Event{Actor: "anna", Action: "container.stop", Details: map[string]string{"state": "succeeded", "after": "stopped"}}, "anna stopped web1"},
		{berth.Event{Actor: "anna", Action: "container.shutdown", Details: map[string]string{"state": "failed", "message": "Proxmox says: no."}}, "anna could not shut down web1: Proxmox says: no."},
		{berth.Event{Actor: "anna", Action: "container.start", Details: map[string]string{"state": "cancelled"}}, "anna did not start web1, it was cancelled"},
		{berth.Event{Actor: "anna", Action: "container.protection", Details: map[string]string{"state": "succeeded", "after": "on"}}, "anna changed the protection of web1: on"},
		{berth.Event{Actor: "root@pam", Source: "proxmox", Action: "container.stop", Details: map[string]string{"state": "succeeded", "task": "vzstop", "exit": "OK"}}, "root@pam stopped web1 outside Berth (vzstop)"},
		{berth.Event{Actor: "root@pam", Source: "proxmox", Action: "container.backup", Details: map[string]string{"state": "failed", "task": "vzdump", "exit": "job errors"}}, "root@pam could not back up web1 outside Berth (vzdump): job errors"},
		{berth.Event{Actor: "unknown", Source: "proxmox", Action: "container.stop", Details: map[string]string{"state": "succeeded", "before": "running", "after": "stopped"}}, "web1 was stopped outside Berth, no task seen"},
		{berth.Event{Actor: "unknown", Source: "proxmox", Action: "container.move", Details: map[string]string{"before": "pve1", "after": "pve2"}}, "web1 was moved outside Berth from pve1 to pve2, no task seen"},
		{berth.Event{Actor: "unknown", Source: "proxmox", Action: "container.config", Details: map[string]string{"keys": "cores, memory"}}, "web1 was configured outside Berth: cores, memory"},
		{berth.Event{Actor: "anna", Action: "container.console-open"}, "anna opened the console of web1"},
		{berth.Event{Actor: "anna", Action: "container.console-close"}, "anna closed the console of web1"},
		{berth.Event{Actor: "anna", Action: "user.add", Details: map[string]string{"role": "viewer"}}, "anna added web1: viewer"},
		{berth.Event{Actor: "anna", Action: "sign-in"}, "anna signed in as web1"},
		{berth.Event{Actor: "anna", Action: "reindex"}, "anna reindex web1"},
		{berth.Event{Actor: "anna", Action: "user.second-factor", Details: map[string]string{"state": "off"}}, "anna changed the second factor of web1: off"},
		{berth.Event{Actor: "anna", Action: "group.join", Details: map[string]string{"user": "bert"}}, "anna added somebody to web1: bert"},
		{berth.Event{Actor: "anna", Action: "session.sign-in-refused"}, "anna sign in refused web1"},
	} {
		does, then := eventWords(&c.event)
		got := "web1" + then
		if does != "" {
			got = c.event.Actor + " " + does + " " + got
		}
		if got != c.want {
			t.Errorf("%s by %s is said as\n%q, want\n%q", c.event.Action, c.event.Actor, got, c.want)
		}
	}
}

// Every action that can be asked for has words of its own.
func TestEveryActionHasWords(t *testing.T) {
	t.Parallel()
	for _, a := range berth.Actions() {
		if _, known := deeds["container."+string(a)]; !known {
			t.Errorf("the history has no words for %s", a)
		}
	}
}
