package web

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/fleet"
	"berth/internal/web/ui"
)

// configView is a configuration in words.
type configView struct {
	Path     string
	Problem  string // why it is not known
	Known    bool
	Groups   []factGroup
	Notes    string // HTML, made harmless; empty: there are none
	Pending  []fleet.PendingChange
	Waiting  string // why it is not known what waits for a restart
	Edit     orderButton
	Versions []versionView // newest first
	Now      time.Time
}

type factGroup struct {
	Title, Icon string
	Facts       []fact
}

// span is a piece of text, which may lead somewhere.
type span struct {
	Text string
	Href templ.SafeURL // empty: nowhere
}

func newConfigView(d *fleet.Detail, whole bool) configView {
	v := configView{Path: containerPath(d.Container), Problem: d.Problems[fleet.PartConfig], Pending: d.Pending, Waiting: d.Problems[fleet.PartPending]}
	if d.Config == nil {
		return v
	}
	v.Known = true
	v.Notes = markdown(d.Config.Description)
	v.Groups = []factGroup{{"Resources", "cpu", resourceFacts(d.Config)}, {"Disks", "hard-drive", diskFacts(d.Config)}, {"Network", "network", networkFacts(d.Config)}}
	v.Groups = append(v.Groups, factGroup{"Options", "settings", optionFacts(d.Config, whole)})
	return v
}

func resourceFacts(c *fleet.Config) []fact {
	cores := "all cores of the node"
	if c.Cores > 0 {
		cores = ui.Cores(float64(c.Cores))
	}
	if c.CPULimit > 0 {
		cores += ", at most the time of " + ui.Cores(c.CPULimit)
	}
	facts := []fact{{"Processor", cores}, {"Memory", ui.Bytes(c.MemoryBytes)}, {"Swap", ui.Bytes(c.SwapBytes)}}
	if c.CPUUnits > 0 {
		facts = append(facts, fact{"CPU weight", strconv.Itoa(c.CPUUnits)})
	}
	return facts
}

func diskFacts(c *fleet.Config) []fact {
	facts := make([]fact, 0, len(c.Disks))
	for i := range c.Disks {
		d := &c.Disks[i]
		label := cmp.Or(d.Path, "not mounted")
		words := []string{d.Volume}
		if d.SizeBytes > 0 {
			words = append(words, ui.Bytes(d.SizeBytes))
		}
		if d.ReadOnly {
			words = append(words, "read only")
		}
		if d.Path != "" && !d.InBackups {
			words = append(words, "not in backups")
		}
		facts = append(facts, fact{d.Name + ": " + label, strings.Join(append(words, d.Options...), ", ")})
	}
	return facts
}

func networkFacts(c *fleet.Config) []fact {
	var facts []fact
	for i := range c.Networks {
		n := &c.Networks[i]
		words := []string{"on " + cmp.Or(n.Bridge, "no bridge")}
		add := func(is bool, text string) {
			if is {
				words = append(words, text)
			}
		}
		add(n.VLAN > 0, "VLAN "+strconv.Itoa(n.VLAN))
		add(n.IP != "", "IPv4 "+strings.Replace(n.IP, "dhcp", "by DHCP", 1))
		add(n.Gateway != "", "gateway "+n.Gateway)
		add(n.IP6 != "", "IPv6 "+n.IP6)
		add(n.Gateway6 != "", "gateway "+n.Gateway6)
		add(n.MAC != "", "MAC "+n.MAC)
		add(n.RateMBps > 0, fmt.Sprintf("at most %g MB/s", n.RateMBps))
		add(n.MTU > 0, "MTU "+strconv.Itoa(n.MTU))
		add(n.Firewall, "firewall on")
		add(n.Down, "disconnected")
		facts = append(facts, fact{cmp.Or(n.Name, n.Key), strings.Join(words, ", ")})
	}
	facts = append(facts, fact{"DNS servers", cmp.Or(c.Nameserver, "as on the node")}, fact{"Search domain", cmp.Or(c.SearchDomain, "as on the node")})
	return facts
}

func optionFacts(c *fleet.Config, whole bool) []fact {
	kind := "privileged: root inside is root on the node"
	if c.Unprivileged {
		kind = "unprivileged"
	}
	facts := []fact{{"Kind", kind}, {"Features", cmp.Or(strings.Join(c.Features, ", "), "none")}, {"Operating system", strings.TrimSpace(c.OSType + " " + c.Architecture)}}
	add := func(label, value string) {
		if value != "" {
			facts = append(facts, fact{label, value})
		}
	}
	add("Starts with its node", yesNo(c.OnBoot))
	add("Startup order", c.Startup)
	add("Devices", strings.Join(c.Devices, ", "))
	if whole {
		add("Hostname", c.Hostname)
		add("Tags", strings.Join(c.Tags, ", "))
		add("Protection", yesNo(c.Protection))
		add("Time zone", c.Timezone)
		add("Hook script", c.Hookscript)
		add("Lock", c.Lock)
		for _, other := range c.Others {
			add(other.Key, other.Now)
		}
		add("Digest", c.Digest)
	}
	return facts
}

func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// notes gives the lines of a text that others wrote, with its web addresses as links. Everything else stays text.
func notes(text string) [][]span {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	var lines [][]span
	for line := range strings.Lines(text) {
		lines = append(lines, spans(strings.TrimRight(line, "\r\n")))
	}
	return lines
}

func spans(line string) []span {
	var found []span
	for line != "" {
		at := linkAt(line)
		if at < 0 {
			return append(found, span{Text: line})
		}
		end := at + strings.IndexAny(line[at:]+" ", " \t<>\"'()[]{}|\\^`")
		link := strings.TrimRight(line[at:end], ".,;:!?*_")
		if at > 0 {
			found = append(found, span{Text: line[:at]})
		}
		found = append(found, span{Text: link, Href: templ.SafeURL(link)})
		line = line[at+len(link):]
	}
	return found
}

// linkAt gives where the first web address begins; -1: there is none.
func linkAt(line string) int {
	first := -1
	for _, scheme := range []string{"http://", "https://"} {
		if at := strings.Index(line, scheme); at >= 0 && (first < 0 || at < first) && len(line) > at+len(scheme) {
			first = at
		}
	}
	return first
}

// showAbout is the configuration on the overview.
func (s *Server) showAbout(d *fleet.Detail, _ *http.Request) (templ.Component, error) {
	return aboutPanel(newConfigView(d, false)), nil
}

func (s *Server) showConfig(d *fleet.Detail, r *http.Request) (templ.Component, error) {
	c, v := d.Container, newConfigView(d, true)
	versions, err := s.actions.ConfigHistory(r.Context(), actorOf(r), c.Key())
	if err != nil {
		return nil, err
	}
	v.Now, v.Versions = s.now(), newVersionViews(c, versions, s.now())
	v.Edit = orderButton{Title: "Change", Icon: "sliders-horizontal", URL: v.Path + "/config/edit", Name: "edit",
		Refusal: cmp.Or(v.Problem, refusalOf(c, berth.ActionRequest{Action: berth.ActionConfig}, accessOf(r).On(c)))}
	return configPanel(v), nil
}

// getConfigTab shows the configuration; it comes after the page.
func (s *Server) getConfigTab(w http.ResponseWriter, r *http.Request) error {
	return s.getTab(w, r, "config", func(d *fleet.Detail) templ.Component {
		return loading("config", containerPath(d.Container)+"/config/now", "The configuration is being read.")
	})
}
