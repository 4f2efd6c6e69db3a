package pvesim

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"time"
)

// consoles are the terminals of the containers and the ports that wait for a viewer. Sim.mu guards it.
type consoles struct {
	terminals map[int]*terminal // by vmid
	ports     map[int]*consolePort
	made      int
}

// consolePort is one termproxy: it waits 10 s for its websocket.
type consolePort struct {
	port     int
	vmid     int
	user     caller
	taken    bool
	expired  bool
	attached chan struct{} // closed when the websocket is there
	task     *task
	glued    bool // "OK" and the first output in one frame
}

const consoleWait = 10 * time.Second

// termproxy is POST .../termproxy. It answers for stopped containers too.
func termproxy(c *call) (any, error) {
	ct := c.sim.world.container(c.params.number("vmid", 0))
	if ct == nil {
		return nil, noConfig(c.sim.world.nodes[0], c.params["vmid"])
	}
	s := c.sim
	if s.consoles.ports == nil {
		s.consoles = consoles{terminals: map[int]*terminal{}, ports: map[int]*consolePort{}}
	}
	p := &consolePort{vmid: ct.vmid, user: c.user, attached: make(chan struct{}), glued: s.consoles.made%2 == 1}
	s.consoles.made++
	for p.port = 5900; s.consoles.ports[p.port] != nil; p.port++ {
		if p.port == 5999 {
			return nil, die("unable to find free port (5900-5999)")
		}
	}
	s.consoles.ports[p.port] = p
	if c.node == nil {
		c.node = s.world.nodes[0]
	}
	p.task = s.fork(c.node, c.user, "vncproxy", c.params["vmid"], func(t *task) error { return s.holdPort(t, p) })
	port := strconv.Itoa(p.port)
	ticket := s.keys.ticket("PVEVNC", "", c.now, c.consoleSecret(port))
	return obj{"user": c.user.String(), "ticket": ticket, "port": port, "upid": p.task.upid}, nil
}

// consoleSecret binds a console ticket to user, guest and port.
func (c *call) consoleSecret(port string) string {
	return c.user.String() + "/vms/" + c.params["vmid"] + ":" + port
}

// holdPort is the vncproxy task: it lasts until the viewer leaves. Aborting it closes the websocket.
func (s *Sim) holdPort(t *task, p *consolePort) error {
	timer := time.NewTimer(consoleWait)
	defer timer.Stop()
	var err error
	select {
	case <-p.attached:
		<-t.ctx.Done()
	case <-timer.C:
		err = errors.New("command '/usr/bin/termproxy' failed: exit code 1")
	case <-t.ctx.Done():
		err = errAborted
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.expired = true
	delete(s.consoles.ports, p.port)
	return err
}

// vncwebsocket is GET .../vncwebsocket: the ticket is checked, then the connection becomes a terminal.
func vncwebsocket(c *call) (any, error) {
	port := c.params["port"]
	_, age, ok := c.sim.keys.verify("PVEVNC", c.params["vncticket"], c.now, c.consoleSecret(port))
	if !ok || age > 40*time.Second || age < -20*time.Second {
		return nil, &apiError{status: 401, text: "permission denied - invalid PVEVNC ticket"}
	}
	if !wantsUpgrade(c.req) {
		return obj{"port": port}, nil
	}
	p := c.sim.consoles.ports[atoi(port)]
	if p == nil || p.taken || p.expired || p.vmid != c.params.number("vmid", 0) {
		c.after = func() (any, error) { c.wire.hang(); return nil, errHangUp } // nobody listens there: no answer at all
		return nil, nil
	}
	p.taken = true
	c.after = func() (any, error) { return nil, c.view(p) }
	return nil, nil
}

// view is the life of one websocket: upgrade, authentication line, then input and output.
func (c *call) view(p *consolePort) error {
	sock, err := c.upgrade()
	if err != nil {
		p.task.cancel()
		return err
	}
	close(p.attached)
	defer p.task.cancel()
	stop := context.AfterFunc(p.task.ctx, func() { c.wire.conn.Close() })
	defer stop()
	c.wire.conn.SetReadDeadline(time.Now().Add(consoleWait))
	line, err := sock.read()
	if err != nil || !c.acceptsLine(p, line) {
		return errHangUp
	}
	c.wire.conn.SetReadDeadline(time.Time{})
	v, err := c.sim.attach(p.vmid, sock)
	if err != nil {
		sock.write(opBinary, []byte("OK"))
		sock.write(opBinary, []byte(err.Error()+"\r\n"))
		sock.write(opClose, nil)
		return errHangUp
	}
	defer v.leave()
	v.greet(p.glued)
	v.serve()
	return errHangUp
}

// acceptsLine checks "USER:TICKET\n". Before 9.2 (pve-container 6.1.3) tokens are refused here.
func (c *call) acceptsLine(p *consolePort, line []byte) bool {
	user, ticket, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(":"))
	if p.user.token != "" && c.sim.world.release.before(9, 2) {
		return false
	}
	_, _, ok := c.sim.keys.verify("PVEVNC", string(ticket), c.sim.now(), c.consoleSecret(strconv.Itoa(p.port)))
	return ok && string(user) == p.user.String()
}
