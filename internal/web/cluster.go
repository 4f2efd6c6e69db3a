package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"berth"
	"berth/internal/fleet"
	"berth/internal/web/ui"
)

// clusterPage is one cluster: what Berth may do there, how it is reached, and the forms that change it.
type clusterPage struct {
	clusterCard
	Action    string // where its forms go
	Endpoints string // one on a line
	TokenID   string
	Pins      []string
	Findings  []findingView
	NoRights  bool // they are not known yet
	Admin     bool
	Added     time.Time
	Connected bool              // just now
	Shown     []certificateView // what the addresses show now, to be pinned
	NewPin    string
	Good      string // what went well
	Problem   string
	Fields    map[string]string
	SSH       sshView
}

type findingView struct {
	Feature, Where string
	State          statusView
	Missing        []string
	Commands       string
}

func newFindingView(f berth.Finding) findingView {
	v := findingView{Feature: f.Feature, Where: f.Where, Missing: f.Missing, Commands: strings.Join(f.Commands, "\n")}
	switch f.State {
	case berth.FeatureWorks:
		v.State = statusView{Name: "works", Class: "tone-running", Icon: "circle-check"}
	case berth.FeaturePartly:
		v.State = statusView{Name: "works in part", Class: "tone-creating", Icon: "circle-check"}
	case berth.FeatureMissing:
		v.State = statusView{Name: "not permitted", Class: "tone-error", Icon: "lock"}
	case berth.FeatureRootOnly:
		v.State = statusView{Name: "only root@pam", Class: "tone-stopped", Icon: "lock"}
	}
	return v
}

// clusterView finds the cluster that a request names. Who sees only a part of the fleet has no business with it.
func (s *Server) clusterView(r *http.Request) (*fleet.ClusterView, error) {
	for _, view := range s.seen(r).Clusters {
		if view.Cluster.Name == r.PathValue("name") && !accessOf(r).Limited() {
			return view, nil
		}
	}
	return nil, berth.Errorf(berth.NotFound, "There is no cluster called %s.", r.PathValue("name"))
}

func (s *Server) newClusterPage(r *http.Request, view *fleet.ClusterView) *clusterPage {
	c := view.Cluster
	p := &clusterPage{clusterCard: newClusterCard(view, false, s.now()), Action: string(clusterPath(c.Name)), Endpoints: strings.Join(c.Endpoints, "\n"), Pins: pinsOf(c),
		TokenID: c.TokenID, Admin: accessOf(r).Everywhere().Includes(berth.RoleAdmin), Added: c.CreatedAt, Connected: r.URL.Query().Get("connected") != ""}
	p.diagnose(c, view.Rights, view.Storages)
	return p
}

// pinsOf are the fingerprints of the certificates that are pinned; none: an authority must have signed them.
func pinsOf(c berth.Cluster) []string {
	return strings.FieldsFunc(c.Fingerprint, func(r rune) bool { return r == ',' })
}

// diagnose shows what rights mean for each feature; nil rights are not known.
func (p *clusterPage) diagnose(c berth.Cluster, rights berth.Rights, storages []berth.Storage) {
	p.NoRights, p.Findings = rights == nil, nil
	if rights == nil {
		return
	}
	for _, f := range berth.Diagnose(c, rights, storages) {
		p.Findings = append(p.Findings, newFindingView(f))
	}
}

// getCluster shows one cluster, and what Berth's token may do there.
func (s *Server) getCluster(w http.ResponseWriter, r *http.Request) error {
	view, err := s.clusterView(r)
	if err != nil {
		return s.getComing(w, r, err)
	}
	p := s.newClusterPage(r, view)
	return s.renderCluster(w, r, p, s.readSSH(r, p, view.Cluster))
}

// getComing shows that a cluster was connected, which is polled within a moment; missing is what is wrong if it was not.
func (s *Server) getComing(w http.ResponseWriter, r *http.Request, missing error) error {
	if r.URL.Query().Get("connected") == "" || !accessOf(r).Everywhere().Includes(berth.RoleAdmin) {
		return missing
	}
	c, err := s.store.ClusterByName(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, clusterComing(s.frame(r, c.Name, ui.Nodes), c.Name))
}

func (s *Server) renderCluster(w http.ResponseWriter, r *http.Request, p *clusterPage, problem error) error {
	status := http.StatusOK
	if problem != nil {
		if p.Problem = sentence(problem); p.Problem == "" {
			return problem
		}
		status, p.Fields = statusOf[berth.CodeOf(problem)], fieldsOf(problem)
	}
	return render(w, r, status, clusterPageView(s.frame(r, p.Name, ui.Nodes), p))
}

// changeCluster is a form of the page: it does something, and shows the page again with what came of it.
func (s *Server) changeCluster(change func(r *http.Request, form url.Values, p *clusterPage, c berth.Cluster) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, _, err := readForm(r)
		if err != nil {
			return err
		}
		view, err := s.clusterView(r)
		if err != nil {
			return err
		}
		p := s.newClusterPage(r, view)
		if err := s.readSSH(r, p, view.Cluster); err != nil {
			return err
		}
		return s.renderCluster(w, r, p, change(r, form, p, view.Cluster))
	}
}

// testCluster asks every address once, with the stored token.
func (s *Server) testCluster(r *http.Request, _ url.Values, p *clusterPage, c berth.Cluster) error {
	secret, err := s.store.ClusterSecret(r.Context(), c.ID)
	if err != nil {
		return err
	}
	release := ""
	for _, endpoint := range c.Endpoints {
		one := c
		one.Endpoints = []string{endpoint}
		version, err := fleet.Test(r.Context(), one, secret)
		if err != nil {
			return err
		}
		release = version.Version
	}
	p.Good = "Every address answers with Proxmox VE " + release + ", shows a certificate that is pinned, and takes the token."
	return nil
}

// readRights asks what the token may do, for somebody who has just granted something.
func (s *Server) readRights(r *http.Request, _ url.Values, p *clusterPage, c berth.Cluster) error {
	rights, err := s.fleet.ReadRights(r.Context(), c.ID)
	if err != nil {
		return err
	}
	view, err := s.clusterView(r)
	if err != nil {
		return err
	}
	p.diagnose(c, rights, view.Storages)
	p.Good = "The cluster was asked just now what Berth's token may do."
	return nil
}

// lookAtCluster shows what certificates the addresses have now; pinning them takes one more click.
func (s *Server) lookAtCluster(r *http.Request, _ url.Values, p *clusterPage, c berth.Cluster) (err error) {
	if p.Shown, err = s.certificates(r.Context(), c); err != nil {
		return err
	}
	if !slices.ContainsFunc(p.Shown, func(c certificateView) bool { return !c.Pinned }) {
		p.Shown, p.Good = nil, "Every address shows a certificate that is pinned."
		return nil
	}
	p.NewPin = fingerprintsOf(p.Shown)
	return nil
}

func (s *Server) pinCluster(r *http.Request, form url.Values, p *clusterPage, c berth.Cluster) error {
	return s.changeConnection(r, p, c, fleet.Change{Fingerprint: form.Get("fingerprint")}, "The new certificate is pinned.")
}

func (s *Server) rotateToken(r *http.Request, form url.Values, p *clusterPage, c berth.Cluster) error {
	token := strings.TrimSpace(form.Get("token"))
	if token == "" {
		return berth.InvalidFields(map[string]string{"token": "Give the new token."})
	}
	if !strings.Contains(token, "=") {
		token = c.TokenID + "=" + token
	}
	return s.changeConnection(r, p, c, fleet.Change{Token: token}, "The new token is in use. The old one can be removed in Proxmox VE.")
}

func (s *Server) setEndpoints(r *http.Request, form url.Values, p *clusterPage, c berth.Cluster) error {
	endpoints := endpointsOf(form.Get("endpoints"))
	if len(endpoints) == 0 {
		return berth.InvalidFields(map[string]string{"endpoints": "A cluster needs one address at least."})
	}
	p.Endpoints = strings.Join(endpoints, "\n")
	return s.changeConnection(r, p, c, fleet.Change{Endpoints: endpoints, Fingerprint: form.Get("fingerprint")}, "The addresses are changed.")
}

func (s *Server) changeConnection(r *http.Request, p *clusterPage, c berth.Cluster, change fleet.Change, good string) error {
	changed, err := fleet.ChangeConnection(r.Context(), s.store, actorOf(r), c.Name, change)
	if err != nil {
		return err
	}
	p.Good, p.TokenID, p.Endpoints = good, changed.TokenID, strings.Join(changed.Endpoints, "\n")
	p.Pins = pinsOf(changed)
	return nil
}

// postRemoveCluster forgets a cluster once its name is typed.
func (s *Server) postRemoveCluster(w http.ResponseWriter, r *http.Request) error {
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	view, err := s.clusterView(r)
	if err != nil {
		return err
	}
	name := view.Cluster.Name
	if strings.TrimSpace(form.Get("name")) != name {
		return s.renderCluster(w, r, s.newClusterPage(r, view), berth.InvalidFields(map[string]string{"name": "Type " + name + " to remove it."}))
	}
	if err := s.store.RemoveCluster(r.Context(), actorOf(r), name); err != nil {
		return err
	}
	http.Redirect(w, r, "/nodes", http.StatusSeeOther)
	return nil
}

// Failing tells whether the cluster does not answer, so that its problem is worth a line.
func (p *clusterPage) Failing() bool { return p.clusterCard.Problem != "" }
