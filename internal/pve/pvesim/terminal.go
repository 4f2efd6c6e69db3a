package pvesim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"berth/internal/pve/pvesim/shell"
)

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
	v := &viewer{sock: sock, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	if v.terminal = s.consoles.terminals[vmid]; v.terminal != nil {
		v.terminal.join(v)
		return v, nil
	}
	t, err := s.newTerminal(ct)
	if err != nil {
		return nil, err
	}
	v.terminal = t
	t.join(v) // before anything is printed: nothing is printed twice
	s.begin(t, ct)
	return v, nil
}

func (t *terminal) join(v *viewer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.viewers[v] = true
}

func (s *Sim) newTerminal(ct *container) (*terminal, error) {
	t := &terminal{viewers: map[*viewer]bool{}, typed: make(chan []byte)}
	tty, err := shell.NewTTY(t)
	if err != nil {
		return nil, err
	}
	t.tty = tty
	s.consoles.terminals[ct.vmid] = t
	return t, nil
}

// begin starts what cmode says: a login prompt, or a root shell. The terminal ends with it.
func (s *Sim) begin(t *terminal, ct *container) {
	ctx, cancel := context.WithCancel(s.ctx)
	t.cancel, t.ended = cancel, ctx.Done()
	s.running.Go(t.keyboard)
	box, asRoot, vmid := s.inside(ct), ct.conf["cmode"] == "shell", ct.vmid
	s.running.Go(func() {
		defer cancel()
		box.Login(ctx, t.tty, asRoot)
		t.tty.Close()
		s.mu.Lock()
		if s.consoles.terminals[vmid] == t {
			delete(s.consoles.terminals, vmid)
		}
		s.mu.Unlock()
		t.end()
	})
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
