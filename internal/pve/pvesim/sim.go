// Package pvesim is a simulated Proxmox VE cluster on real HTTPS and SSH ports, as strict as the real one.
//
// A [Sim] holds one cluster: nodes, containers, storages, users and tasks. It answers the API of Proxmox VE 9.2
// (8.4 and 7.4 on request) with the same status lines, bodies, types, delays, locks and permissions. What it leaves
// out is listed in docs/pve.md. It imports nothing of Berth, so that client and simulator cannot share a mistake.
//
// Nothing runs while nobody asks: load figures are functions of time and seed, computed when they are read.
package pvesim

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"
)

// Options describe the cluster that [New] builds. The zero value is a three-node cluster with 40 containers.
type Options struct {
	Nodes, Containers int           // default 3 and 40; -1 for no container
	Seed              uint64        // same seed, same world
	Speed             float64       // how fast simulated time runs: load, uptime, tasks, statistics; default 1
	Version           string        // "9.2" (default), "8.4" or "7.4"
	Cluster           string        // cluster name, default "demo"
	StatisticsCycle   time.Duration // how often pvestatd samples, in simulated time; default 10 s
	TaskTime          time.Duration // typical time of a start or stop task, in simulated time; default 2 s
	Latency           time.Duration // added to every answer
	AuthDelay         time.Duration // a 401 is held back this long; default 3 s as PVE, negative for none
	RootPassword      string        // password of root@pam, for tickets and SSH; default "berth-demo"
	AuthorizedKeys    []string      // SSH public keys that may log in as root, in authorized_keys format
	// Now is the clock of the nodes; default time.Now. What happened before New, the backups, tasks, snapshots and starts of the
	// world's history, is dated back from its first reading.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	set(&o.Nodes, 3)
	set(&o.Containers, 40)
	set(&o.Speed, 1)
	set(&o.Version, "9.2")
	set(&o.Cluster, "demo")
	set(&o.StatisticsCycle, 10*time.Second)
	set(&o.TaskTime, 2*time.Second)
	set(&o.AuthDelay, 3*time.Second)
	set(&o.RootPassword, "berth-demo")
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Sim is one simulated cluster. All methods may be called from several goroutines.
type Sim struct {
	opt     Options
	born    time.Time // when simulated time began
	routes  *router
	cert    tls.Certificate
	keys    signingKeys
	token   string
	records records

	mu       sync.Mutex // guards everything below
	world    world
	faults   []*Fault
	consoles consoles
	srv      *server
	ssh      *sshServer
	addr     string // last address that Start listened on

	ctx     context.Context // ends tasks and consoles
	end     context.CancelFunc
	running sync.WaitGroup // tasks and consoles
}

// New builds the world and opens no port.
func New(o Options) (*Sim, error) {
	o = o.withDefaults()
	release, err := parseRelease(o.Version)
	if err != nil {
		return nil, err
	}
	routes, err := routers[release]()
	if err != nil {
		return nil, err
	}
	s := &Sim{opt: o, born: o.Now().UTC(), routes: routes}
	s.ctx, s.end = context.WithCancel(context.Background())
	if s.cert, err = newCertificate(o.Cluster, s.born.Add(-installed)); err != nil {
		return nil, err
	}
	s.keys = newSigningKeys()
	if err := s.buildWorld(release); err != nil {
		return nil, fmt.Errorf("build the simulated cluster: %w", err)
	}
	return s, nil
}

// Start serves HTTPS on addr ("127.0.0.1:0"). After Stop it may be called again: with the same address, or with ""
// for the last one; the world and the certificate stay the same.
func (s *Sim) Start(addr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv != nil {
		return fmt.Errorf("simulator already listens on %s", s.addr)
	}
	if addr == "" || addr == "127.0.0.1:0" && s.addr != "" {
		addr = s.addr
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("start simulator: %w", err)
	}
	s.addr = l.Addr().String()
	s.srv = newServer(s, l)
	return nil
}

// Stop ends the API as if the host died: port and connections closed, world and running tasks kept.
// It waits for the goroutines of the port. Stopping twice is harmless.
func (s *Sim) Stop() {
	s.mu.Lock()
	srv := s.srv
	s.srv = nil
	s.mu.Unlock()
	if srv != nil {
		srv.stop()
	}
}

// Close ends everything, tasks included, and waits for all goroutines.
func (s *Sim) Close() {
	s.end()
	s.Stop()
	s.stopSSH()
	s.running.Wait()
}

// URL is the base address, https://127.0.0.1:PORT; empty before the first Start.
func (s *Sim) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr == "" {
		return ""
	}
	return "https://" + s.addr
}

// Fingerprint is the SHA-256 of the certificate as Proxmox shows it: upper-case hex pairs with ":".
func (s *Sim) Fingerprint() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shownFingerprint()
}

// shownFingerprint is Fingerprint for those who hold the world.
func (s *Sim) shownFingerprint() string { return fingerprint(s.cert.Certificate[0]) }

// Token is an API token with all rights (owner root@pam, no privilege separation): "root@pam!berth=UUID".
func (s *Sim) Token() string { return s.token }

// now is what the clocks of the nodes show. Their zone is UTC.
func (s *Sim) now() time.Time { return s.opt.Now().UTC() }

// clock is the simulated time since the world began; negative before, when it passed at its usual speed.
func (s *Sim) clock(now time.Time) time.Duration {
	since := now.Sub(s.born)
	if since < 0 {
		return since
	}
	return time.Duration(float64(since) * s.opt.Speed)
}

// moment is when the simulated time was as given: the reverse of clock.
func (s *Sim) moment(at time.Duration) time.Time {
	if at < 0 {
		return s.born.Add(at)
	}
	return s.born.Add(s.real(at))
}

// real converts a span of simulated time to real time.
func (s *Sim) real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.opt.Speed)
}
