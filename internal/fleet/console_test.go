package fleet

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"berth"
	"berth/internal/console"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// running gives a running container.
func (r *actionRig) running() *berth.Container {
	r.t.Helper()
	for _, c := range r.Snapshot().Clusters[0].Containers {
		if c.Status == berth.StatusRunning && c.Lock == "" {
			return c
		}
	}
	r.t.Fatal("no container runs")
	return nil
}

func TestConsoleThatDoesNotOpenSaysWhy(t *testing.T) {
	t.Parallel()
	old := act(t, storetest.Open(t, storetest.SQLite), pvesim.Options{Version: "8.4", Containers: 8}, hurried)
	now := act(t, storetest.Open(t, storetest.SQLite), pvesim.Options{Containers: 8}, hurried)
	fault := func(status int, reason string) *pvesim.Fault {
		return &pvesim.Fault{Path: "/nodes/*/lxc/*/termproxy", Times: 1, Status: status, Reason: reason}
	}
	for name, test := range map[string]struct {
		r     *actionRig
		fault *pvesim.Fault
		code  berth.Code
		want  string
	}{
		"before Proxmox VE 9.2": {old, nil, berth.Conflict, "Node NODE did not let Berth in: before Proxmox VE 9.2 an API token cannot open a console. Update the node."},
		"node unreachable":      {now, fault(595, "No route to host"), berth.Unavailable, "Node NODE does not answer."},
		"without VM.Console":    {now, fault(http.StatusForbidden, "Permission check failed (/vms/101, VM.Console)"), berth.Forbidden, "Berth's token may not open the console of NAME: it lacks VM.Console on /vms/"},
		"no free port":          {now, fault(http.StatusInternalServerError, "unable to find free port (5900-5999)"), berth.Unavailable, "The console of NAME did not open. Unable to find free port (5900-5999)."},
		"deleted meanwhile":     {now, fault(http.StatusInternalServerError, "Configuration file 'nodes/pve1/lxc/101.conf' does not exist"), berth.NotFound, "NAME does not exist any more."},
	} { // one after the other: a fault is for the next request
		if test.fault != nil {
			test.r.sim.Fail(*test.fault)
		}
		c := test.r.running()
		door, err := test.r.ConsoleDoor(anna, c.Key())
		if err != nil {
			t.Fatal(err)
		}
		_, err = door.Open(t.Context())
		want := strings.NewReplacer("NODE", c.Node, "NAME", c.Hostname).Replace(test.want)
		if berth.CodeOf(err) != test.code || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %s %v, want %s %q", name, berth.CodeOf(err), err, test.code, want)
		}
	}
}

func TestConsoleDoorIsForOperatorsOnThatContainer(t *testing.T) {
	t.Parallel()
	r := act(t, storetest.Open(t, storetest.SQLite), pvesim.Options{Containers: 8}, hurried)
	c := r.running()
	viewer := berth.Actor{Name: "vera", Access: berth.Everywhere(berth.RoleViewer)}
	if _, err := r.ConsoleDoor(viewer, c.Key()); berth.CodeOf(err) != berth.Forbidden {
		t.Errorf("a viewer gets %v, want Forbidden", err)
	}
	if _, err := r.ConsoleDoor(berth.Actor{Name: "nobody"}, c.Key()); berth.CodeOf(err) != berth.NotFound {
		t.Errorf("who must not know of it gets %v, want NotFound", err)
	}
	door, err := r.ConsoleDoor(anna, c.Key())
	if err != nil || door.About.VMID != c.VMID || door.About.Cluster != "home" || !strings.HasPrefix(door.About.Subject, c.Hostname) {
		t.Errorf("the door is %+v, %v", door, err)
	}
}

// Ctrl-\ leaves the terminal that Proxmox VE keeps, in which everything goes on: the console comes back to it.
func TestConsoleComesBackAfterItWasLeft(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{Containers: 8}, hurried)
	c := r.running()
	if err := r.sim.SetConfig(c.VMID, "cmode", "shell"); err != nil {
		t.Fatal(err)
	}
	consoles := console.New(r.ConsoleDoor, s.AddEvent, slog.New(slog.DiscardHandler))
	defer consoles.Close()
	v, err := consoles.Join(t.Context(), anna, c.Key())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var said strings.Builder
	until := func(text string) {
		t.Helper()
		for !strings.Contains(said.String(), text) {
			news, err := v.Next(ctx)
			if err != nil {
				t.Fatalf("waiting for %q: %v; have %q", text, err, said.String())
			}
			said.Write(news.Output)
		}
		_, rest, _ := strings.Cut(said.String(), text)
		said.Reset()
		said.WriteString(rest)
	}
	typed := func(text string) {
		t.Helper()
		if err := v.Type(ctx, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	until("# ")
	typed("x=$((40+2))\r")
	until("# ")
	typed("\x1c")
	until("[detached]")
	until("\x1b[H\x1b[J") // joined again
	typed("echo still-$x\r")
	until("still-42")
	v.Leave()
	consoles.Close()
	events, err := s.Events(t.Context(), store.EventFilter{Text: "console"}, "", 10)
	if err != nil || len(events) != 2 || events[0].Action != "container.console-close" || events[1].Action != "container.console-open" {
		t.Errorf("the history has %+v, %v; want that the console was opened and closed once", events, err)
	}
}
