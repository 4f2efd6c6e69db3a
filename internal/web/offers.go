package web

import (
	"strings"

	"berth"
)

// offer is an action as people are offered it. A switch is two offers, of which a container gets the one that changes it.
type offer struct {
	Name   string // in addresses
	Action berth.Action
	On     bool // the new state of a switch
	Title  string
	Icon   string
	Hint   string
	Text   string // before it is confirmed
	Asks   bool   // it is confirmed before it is done
	Danger bool
}

// offers is every action that people are offered, in the order they look for them.
var offers = []offer{
	{Name: "start", Action: berth.ActionStart, Title: "Start", Icon: "circle-play", Hint: "Boots it now", Text: "It is booted now."},
	{Name: "shutdown", Action: berth.ActionShutdown, Title: "Shut down", Icon: "power", Hint: "Asks its processes to end", Asks: true,
		Text: "Its processes are asked to end, and may finish what they do."},
	{Name: "stop", Action: berth.ActionStop, Title: "Stop", Icon: "circle-stop", Hint: "Kills it at once", Asks: true, Danger: true,
		Text: "All its processes are killed at once. What they have not saved is lost."},
	{Name: "reboot", Action: berth.ActionReboot, Title: "Reboot", Icon: "rotate-cw", Hint: "Shuts it down and starts it again", Asks: true,
		Text: "It is shut down and started again. Changes of its configuration that wait for a restart are applied."},
	{Name: "protect", Action: berth.ActionProtection, On: true, Title: "Protect", Icon: "shield", Hint: "Proxmox then refuses to delete it",
		Text: "Proxmox then refuses to delete it and its disks, until the protection is switched off."},
	{Name: "unprotect", Action: berth.ActionProtection, Title: "Unprotect", Icon: "shield-off", Hint: "It can be deleted then",
		Text: "It can be deleted then, by everybody who may delete containers."},
	{Name: "autostart", Action: berth.ActionOnBoot, On: true, Title: "Autostart", Icon: "toggle-right", Hint: "It then starts together with its node",
		Text: "It then starts by itself whenever its node starts."},
	{Name: "no-autostart", Action: berth.ActionOnBoot, Title: "No autostart", Icon: "toggle-left", Hint: "It then stays stopped when its node starts",
		Text: "It then stays stopped when its node starts."},
	{Name: "delete", Action: berth.ActionDelete, Title: "Delete", Icon: "trash-2", Hint: "Removes it and its disks", Asks: true, Danger: true,
		Text: "The container, its disks and its snapshots are destroyed. This cannot be undone."},
	{Name: "clean-up", Action: berth.ActionCleanUp, Title: "Clean up", Icon: "trash-2", Hint: "Removes what the creation has left", Asks: true, Danger: true,
		Text: "What the creation has made is destroyed, and Berth's record of it is closed. What somebody else has made of the VMID since is left alone."},
	{Name: "forget", Action: berth.ActionDelete, Title: "Forget", Icon: "trash-2", Hint: "Closes Berth's record of it", Asks: true,
		Text: "Proxmox does not have it any more. Berth closes its record of it, and it leaves the list. Its history stays."},
}

func offerNamed(name string) (offer, error) {
	for _, o := range offers {
		if o.Name == name {
			return o, nil
		}
	}
	return offer{}, berth.Errorf(berth.NotFound, "There is no action “%s”.", name)
}

// suits tells whether the offer makes sense for c, whether or not it is possible now.
func (o offer) suits(c *berth.Container) bool {
	gone := c.Unknown == berth.UnknownGone
	switch {
	case gone || o.Name == "forget":
		return gone && o.Name == "forget"
	case o.Action == berth.ActionCleanUp:
		return c.Lifecycle == berth.LifecycleError
	case o.Action == berth.ActionProtection:
		return o.On != c.Protected
	case o.Action == berth.ActionOnBoot:
		return o.On != c.OnBoot
	}
	return true
}

// request is what the offer asks for, as far as nobody has chosen anything.
func (o offer) request() berth.ActionRequest {
	return berth.ActionRequest{Action: o.Action, On: o.On, StopFirst: o.Action == berth.ActionDelete}
}

// typed tells whether text begins with the offer's title or name, and what follows it.
func (o offer) typed(text string) (rest string, ok bool) {
	for _, words := range []string{o.Title, o.Name} {
		if len(text) > len(words) && strings.EqualFold(text[:len(words)], words) && text[len(words)] == ' ' {
			return strings.TrimSpace(text[len(words):]), true
		}
	}
	return "", false
}
