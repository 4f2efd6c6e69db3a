package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/web/ui"
)

// cardView is a container as a card shows it.
type cardView struct {
	DOMID     string
	Key       string // names the container among all clusters
	Href      templ.SafeURL
	Pool      string
	Hostname  string
	VMID      int
	Node      string
	Cluster   string
	Place     string // node, and the cluster when there is more than one
	Status    statusView
	Live      string // what Proxmox says, where the status says something else
	Why       string // why the status is unknown
	Since     time.Time
	Gone      bool // it was deleted then
	Now       time.Time
	Addresses []addressView
	Lock      string
	Tags      []string
	Template  string
	Odd       []string
	Actions   []actionChoice // offered on the card at once
	Pending   *pendingView
	Marks     []string // template guest, protected
	OddText   string
	StartedAt time.Time
	CreatedAt time.Time

	CPU, Memory, Disk figureView

	Services     []serviceView
	MoreServices int
}

type statusView struct {
	Name, Class, Icon string
	Pulse             bool
}

type addressView struct {
	Text, Hint string
	Dynamic    bool // not fixed in the configuration
}

type figureView struct {
	Used, Of, Exact string // "1.8 GiB", "4 GiB", both in one sentence
	Fraction        float64
}

type serviceView struct{ Name, URL, Status, Class string }

const servicesOnCard = 3

// newCardView tells what the card of c shows to somebody with that role on it, whose element has the id; many tells whether there is more than one cluster.
func newCardView(c *berth.Container, role berth.Role, id string, many bool, now time.Time) cardView {
	v := cardView{
		DOMID: id, Key: c.Key(), Href: templ.SafeURL(containerPath(c)), Pool: c.Pool, Hostname: hostname(c), VMID: c.VMID, Node: c.Node, Cluster: c.Cluster, Place: c.Node,
		Status: newStatusView(c.Status), Why: unknownText(c), Since: c.Since, Gone: c.Unknown == berth.UnknownGone, Now: now,
		Addresses: newAddressViews(c.Addresses), Lock: c.Lock, Tags: c.Tags, Template: c.Template, Odd: c.OddFields,
		OddText: "Proxmox VE gave values that Berth cannot read: " + strings.Join(c.OddFields, ", "),
	}
	v.Marks, v.Pending = marks(c), newPendingView(c)
	if o, err := offerNamed(usualOffer(c)); err == nil {
		v.Actions = append(v.Actions, newActionChoice(c, o, role))
	}
	if many {
		v.Place = c.Cluster + " · " + c.Node
	}
	if c.Status == berth.StatusError || c.Status == berth.StatusCreating {
		v.Live = string(c.Live)
	}
	if c.Status == berth.StatusRunning {
		v.StartedAt = c.StartedAt
	}
	v.CreatedAt = c.CreatedAt
	v.CPU, v.Memory, v.Disk = cpuFigure(c), memoryFigure(c), diskFigure(c)
	v.Services, v.MoreServices = newServiceViews(c.Services)
	return v
}

// domID is the id of the container's element on a page. Cluster names are made of letters, digits and dashes.
func domID(c *berth.Container) string { return "c-" + c.Cluster + "-" + strconv.Itoa(c.VMID) }

func hostname(c *berth.Container) string {
	if c.Hostname == "" {
		return "CT" + strconv.Itoa(c.VMID) // as Proxmox VE itself names a container without a name
	}
	return c.Hostname
}

// pendingView is what is being done to a container.
type pendingView struct {
	Text, By string
	Since    time.Time
	Href     templ.SafeURL
}

func newPendingView(c *berth.Container) *pendingView {
	if c.Pending == nil {
		return nil
	}
	return &pendingView{Text: berth.Action(c.Pending.Action).During(), By: c.Pending.By, Since: c.Pending.Since, Href: templ.SafeURL("/jobs/" + c.Pending.JobID)}
}

// marks are properties that people should see before they act.
func marks(c *berth.Container) []string {
	var all []string
	if c.PVETemplate {
		all = append(all, "template guest")
	}
	if c.Protected {
		all = append(all, "protected")
	}
	return all
}

func newStatusView(s berth.Status) statusView {
	icons := map[berth.Status]string{
		berth.StatusRunning: "circle-play", berth.StatusStopped: "circle-stop", berth.StatusError: "circle-x",
		berth.StatusCreating: "loader-circle", berth.StatusUnknown: "circle-question-mark",
	}
	return statusView{Name: string(s), Class: "tone-" + string(s), Icon: icons[s], Pulse: s == berth.StatusCreating}
}

func unknownText(c *berth.Container) string {
	switch c.Unknown {
	case berth.UnknownGone:
		return "Deleted outside Berth"
	case berth.UnknownNode:
		return "Node " + c.Node + " is offline"
	case berth.UnknownCluster:
		return "No answer from cluster " + c.Cluster
	case berth.UnknownNeverPolled:
		return "Last known state; waiting for " + c.Cluster
	case berth.UnknownNotSampled:
		return "Proxmox VE has no figures of it yet"
	}
	return ""
}

func newAddressViews(addresses []berth.Address) []addressView {
	views := make([]addressView, 0, len(addresses))
	for _, a := range addresses {
		views = append(views, addressView{Text: a.Prefix.Addr().String(), Hint: a.Interface + ", " + string(a.Source), Dynamic: a.Source == berth.AddressDynamic})
	}
	return views
}

func cpuFigure(c *berth.Container) figureView {
	if !c.HasFigures || c.Live != berth.LiveRunning {
		return figureView{Used: "–", Of: ui.Cores(c.CPUs)}
	}
	return figureView{
		Used: ui.Percent(c.CPU), Of: ui.Cores(c.CPUs), Fraction: c.CPU,
		Exact: fmt.Sprintf("%.1f %% of %s", 100*c.CPU, ui.Cores(c.CPUs)),
	}
}

func memoryFigure(c *berth.Container) figureView {
	return amount(c.MemoryBytes, c.MemoryLimitBytes, c.HasFigures && c.Live == berth.LiveRunning)
}

// A stopped container reports no disk use, which does not mean that its disk is empty.
func diskFigure(c *berth.Container) figureView {
	return amount(c.DiskBytes, c.DiskLimitBytes, c.HasFigures && c.Live == berth.LiveRunning)
}

func amount(used, limit int64, known bool) figureView {
	f := figureView{Used: "–"}
	if limit > 0 {
		f.Of = ui.Bytes(limit)
	}
	if !known {
		return f
	}
	f.Used, f.Exact = ui.Bytes(used), ui.Bytes(used)
	if limit > 0 {
		f.Fraction = float64(used) / float64(limit)
		f.Exact = fmt.Sprintf("%s of %s", f.Used, f.Of)
	}
	return f
}

func newServiceViews(services []berth.Service) (views []serviceView, more int) {
	for i := range services[:min(len(services), servicesOnCard)] {
		views = append(views, newServiceView(&services[i]))
	}
	return views, len(services) - len(views)
}

func newServiceView(s *berth.Service) serviceView {
	classes := map[berth.ServiceStatus]string{
		berth.ServiceHealthy: "status-success", berth.ServiceFailed: "status-error", berth.ServiceUnknown: "status-warning",
	}
	return serviceView{Name: s.Name, URL: s.WebURL, Status: string(s.Status), Class: classes[s.Status]}
}
