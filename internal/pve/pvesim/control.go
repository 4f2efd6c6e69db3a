package pvesim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The control endpoint /sim/ lets somebody at a command line cause faults. It is no part of Proxmox:
//
//	GET  /sim/                            what there is
//	GET  /sim/requests                    the latest requests
//	POST /sim/faults                      a Fault as JSON: {"Path":"/cluster/resources","Status":596,"Times":3,"Delay":"2s"}
//	POST /sim/faults/clear
//	POST /sim/nodes/NAME/online, .../offline
//	POST /sim/quorum/on, /sim/quorum/off
//	POST /sim/daemon/on, /sim/daemon/off
//	POST /sim/containers/VMID/kill, .../stuck, .../unstuck, .../lock/NAME, .../unlock
//	POST /sim/tickets/expire              all tickets become invalid
func (s *Sim) control(req *http.Request) *response {
	body, err := io.ReadAll(io.LimitReader(req.Body, 64<<10))
	if err != nil {
		return nil
	}
	answer, err := s.command(req.Method, splitPath(strings.TrimPrefix(req.URL.Path, "/sim/")), body)
	a := &response{status: 200, reason: "OK", contentType: "application/json"}
	if err != nil {
		a.status, a.reason, answer = 400, "Bad Request", obj{"error": err.Error()}
	}
	a.body = append(encode(answer), '\n')
	return a
}

// orders are what can be posted, for somebody who looks.
var orders = []string{"faults", "faults/clear", "nodes/NAME/online", "nodes/NAME/offline", "quorum/on", "quorum/off", "daemon/on", "daemon/off", "tickets/expire",
	"containers/VMID/kill", "containers/VMID/stuck", "containers/VMID/unstuck", "containers/VMID/lock/NAME", "containers/VMID/unlock"}

func (s *Sim) command(method string, path []string, body []byte) (any, error) {
	what := strings.Join(path, "/")
	if method == http.MethodGet {
		switch what {
		case "":
			return obj{"url": s.URL(), "fingerprint": s.Fingerprint(), "calls": s.Calls(), "ssh": s.SSHAddr(), "orders": orders}, nil
		case "requests":
			return s.Requests(), nil
		}
		return nil, fmt.Errorf("nothing at GET /sim/%s", what)
	}
	done := obj{"done": what}
	switch {
	case what == "faults":
		return done, s.failJSON(body)
	case what == "faults/clear":
		s.ClearFaults()
		return done, nil
	case what == "tickets/expire":
		s.ExpireTickets()
		return done, nil
	case len(path) == 2 && path[0] == "quorum":
		s.SetQuorate(path[1] == "on")
		return done, nil
	case len(path) == 2 && path[0] == "daemon":
		s.SetDaemon(path[1] == "on")
		return done, nil
	case len(path) == 3 && path[0] == "nodes":
		s.SetNodeOnline(path[1], path[2] == "online")
		return done, nil
	case len(path) >= 3 && path[0] == "containers":
		return done, s.disturbContainer(path[1], path[2:])
	}
	return nil, fmt.Errorf("nothing at POST /sim/%s", what)
}

// failJSON adds a fault; Delay may be text such as "2s".
func (s *Sim) failJSON(body []byte) error {
	var wire struct {
		Fault
		Delay string
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return fmt.Errorf("read fault: %w", err)
	}
	f := wire.Fault
	if wire.Delay != "" {
		d, err := time.ParseDuration(wire.Delay)
		if err != nil {
			return err
		}
		f.Delay = d
	}
	s.Fail(f)
	return nil
}

func (s *Sim) disturbContainer(id string, verb []string) error {
	vmid, err := strconv.Atoi(id)
	if err != nil {
		return fmt.Errorf("container id %q: %w", id, err)
	}
	switch verb[0] {
	case "kill":
		return s.Kill(vmid)
	case "stuck", "unstuck":
		return s.SetStuck(vmid, verb[0] == "stuck")
	case "unlock":
		return s.SetLock(vmid, "")
	case "lock":
		if len(verb) == 2 {
			return s.SetLock(vmid, verb[1])
		}
	}
	return fmt.Errorf("unknown order %q", strings.Join(verb, "/"))
}

// SetLock sets or removes ("") a config lock, as "pct set --lock" and "pct unlock" on a node do.
func (s *Sim) SetLock(vmid int, lock string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ct := s.world.container(vmid)
	if ct == nil {
		return fmt.Errorf("no container %d", vmid)
	}
	s.change(ct, func() {
		if delete(ct.conf, "lock"); lock != "" {
			ct.conf["lock"] = lock
		}
	})
	return nil
}

// SetConfig changes a config key of a container from outside, as an editor on a node does; "" removes it.
func (s *Sim) SetConfig(vmid int, key, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ct := s.world.container(vmid)
	if ct == nil {
		return fmt.Errorf("no container %d", vmid)
	}
	s.change(ct, func() {
		if delete(ct.conf, key); value != "" {
			ct.conf[key] = value
		}
	})
	return nil
}

// ExpireTickets makes every ticket and CSRF token invalid, as the passing of two hours does. API tokens stay.
func (s *Sim) ExpireTickets() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = newSigningKeys()
}
