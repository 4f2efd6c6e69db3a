package fleet

import (
	"context"
	"errors"
	"fmt"

	"berth"
	"berth/internal/console"
	"berth/internal/pve"
)

// consoleFarewells is what the terminal of a container says when it ends by itself: its program has ended, or the
// container does not run. A console that was left with Ctrl-\ or lost its connection says neither (pve-container 6.1.10).
var consoleFarewells = []string{"[EOF - dtach terminating]", " is not running"}

// ConsoleDoor is the way to the console of the container with that key. Returns NotFound, or what berth.CheckConsole says
// against it. Opening gives Unavailable, Forbidden or Conflict.
func (a *Actions) ConsoleDoor(by berth.Actor, key string) (console.Door, error) {
	p, c, err := a.find(by.Access, key)
	if err != nil {
		return console.Door{}, err
	}
	if refusal := berth.CheckConsole(c, by.Access.On(c)); refusal != nil {
		return console.Door{}, refusal.Err
	}
	if p.client == nil {
		return console.Door{}, berth.Errorf(berth.Unavailable, "Cluster %s is not connected.", c.Cluster)
	}
	about := berth.Event{Cluster: c.Cluster, ContainerID: c.ID, VMID: c.VMID, Subject: fmt.Sprintf("%s (%d on %s)", c.Hostname, c.VMID, c.Node)}
	open := func(ctx context.Context) (console.Terminal, error) {
		terminal, err := p.client.OpenConsole(ctx, c.Node, c.VMID)
		if err != nil {
			return nil, consoleProblem(c, err)
		}
		return terminal, nil
	}
	return console.Door{Open: open, About: about, Farewells: consoleFarewells}, nil
}

// consoleProblem says for people why a console did not open.
func consoleProblem(c *berth.Container, err error) error {
	refuse := func(code berth.Code, format string, args ...any) error {
		return &berth.Error{Code: code, Message: fmt.Sprintf(format, args...), Err: err}
	}
	if errors.Is(err, pve.ErrConsoleRefused) {
		return refuse(berth.Conflict, "Node %s did not let Berth in: before Proxmox VE 9.2 an API token cannot open a console. Update the node.", c.Node)
	}
	switch problem := pve.Classify(err); problem.Kind {
	case pve.KindNodeUnreachable:
		return refuse(berth.Unavailable, "Node %s does not answer.", c.Node)
	case pve.KindForbidden:
		return refuse(berth.Forbidden, "Berth's token may not open the console of %s: it lacks VM.Console on %s.", c.Hostname, berth.GuestPath(c.VMID))
	case pve.KindNoContainer:
		return refuse(berth.NotFound, "%s does not exist any more.", c.Hostname)
	case pve.KindUnauthenticated, pve.KindUntrusted:
		return refuse(berth.Conflict, "Cluster %s does not let Berth in. %s", c.Cluster, plainProblem(err))
	}
	return refuse(berth.Unavailable, "The console of %s did not open. %s", c.Hostname, plainProblem(err))
}
