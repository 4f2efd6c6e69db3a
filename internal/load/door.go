package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// door forwards connections to the simulated cluster and counts them: each is one TLS handshake.
type door struct {
	listener net.Listener
	to       string
	opened   atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]bool
	group sync.WaitGroup
}

func openDoor(to string) (*door, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &door{listener: l, to: to, conns: map[net.Conn]bool{}}
	d.group.Go(d.accept)
	return d, nil
}

func (d *door) addr() string { return d.listener.Addr().String() }

func (d *door) close() {
	d.listener.Close()
	d.mu.Lock()
	for c := range d.conns {
		c.Close()
	}
	d.mu.Unlock()
	d.group.Wait()
}

func (d *door) accept() {
	for {
		in, err := d.listener.Accept()
		if err != nil {
			return // closed
		}
		d.opened.Add(1)
		d.group.Go(func() { d.forward(in) })
	}
}

func (d *door) forward(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", d.to)
	if err != nil {
		return // the cluster is down: so is its port
	}
	defer out.Close()
	defer d.keep(in, out)()
	var group sync.WaitGroup
	group.Go(func() { pass(out, in) })
	pass(in, out)
	group.Wait()
}

// keep remembers open connections until the returned function is called.
func (d *door) keep(conns ...net.Conn) (forget func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range conns {
		d.conns[c] = true
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, c := range conns {
			delete(d.conns, c)
		}
	}
}

// pass copies until one side ends, and then ends both.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from) // however it ends, both ends are closed
	to.Close()
	from.Close()
}
