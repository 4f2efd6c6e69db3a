package web

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"berth"
	"berth/internal/fleet"
	"berth/internal/web/ui"
)

// The steps of connecting a cluster. What was given before travels along in the form; the secret of the token does not.
const (
	stepAddress = "address" // what it is called and where it is
	stepGrants  = "grants"  // the certificate, and what Berth is to do there
	stepToken   = "token"   // the commands to run, and the token that they print
)

// connectPage is one step of connecting a cluster.
type connectPage struct {
	Step                   string
	Name, Addresses        string
	Certificates           []certificateView
	Fingerprint            string // of all certificates, separated by commas
	Purpose                berth.Purpose
	Backups, Disks, Pool   string
	Bridges, User, TokenID string
	Commands               string
	Problem                string
	Fields                 map[string]string // what is wrong with which field
}

// certificateView is what a server shows of itself.
type certificateView struct {
	Address, Fingerprint, Subject, Issuer, Names, Until string
	Pinned                                              bool
	Expired                                             bool
}

func newCertificateView(address string, c fleet.Certificate, pinned bool, now time.Time) certificateView {
	return certificateView{Address: address, Fingerprint: c.Fingerprint, Subject: c.Subject, Issuer: c.Issuer, Names: strings.Join(c.Names, ", "),
		Until: c.Ends.In(now.Location()).Format("2 January 2006"), Pinned: pinned, Expired: now.After(c.Ends)}
}

func (p *connectPage) endpoints() []string { return endpointsOf(p.Addresses) }

// endpointsOf reads addresses as people write them, one on a line: pve1, https://pve1:8006.
func endpointsOf(text string) []string {
	var endpoints []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' || r == ' ' }) {
		if !strings.Contains(word, "://") {
			word = "https://" + word
		}
		word = strings.TrimRight(word, "/")
		if u, err := url.Parse(word); err == nil && u.Host != "" && u.Port() == "" && u.Path == "" {
			word += ":8006"
		}
		endpoints = append(endpoints, word)
	}
	return endpoints
}

func names(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' })
}

func (p *connectPage) cluster() berth.Cluster {
	return berth.Cluster{Name: p.Name, Endpoints: p.endpoints(), Fingerprint: p.Fingerprint}
}

func (p *connectPage) grants() berth.Grants {
	return berth.Grants{Purpose: p.Purpose, User: p.User, Token: p.TokenID, Backups: names(p.Backups), Disks: names(p.Disks), Bridges: names(p.Bridges), Pool: strings.TrimSpace(p.Pool)}
}

// token is what was pasted: the whole token, or only the secret that the commands printed.
func (p *connectPage) token(pasted string) string {
	pasted = strings.TrimSpace(pasted)
	if strings.Contains(pasted, "=") {
		return pasted
	}
	return p.User + "!" + p.TokenID + "=" + pasted
}

// getConnect begins to connect a cluster.
func (s *Server) getConnect(w http.ResponseWriter, r *http.Request) error {
	return s.renderConnect(w, r, &connectPage{Step: stepAddress}, nil)
}

// postConnect goes on with the step that was filled in, or shows it again with what is wrong.
func (s *Server) postConnect(w http.ResponseWriter, r *http.Request) error {
	form, _, err := readForm(r)
	if err != nil {
		return err
	}
	text := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	p := &connectPage{Step: form.Get("step"), Name: text("name"), Addresses: text("addresses"), Fingerprint: text("fingerprint"), Purpose: berth.Purpose(text("purpose")),
		Backups: text("backups"), Disks: text("disks"), Bridges: text("bridges"), Pool: text("pool"), User: text("user"), TokenID: text("tokenid")}
	switch form.Get("step") {
	case stepAddress:
		err = s.look(r.Context(), p)
	case stepGrants:
		if err = p.propose(); err != nil {
			p.Certificates, _ = s.certificates(r.Context(), p.cluster()) // they were shown before; what is wrong now is something else
		}
	case stepToken:
		if err = s.connect(r, p, p.token(form.Get("token"))); err == nil {
			http.Redirect(w, r, string(clusterPath(p.Name))+"?connected=1", http.StatusSeeOther)
			return nil
		}
	default:
		return berth.Errorf(berth.Invalid, "There is no such step.")
	}
	return s.renderConnect(w, r, p, err)
}

// look asks every address for its certificate.
func (s *Server) look(ctx context.Context, p *connectPage) error {
	cluster := p.cluster()
	if err := cluster.Validate(); err != nil {
		return err
	}
	if _, err := s.store.ClusterByName(ctx, p.Name); err == nil {
		return berth.InvalidFields(map[string]string{"name": "There is already a cluster called " + p.Name + "."})
	}
	var err error
	if p.Certificates, err = s.certificates(ctx, cluster); err != nil {
		return berth.InvalidFields(map[string]string{"addresses": sentence(err)})
	}
	p.Fingerprint = fingerprintsOf(p.Certificates)
	p.Step, p.Purpose, p.User, p.TokenID, p.Backups, p.Disks, p.Bridges = stepGrants, berth.PurposeCreate, "berth@pve", "berth", "local", "local-lvm", "vmbr0"
	return nil
}

// certificates are those that the addresses of a cluster show now.
func (s *Server) certificates(ctx context.Context, c berth.Cluster) ([]certificateView, error) {
	var all []certificateView
	for _, address := range c.Endpoints {
		shown, err := fleet.Look(ctx, address)
		if err != nil {
			return nil, err
		}
		all = append(all, newCertificateView(address, shown, fleet.Pinned(c, shown.Fingerprint), s.now()))
	}
	return all, nil
}

func fingerprintsOf(all []certificateView) string {
	var fingerprints []string
	for _, c := range all {
		if !slices.Contains(fingerprints, c.Fingerprint) {
			fingerprints = append(fingerprints, c.Fingerprint)
		}
	}
	return strings.Join(fingerprints, ",")
}

// propose writes the commands that grant what was chosen.
func (p *connectPage) propose() error {
	grants := p.grants()
	if err := grants.Validate(); err != nil {
		return err
	}
	p.Step, p.Commands = stepToken, strings.Join(grants.Commands(), "\n")
	return nil
}

// connect tries the token and stores the connection.
func (s *Server) connect(r *http.Request, p *connectPage, token string) error {
	if err := p.propose(); err != nil {
		return err
	}
	x, err := fleet.Examine(r.Context(), s.now, p.cluster(), token)
	if err != nil {
		return err
	}
	if x.Blind {
		return berth.InvalidFields(map[string]string{"token": "The token is right, but it may see nothing: roles must be granted to the user and to the token. Run the commands above once more, all of them."})
	}
	_, err = fleet.Connect(r.Context(), s.store, actorOf(r), p.cluster(), token)
	return err
}

func (s *Server) renderConnect(w http.ResponseWriter, r *http.Request, p *connectPage, problem error) error {
	status := http.StatusOK
	if problem != nil {
		message := sentence(problem)
		if message == "" {
			return problem
		}
		status, p.Fields = statusOf[berth.CodeOf(problem)], maps.Clone(fieldsOf(problem))
		if p.Problem = message; len(p.Fields) > 1 || p.Fields["url"] != "" {
			p.Problem = ""
		}
		if why := p.Fields["url"]; why != "" {
			p.Fields["addresses"] = why
		}
	}
	return render(w, r, status, connectView(s.frame(r, "Connect a cluster", ui.Nodes), p))
}

// value gives a field by its name in the form.
func (p *connectPage) value(name string) string {
	return map[string]string{"name": p.Name, "addresses": p.Addresses, "fingerprint": p.Fingerprint, "purpose": string(p.Purpose), "backups": p.Backups, "disks": p.Disks,
		"bridges": p.Bridges, "pool": p.Pool, "user": p.User, "tokenid": p.TokenID}[name]
}

func invalidText(problem string) string {
	if problem == "" {
		return "false"
	}
	return "true"
}
