package web

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"berth"
)

// detailView is what the page of one container shows of the snapshot to somebody of a role, besides what a card shows.
type detailView struct {
	Facts    []fact
	Choices  []actionChoice // every action
	Usual    string         // name of the one that is offered first
	Links    []serviceView  // services with a web interface
	Switches []switchView
	History  templ.SafeURL
	Doing    string // changes when something begins or ends to be done to it
	Tags     tagsView
	Console  linkChoice
}

// switchView is a property of a container that can be switched on and off.
type switchView struct {
	Label, Hint string
	On          bool
	actionChoice
}

const linksInHead = 6 // of services; the overview has all

type fact struct{ Label, Value string }

func newDetailView(c *berth.Container, role berth.Role) detailView {
	var d detailView
	add := func(label, value string) {
		if value != "" {
			d.Facts = append(d.Facts, fact{label, value})
		}
	}
	add("Cluster", c.Cluster)
	add("Node", c.Node)
	add("VMID", strconv.Itoa(c.VMID))
	add("Addresses", addressesText(c.Addresses))
	add("Pool", c.Pool)
	add("Template", c.Template)
	add("High availability", c.HAState)
	add("Operating system", c.OSType)
	add("Marks", strings.Join(marks(c), ", "))
	d.Console, d.Tags = consoleChoice(c, role), newTagsView(c, role)
	d.addSwitch(c, role, berth.ActionProtection, "Protection", "Proxmox refuses to delete it and its disks", c.Protected)
	d.addSwitch(c, role, berth.ActionOnBoot, "Autostart", "It starts together with its node", c.OnBoot)
	d.Doing = c.Lock
	if c.Pending != nil {
		d.Doing = c.Pending.JobID + " " + c.Lock
	}
	d.Choices, d.Usual = newSheetView(c, role).Choices, usualOffer(c)
	for _, service := range c.Services {
		if service.WebURL != "" && len(d.Links) < linksInHead {
			d.Links = append(d.Links, serviceView{Name: service.Name, URL: service.WebURL})
		}
	}
	d.History = historyOf(c)
	return d
}

func historyOf(c *berth.Container) templ.SafeURL {
	return templ.SafeURL("/audit?" + url.Values{"q": {c.Cluster + ":" + strconv.Itoa(c.VMID)}}.Encode())
}

// addSwitch adds the switch of an action, unless the container is gone and has none.
func (d *detailView) addSwitch(c *berth.Container, role berth.Role, action berth.Action, label, hint string, on bool) {
	for _, o := range offers {
		if o.Action == action && o.suits(c) {
			d.Switches = append(d.Switches, switchView{Label: label, Hint: hint, On: on, actionChoice: newActionChoice(c, o, role)})
		}
	}
}

func addressesText(addresses []berth.Address) string {
	texts := make([]string, 0, len(addresses))
	for _, a := range addresses {
		texts = append(texts, a.Prefix.String()+" ("+a.Interface+", "+string(a.Source)+")")
	}
	return strings.Join(texts, "; ")
}

func containerPath(c *berth.Container) string {
	return "/containers/" + c.Cluster + ":" + strconv.Itoa(c.VMID)
}

// containerQuery is the query that means just c.
func containerQuery(c *berth.Container) string {
	return "cluster:" + c.Cluster + " vmid:" + strconv.Itoa(c.VMID)
}

// parseContainerID reads "home:101".
func parseContainerID(id string) (cluster string, vmid int, err error) {
	cluster, number, found := strings.Cut(id, ":")
	vmid, err = strconv.Atoi(number)
	if !found || err != nil || cluster == "" {
		return "", 0, berth.Errorf(berth.NotFound, "“%s” does not name a container; a container is named like home:101.", id)
	}
	return cluster, vmid, nil
}
