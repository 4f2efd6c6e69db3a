package pvesim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"berth/internal/pve/pvesim/shell"
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
	_, _, ok := c.sim.keys.verify("PVEVNC", string(ticket), time.Now(), c.consoleSecret(strconv.Itoa(p.port)))
	return ok && string(user) == p.user.String()
}

// terminal is the one terminal of a container: all viewers see and type into it, and it outlives them.
type terminal struct {
	tty    *shell.TTY
	cancel context.CancelFunc
	ended  <-chan struct{}
	typed  chan []byte

	mu      sync.Mutex
	viewers map[*viewer]bool
}

// Write shows output to every viewer. The outer layer turns every LF into CR LF, raw mode or not.
func (t *terminal) Write(p []byte) (int, error) {
	shown := bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))
	t.mu.Lock()
	defer t.mu.Unlock()
	for v := range t.viewers {
		v.show(shown)
	}
	return len(p), nil
}

// attach joins the terminal of a container, or begins one.
func (s *Sim) attach(vmid int, sock *socket) (*viewer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ct := s.world.container(vmid)
	if ct == nil || !ct.running {
		return nil, fmt.Errorf("lxc-console: %d: tools/lxc_console.c: main: 129 %d is not running", vmid, vmid)
	}
	t := s.consoles.terminals[vmid]
	if t == nil {
		var err error
		if t, err = s.beginTerminal(ct); err != nil {
			return nil, err
		}
	}
	v := &viewer{terminal: t, sock: sock, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	t.mu.Lock()
	t.viewers[v] = true
	t.mu.Unlock()
	return v, nil
}

// beginTerminal starts what cmode says: a login prompt, or a root shell.
func (s *Sim) beginTerminal(ct *container) (*terminal, error) {
	t := &terminal{viewers: map[*viewer]bool{}, typed: make(chan []byte)}
	tty, err := shell.NewTTY(t)
	if err != nil {
		return nil, err
	}
	t.tty = tty
	ctx, cancel := context.WithCancel(s.ctx)
	t.cancel, t.ended = cancel, ctx.Done()
	s.running.Go(t.keyboard)
	s.consoles.terminals[ct.vmid] = t
	box, asRoot, vmid := s.inside(ct), ct.conf["cmode"] == "shell", ct.vmid
	s.running.Go(func() {
		defer cancel()
		box.Login(ctx, tty, asRoot)
		tty.Close()
		s.mu.Lock()
		if s.consoles.terminals[vmid] == t {
			delete(s.consoles.terminals, vmid)
		}
		s.mu.Unlock()
		t.end()
	})
	return t, nil
}

// keyboard hands typed bytes to the terminal. It may block there while viewers come and go.
func (t *terminal) keyboard() {
	for {
		select {
		case data := <-t.typed:
			t.tty.Input(data)
		case <-t.ended:
			return
		}
	}
}

// end tells the viewers that the session is over.
func (t *terminal) end() {
	io.WriteString(t, "\x1b[999H\n[EOF - dtach terminating]\n")
	t.mu.Lock()
	defer t.mu.Unlock()
	for v := range t.viewers {
		v.finish()
	}
}

// endConsole ends the terminal of a container that stopped. The world is locked.
func (s *Sim) endConsole(vmid int) {
	if t := s.consoles.terminals[vmid]; t != nil {
		delete(s.consoles.terminals, vmid)
		t.cancel()
	}
}

// viewer is one websocket on a terminal. A slow one neither loses output nor holds the others up.
type viewer struct {
	terminal *terminal
	sock     *socket
	wake     chan struct{}
	gone     chan struct{}

	mu      sync.Mutex
	pending []byte
	over    bool
}

func (v *viewer) show(data []byte) {
	v.mu.Lock()
	v.pending = append(v.pending, data...)
	v.mu.Unlock()
	v.poke()
}

func (v *viewer) finish() {
	v.mu.Lock()
	v.over = true
	v.mu.Unlock()
	v.poke()
}

func (v *viewer) poke() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// greet is what joining prints.
func (v *viewer) greet(glued bool) {
	if glued {
		v.sock.write(opBinary, []byte("OK\x1b[H\x1b[J"))
		return
	}
	v.sock.write(opBinary, []byte("OK"))
	v.sock.write(opBinary, []byte("\x1b[H\x1b[J"))
}

// serve copies output to the socket and input from it until either ends.
func (v *viewer) serve() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		v.copyOut()
	}()
	v.copyIn()
	close(v.gone)
	<-done
}

// copyOut sends what is pending, in frames of at most 32 KiB.
func (v *viewer) copyOut() {
	defer v.sock.wire.conn.Close()
	for {
		v.mu.Lock()
		data, over := v.pending, v.over
		v.pending = nil
		v.mu.Unlock()
		for len(data) > 0 {
			n := min(len(data), 32<<10)
			if v.sock.write(opBinary, data[:n]) != nil {
				return
			}
			data = data[n:]
		}
		if over {
			v.sock.write(opClose, nil)
			return
		}
		select {
		case <-v.wake:
		case <-v.gone:
			return
		}
	}
}

// copyIn reads messages: "0:LEN:BYTES" is input, "1:COLS:ROWS:" a resize, "2" keeps alive.
func (v *viewer) copyIn() {
	var rest []byte
	for {
		data, err := v.sock.read()
		if errors.Is(err, errMute) {
			v.sock.wire.hang()
			return
		}
		if err != nil {
			return
		}
		var ok bool
		if rest, ok = v.take(append(rest, data...)); !ok {
			return
		}
	}
}

// take works off complete messages and returns what is left; false when the viewer was detached.
func (v *viewer) take(data []byte) (rest []byte, ok bool) {
	for len(data) > 0 {
		switch data[0] {
		case '0':
			head, body, found := bytes.Cut(data[min(2, len(data)):], []byte(":"))
			n, err := strconv.Atoi(string(head))
			if !found || err != nil || len(body) < n {
				return data, true
			}
			if !v.input(body[:n]) {
				return nil, false
			}
			data = body[n:]
		case '1':
			parts := bytes.SplitN(data, []byte(":"), 4)
			if len(parts) < 4 {
				return data, true
			}
			data = parts[3]
		default:
			data = data[1:]
		}
	}
	return nil, true
}

// input types into the terminal, in reads of 8 bytes as the session keeper does: a Ctrl-\ at the start of one detaches.
func (v *viewer) input(data []byte) bool {
	for len(data) > 0 {
		n := min(8, len(data))
		if data[0] == 0x1c {
			v.sock.write(opBinary, []byte("\x1b[999H\r\n[detached]\r\n"))
			return false
		}
		select {
		case v.terminal.typed <- data[:n]:
		case <-v.terminal.ended:
			return false
		case <-v.sock.wire.server.stopped:
			return false
		}
		data = data[n:]
	}
	return true
}

func (v *viewer) leave() {
	v.terminal.mu.Lock()
	defer v.terminal.mu.Unlock()
	delete(v.terminal.viewers, v)
}
