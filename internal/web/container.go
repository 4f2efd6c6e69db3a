package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/a-h/templ"
	"github.com/google/uuid"

	"berth"
	"berth/internal/fleet"
	"berth/internal/store"
	"berth/internal/web/ui"
)

// tab is a part of the page of a container, with an address of its own.
type tab struct {
	Name, Title, Icon string // the name is the last part of the address; empty: the overview
}

// tabs is every tab, in the order in which they are shown.
var tabs = []tab{
	{"", "Overview", "gauge"}, {"events", "Events", "history"}, {"snapshots", "Snapshots", "camera"}, {"backups", "Backups", "archive"},
	{"config", "Configuration", "sliders-horizontal"}, {"console", "Console", "square-terminal"},
}

// containerFrame is what every tab of the page of a container shows.
type containerFrame struct {
	Path       string // of the page
	Tabs       []tabLink
	Before     neighbour // in the list that somebody came from
	After      neighbour
	List       templ.SafeURL
	LastBackup lastBackupView
	Tags       tagsView
	MayTag     bool     // at times: Tags says whether it is possible now
	KnownTags  []string // of all containers in sight
	Failed     jobRow   // the creation that failed; without an id: none did
}

// tabLink leads to a tab, or says why somebody of the role may not open it.
type tabLink struct {
	menuLink
	Refusal string // empty: they may
}

type neighbour struct {
	Name string
	Href templ.SafeURL // empty: there is none
}

// getContainer shows the overview of one container, named by cluster and VMID, /containers/home:101, or by Berth's own id.
func (s *Server) getContainer(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if uuid.Validate(id) == nil {
		return s.getContainerByID(w, r, id)
	}
	return s.getTab(w, r, "", func(d *fleet.Detail) templ.Component {
		return overviewTab(newNowView(d, accessOf(r).On(d.Container), s.now()), containerPath(d.Container))
	})
}

// getTab shows a tab, with nothing yet that Proxmox must be asked for: kept are parts of the database. Of a container that is
// gone it shows the history.
func (s *Server) getTab(w http.ResponseWriter, r *http.Request, name string, content func(*fleet.Detail) templ.Component, kept ...fleet.Part) error {
	c, err := s.named(r)
	if berth.CodeOf(err) == berth.NotFound {
		return s.getGone(w, r, err)
	}
	if err != nil {
		return err
	}
	d, err := s.actions.Detail(r.Context(), actorOf(r), c.Key(), kept...)
	if err != nil {
		return err
	}
	return s.showTab(w, r, &d, name, content(&d))
}

// getGone shows the history of a container that is not there any more, if the one who asks may know of some.
func (s *Server) getGone(w http.ResponseWriter, r *http.Request, missing error) error {
	cluster, vmid, err := parseContainerID(r.PathValue("id"))
	if err != nil {
		return err
	}
	events, _, err := s.actions.Events(r.Context(), actorOf(r), store.EventFilter{Container: berth.ContainerKey(cluster, vmid)}, "", eventsOnPage)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return missing
	}
	v := goneView{Name: events[0].Subject, Now: s.now(), Events: s.newEventRows(r, events)}
	return render(w, r, http.StatusOK, gonePage(s.frame(r, v.Name, ui.Containers), v))
}

// showTab shows the page of a container with a tab open. Its head is live; nothing on it has waited for Proxmox.
func (s *Server) showTab(w http.ResponseWriter, r *http.Request, d *fleet.Detail, name string, content templ.Component) error {
	c := d.Container
	params, _, err := s.askedFor(&http.Request{URL: &url.URL{RawQuery: url.Values{"q": {containerQuery(c)}}.Encode()}})
	if err != nil {
		return err
	}
	params.Layout = detailLayout
	current, err := s.views.of(accessOf(r), params)
	if err != nil {
		return err
	}
	around := s.newContainerFrame(r, d, name)
	if around.Failed, err = s.failedCreation(r, c); err != nil {
		return err
	}
	frame := s.frame(r, hostname(c), ui.Containers)
	frame.Island = "container"
	if name == consoleTab {
		frame.Title, frame.Island = "Console of "+hostname(c), "console"
	}
	frame.Fresh = newFreshness(current.snapshot, s.now())
	return render(w, r, http.StatusOK, containerPage(frame, current, around, content))
}

// failedCreation is the job that was to create a container in error; without an id if there is none.
func (s *Server) failedCreation(r *http.Request, c *berth.Container) (jobRow, error) {
	if c.Lifecycle != berth.LifecycleError {
		return jobRow{}, nil
	}
	jobs, err := s.actions.Jobs(r.Context(), actorOf(r), store.JobFilter{Subject: c.Key()}, jobsShown)
	for _, j := range jobs {
		if j.Action == string(berth.ActionCreate) {
			return newJobRow(j, s.now()), nil
		}
	}
	return jobRow{}, err
}

func (s *Server) newContainerFrame(r *http.Request, d *fleet.Detail, open string) containerFrame {
	list := cameFrom(r)
	f := containerFrame{Path: containerPath(d.Container), LastBackup: newLastBackupView(d, s.now()), List: templ.SafeURL("/?" + list)}
	role := accessOf(r).On(d.Container)
	f.Tags, f.MayTag = newTagsView(d.Container, role), role.Includes(berth.RoleOperator)
	if f.MayTag {
		f.KnownTags = knownValues(s.seen(r), "tag")
	}
	kept := ""
	if list != "" {
		kept = "?" + url.Values{"list": {list}}.Encode()
	}
	for _, t := range tabs {
		address := f.Path
		if t.Name != "" {
			address += "/" + t.Name
		}
		link := tabLink{menuLink: menuLink{Text: t.Title, Icon: t.Icon, Href: templ.SafeURL(address + kept), Selected: t.Name == open}}
		if t.Name == consoleTab && !role.Includes(berth.RoleOperator) {
			link.Refusal = berth.CheckConsole(d.Container, role).Err.Message
		}
		f.Tabs = append(f.Tabs, link)
	}
	f.Before, f.After = s.neighbours(r, d.Container, list, kept)
	return f
}

// cameFrom gives the parameters of the list from which somebody came to a container, empty for the whole list: the page
// passes them on from tab to tab and from container to container.
func cameFrom(r *http.Request) string {
	if list := r.URL.Query().Get("list"); list != "" {
		return list
	}
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host || from.Path != "/" && from.Path != "/containers" {
		return ""
	}
	return from.RawQuery
}

// neighbours are the containers before and after c in the list.
func (s *Server) neighbours(r *http.Request, c *berth.Container, list, kept string) (before, after neighbour) {
	params, problem, err := s.askedFor(&http.Request{URL: &url.URL{RawQuery: list}})
	if err != nil || problem.Message != "" {
		return before, after // the list is somebody's own address; without it there are no neighbours
	}
	all := s.seen(r).View(params.Query, params.Sort, 0, s.now()).Containers
	at := slices.IndexFunc(all, func(other *berth.Container) bool { return other.Key() == c.Key() })
	link := func(i int) neighbour {
		if at < 0 || i < 0 || i >= len(all) {
			return neighbour{}
		}
		return neighbour{Name: hostname(all[i]), Href: templ.SafeURL(containerPath(all[i]) + kept)}
	}
	return link(at - 1), link(at + 1)
}

// containerPart is a handler of a part of the page that is loaded after it: it asks Proxmox for what it takes. A page whose
// container is gone by then is to be loaded anew: it shows the history.
func (s *Server) containerPart(target string, show func(*fleet.Detail, *http.Request) (templ.Component, error), parts ...fleet.Part) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		c, err := s.named(r)
		if err != nil {
			w.Header().Set("HX-Refresh", "true")
			return err
		}
		d, err := s.actions.Detail(r.Context(), actorOf(r), c.Key(), parts...)
		if err != nil {
			return err
		}
		part, err := show(&d, r)
		if err != nil {
			return err
		}
		return render(w, r, http.StatusOK, partialOf(target, part))
	}
}
