package pvesim

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"berth/internal/pve/pvesim/shell"
)

// sshServer are the SSH ports of the nodes, one each, with one host key.
type sshServer struct {
	sim     *Sim
	config  *ssh.ServerConfig
	hostKey ssh.Signer
	ports   map[string]net.Listener // by node
	first   string

	mu    sync.Mutex
	conns map[net.Conn]bool
	wg    sync.WaitGroup
}

// StartSSH opens an SSH port per node: the first node on addr, the others on free ports of the same host.
// root logs in with Options.RootPassword or one of Options.AuthorizedKeys.
func (s *Sim) StartSSH(addr string) error {
	v, err := s.newSSH()
	if err != nil {
		return fmt.Errorf("start simulated SSH: %w", err)
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("start simulated SSH: %w", err)
	}
	for i, n := range s.world.nodes {
		if i > 0 {
			addr = net.JoinHostPort(host, "0")
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			v.stop()
			return fmt.Errorf("start simulated SSH of %s: %w", n.name, err)
		}
		v.ports[n.name] = l
		v.wg.Go(func() { v.accept(l, n, s.nodeBox(n)) })
	}
	v.first = v.ports[s.world.nodes[0].name].Addr().String()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ssh = v
	return nil
}

func (s *Sim) newSSH() (*sshServer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, err
	}
	var allowed [][]byte
	for _, line := range s.opt.AuthorizedKeys {
		k, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("authorised key %q: %w", line, err)
		}
		allowed = append(allowed, k.Marshal())
	}
	v := &sshServer{sim: s, hostKey: signer, ports: map[string]net.Listener{}, conns: map[net.Conn]bool{}}
	v.config = &ssh.ServerConfig{
		PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() == "root" && subtle.ConstantTimeCompare(password, []byte(s.opt.RootPassword)) == 1 {
				return nil, nil
			}
			return nil, errors.New("wrong user or password")
		},
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			for _, k := range append(v.letIn(), allowed...) {
				if c.User() == "root" && bytes.Equal(k, key.Marshal()) {
					return nil, nil
				}
			}
			return nil, errors.New("key is not authorised")
		},
	}
	v.config.AddHostKey(signer)
	return v, nil
}

// letIn are the keys that were let in since the start.
func (v *sshServer) letIn() [][]byte {
	v.sim.mu.Lock()
	defer v.sim.mu.Unlock()
	return slices.Clone(v.sim.world.sshKeys)
}

// AuthorizeKey lets a key log in as root on every node, as a line of authorized_keys, with or without options.
func (s *Sim) AuthorizeKey(line string) error {
	k, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return fmt.Errorf("authorised key %q: %w", line, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world.sshKeys = append(s.world.sshKeys, k.Marshal())
	return nil
}

// SSHAddr is host:port of the first node's SSH port, "" before StartSSH.
func (s *Sim) SSHAddr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ssh == nil {
		return ""
	}
	return s.ssh.first
}

// NodeSSHAddr is host:port of a node's SSH port, "" for an unknown node or before StartSSH.
func (s *Sim) NodeSSHAddr(node string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ssh == nil || s.ssh.ports[node] == nil {
		return ""
	}
	return s.ssh.ports[node].Addr().String()
}

// SSHHostKey is the host key of all nodes in authorized_keys format, "" before StartSSH.
func (s *Sim) SSHHostKey() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ssh == nil {
		return ""
	}
	return string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(s.ssh.hostKey.PublicKey())))
}

func (s *Sim) stopSSH() {
	s.mu.Lock()
	v := s.ssh
	s.ssh = nil
	s.mu.Unlock()
	if v != nil {
		v.stop()
	}
}

func (v *sshServer) stop() {
	for _, l := range v.ports {
		l.Close()
	}
	v.mu.Lock()
	for c := range v.conns {
		c.Close()
	}
	v.mu.Unlock()
	v.wg.Wait()
}

func (v *sshServer) accept(l net.Listener, n *node, box *shell.Box) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // the listener was closed
		}
		v.mu.Lock()
		v.conns[c] = true
		v.mu.Unlock()
		v.wg.Go(func() {
			v.serve(c, n, box)
			c.Close()
			v.mu.Lock()
			delete(v.conns, c)
			v.mu.Unlock()
		})
	}
}

// serve answers one connection: sessions that run one command each.
func (v *sshServer) serve(c net.Conn, n *node, box *shell.Box) {
	if !v.sim.reachable(n) {
		return
	}
	c.SetDeadline(time.Now().Add(30 * time.Second))
	conn, channels, requests, err := ssh.NewServerConn(c, v.config)
	if err != nil {
		return // failed login
	}
	c.SetDeadline(time.Time{})
	defer conn.Close()
	go ssh.DiscardRequests(requests)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for nc := range channels {
		if nc.ChannelType() != "session" {
			nc.Reject(ssh.UnknownChannelType, "only sessions are simulated")
			continue
		}
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		sessions.Go(func() { v.session(ch, reqs, box) })
	}
}

func (s *Sim) reachable(n *node) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return n.online
}

// session runs the command of one exec request through the node's shell.
func (v *sshServer) session(ch ssh.Channel, reqs <-chan *ssh.Request, box *shell.Box) {
	defer ch.Close()
	env := []string{"HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/bash", "PWD=/root", "LANG=en_US.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SSH_CONNECTION=127.0.0.1 40000 127.0.0.1 22"}
	for r := range reqs {
		switch r.Type {
		case "env":
			var pair struct{ Name, Value string }
			if ssh.Unmarshal(r.Payload, &pair) == nil {
				env = append(env, pair.Name+"="+pair.Value)
			}
			r.Reply(true, nil)
		case "exec", "shell":
			var line struct{ Command string }
			args := []string{"sh"}
			if r.Type == "exec" && ssh.Unmarshal(r.Payload, &line) == nil {
				args = []string{"sh", "-c", line.Command}
			}
			r.Reply(true, nil)
			go ssh.DiscardRequests(reqs)
			code := box.Run(v.sim.ctx, shell.Command{Args: args, Env: env, Dir: "/root", Stdin: ch, Stdout: ch, Stderr: ch.Stderr()})
			ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(code)}))
			return
		default:
			r.Reply(r.Type == "pty-req", nil)
		}
	}
}

// nodeBox is the shell of a node: a Debian with pct and pveum.
func (s *Sim) nodeBox(n *node) *shell.Box {
	p := &pct{sim: s, node: n}
	b := shell.New(shell.Spec{Hostname: n.name, OS: "debian", Memory: n.memory, Disk: n.disk, Cores: n.cpus, Addrs: []string{n.ip + "/24"}, Now: s.now, Made: s.born.Add(-installed), Booted: s.moment(n.booted),
		Services: []shell.Service{{Name: "pveproxy", Port: 8006, Running: true, Enabled: true}, {Name: "sshd", Port: 22, Running: true, Enabled: true}},
		Programs: map[string]shell.Program{"pct": p.run, "pveum": s.pveum, "pveversion": func(_ context.Context, c shell.Command) int {
			fmt.Fprintf(c.Stdout, "pve-manager/%s/%s (running kernel: 6.17.2-1-pve)\n", versions[s.world.release], repoID)
			return 0
		}}})
	p.files = b
	return b
}
