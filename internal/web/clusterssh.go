package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"berth"
	"berth/internal/fleet"
)

// sshView is what the page of a cluster tells of SSH.
type sshView struct {
	SetUp     bool
	Login     string
	PublicKey string
	Commands  string
	Hosts     []berth.SSHHost
	Lines     string          // nodes and addresses, one on a line, as people can change them
	Scanned   []berth.SSHHost // what the nodes show now, to be pinned
	Scan      string          // the same as JSON, for the form that pins it
}

// readSSH fills in what is known of SSH to the nodes of the cluster.
func (s *Server) readSSH(r *http.Request, p *clusterPage, c berth.Cluster) error {
	ssh, _, err := s.store.SSH(r.Context(), c)
	if berth.CodeOf(err) == berth.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	p.SSH = sshView{SetUp: true, Login: ssh.Login, PublicKey: ssh.PublicKey, Commands: strings.Join(ssh.Commands(), "\n"), Hosts: ssh.Hosts}
	var lines []string
	for _, h := range ssh.Hosts {
		lines = append(lines, h.Node+" "+h.Address)
	}
	p.SSH.Lines = strings.Join(lines, "\n")
	return nil
}

// setUpSSH makes a new key. The addresses of the nodes are those that the cluster knows, as far as Berth may see them.
func (s *Server) setUpSSH(r *http.Request, form url.Values, p *clusterPage, c berth.Cluster) error {
	if err := fleet.SetUpSSH(r.Context(), s.store, actorOf(r), c, strings.TrimSpace(form.Get("login"))); err != nil {
		return err
	}
	if err := s.readSSH(r, p, c); err != nil {
		return err
	}
	if lines, err := fleet.NodeAddresses(r.Context(), s.store, c); err == nil && p.SSH.Lines == "" {
		p.SSH.Lines = strings.Join(lines, "\n")
	}
	p.Good = "Berth has a new key for " + p.SSH.Login + ". Let it in on every node with the commands below, then look at the nodes."
	return nil
}

// scanSSH shows the host keys of the nodes; pinning them takes one more click.
func (s *Server) scanSSH(r *http.Request, form url.Values, p *clusterPage, _ berth.Cluster) error {
	p.SSH.Lines = form.Get("hosts")
	scanned, err := fleet.ScanHosts(r.Context(), strings.FieldsFunc(p.SSH.Lines, func(r rune) bool { return r == '\n' || r == '\r' }))
	if err != nil {
		return err
	}
	text, err := json.Marshal(scanned)
	p.SSH.Scanned, p.SSH.Scan = scanned, string(text)
	return err
}

func (s *Server) pinSSH(r *http.Request, form url.Values, p *clusterPage, c berth.Cluster) error {
	var hosts []berth.SSHHost
	if err := json.Unmarshal([]byte(form.Get("scan")), &hosts); err != nil || len(hosts) == 0 {
		return berth.Errorf(berth.Invalid, "Look at the nodes first.")
	}
	if err := s.store.PinSSHHosts(r.Context(), actorOf(r), c, hosts); err != nil {
		return err
	}
	p.Good = "The host keys are pinned."
	return s.readSSH(r, p, c)
}

func (s *Server) testSSH(r *http.Request, _ url.Values, p *clusterPage, c berth.Cluster) error {
	err := fleet.TestSSH(r.Context(), s.store, c)
	if err == nil {
		p.Good = "Every node lets Berth in and runs pct for it."
	}
	return err
}

func (s *Server) removeSSH(r *http.Request, _ url.Values, p *clusterPage, c berth.Cluster) error {
	if err := s.store.RemoveSSH(r.Context(), actorOf(r), c); err != nil {
		return err
	}
	p.SSH, p.Good = sshView{}, "Berth has forgotten its key. Remove it from the nodes too."
	return nil
}

func sshLogin(p *clusterPage) string {
	if p.SSH.Login == "" {
		return "berth"
	}
	return p.SSH.Login
}
