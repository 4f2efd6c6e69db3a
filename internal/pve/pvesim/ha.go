package pvesim

import (
	"fmt"
	"strconv"
	"strings"
)

// haResource is a container under high availability.
type haResource struct {
	vmid        int
	state       string // requested: started, stopped, disabled, ignored
	comment     string
	maxRelocate int
	maxRestart  int
	failback    int
}

func (w *world) haOf(ct *container) *haResource { return w.ha["ct:"+strconv.Itoa(ct.vmid)] }

// haState is the state of the cluster resource manager for a container, "" when it is not managed.
func (w *world) haState(ct *container) string {
	if len(w.ha) == 0 {
		return ""
	}
	if h := w.haOf(ct); h != nil {
		return h.state
	}
	return ""
}

// nodeHAState is shown on nodes once anything is managed.
func (w *world) nodeHAState(n *node) string {
	if len(w.ha) == 0 || !n.online {
		return ""
	}
	return "online"
}

// haInfo is the "ha" entry of status/current.
func (w *world) haInfo(ct *container) obj {
	h := w.haOf(ct)
	if h == nil {
		return obj{"managed": 0}
	}
	return obj{"managed": 1, "state": h.state}
}

func haStatus(c *call) (any, error) {
	w := &c.sim.world
	first := w.nodes[0].name
	quorum := obj{"id": "quorum", "type": "quorum", "node": first, "quorate": 1, "status": "OK"}
	if !w.quorate {
		quorum["quorate"], quorum["status"] = 0, fmt.Sprintf("No quorum on node '%s'!", first)
	}
	out := []obj{quorum}
	if len(w.ha) == 0 {
		return append(out, obj{"id": "fencing", "type": "fencing", "node": first, "status": "standby (CRM watchdog standby)", "armed-state": "standby"}), nil
	}
	out = append(out, obj{"id": "master", "type": "master", "node": first, "status": first + " (active, " + c.now.Format("Mon Jan _2 15:04:05 2006") + ")", "timestamp": c.now.Unix()})
	for _, sid := range sortedKeys(w.ha) {
		h := w.ha[sid]
		if ct := w.container(h.vmid); ct != nil {
			out = append(out, obj{"id": "service:" + sid, "type": "service", "sid": sid, "node": ct.node.name, "state": h.state, "request_state": h.state, "crm_state": h.state,
				"status": sid + " (" + ct.node.name + ", " + h.state + ")", "max_relocate": h.maxRelocate, "max_restart": h.maxRestart})
		}
	}
	return out, nil
}

func (h *haResource) row(sid string) obj {
	row := obj{"sid": sid, "type": "ct", "state": h.state, "max_relocate": h.maxRelocate, "max_restart": h.maxRestart, "failback": h.failback, "digest": fmt.Sprintf("%040x", hash(1, sid, h.state, h.comment))}
	if h.comment != "" {
		row["comment"] = h.comment
	}
	return row
}

func listHA(c *call) (any, error) {
	out := []obj{}
	for _, sid := range sortedKeys(c.sim.world.ha) {
		out = append(out, c.sim.world.ha[sid].row(sid))
	}
	return out, nil
}

// sid normalises "100" and "ct:100".
func (c *call) sid() string {
	if id := c.params["sid"]; !strings.Contains(id, ":") {
		return "ct:" + id
	}
	return c.params["sid"]
}

func (c *call) knownHA() (string, *haResource, error) {
	h := c.sim.world.ha[c.sid()]
	if h == nil {
		return "", nil, die("no such resource '%s'", c.sid())
	}
	return c.sid(), h, nil
}

func getHA(c *call) (any, error) {
	sid, h, err := c.knownHA()
	if err != nil {
		return nil, err
	}
	return h.row(sid), nil
}

func addHA(c *call) (any, error) {
	if err := c.needsQuorum(); err != nil {
		return nil, err
	}
	sid := c.sid()
	_, id, _ := strings.Cut(sid, ":")
	if c.sim.world.ha[sid] != nil {
		return nil, die("resource ID '%s' already defined", sid)
	}
	if c.sim.world.container(atoi(id)) == nil {
		return nil, die("resource '%s' does not exist in cluster", sid)
	}
	h := &haResource{vmid: atoi(id), state: "started", maxRelocate: 1, maxRestart: 1, failback: 1}
	c.sim.world.ha[sid] = h
	h.update(c)
	return nil, nil
}

func changeHA(c *call) (any, error) {
	_, h, err := c.knownHA()
	if err != nil {
		return nil, err
	}
	h.update(c)
	return nil, nil
}

// update takes the requested values over and has the resource manager act on the requested state.
func (h *haResource) update(c *call) {
	p := c.params
	if s := p["state"]; s != "" {
		h.state = s
		if s == "enabled" {
			h.state = "started"
		}
	}
	if p.has("comment") {
		h.comment = p["comment"]
	}
	h.maxRelocate, h.maxRestart, h.failback = p.number("max_relocate", h.maxRelocate), p.number("max_restart", h.maxRestart), p.number("failback", h.failback)
	if ct := c.sim.world.container(h.vmid); ct != nil {
		c.sim.haAct(ct, h)
	}
}

// haAct forks the task with which the local resource manager brings a container to its requested state.
func (s *Sim) haAct(ct *container, h *haResource) {
	agent := caller{user: "root@pam"}
	id := strconv.Itoa(ct.vmid)
	switch {
	case h.state == "started" && !ct.running:
		s.fork(ct.node, agent, "vzstart", id, func(t *task) error {
			t.log("task started by HA resource agent")
			return t.startContainer(ct.vmid, false)
		})
	case (h.state == "stopped" || h.state == "disabled") && ct.running:
		s.fork(ct.node, agent, "vzshutdown", id, func(t *task) error {
			t.log("task started by HA resource agent")
			return t.stopContainer(ct.vmid, stopOptions{kill: true, timeout: 60})
		})
	}
}

func removeHA(c *call) (any, error) {
	sid, _, err := c.knownHA()
	if err != nil {
		return nil, err
	}
	delete(c.sim.world.ha, sid)
	return nil, nil
}

// migrateHA is the request to migrate or relocate a managed container.
func migrateHA(c *call) (any, error) {
	sid, h, err := c.knownHA()
	if err != nil {
		return nil, err
	}
	ct, target := c.sim.world.container(h.vmid), c.sim.world.node(c.params["node"])
	if ct == nil || target == nil || !target.online {
		return nil, die("target node '%s' not available", c.params["node"])
	}
	c.sim.fork(ct.node, caller{user: "root@pam"}, "vzmigrate", strconv.Itoa(h.vmid), func(t *task) error {
		t.log("task started by HA resource agent")
		return t.migrate(h.vmid, target, true, nil)
	})
	return obj{"sid": sid, "requested-node": target.name}, nil
}
