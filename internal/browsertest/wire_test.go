package browsertest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// wire stands between a browser and Berth, and can be cut.
type wire struct {
	t        *testing.T
	addr, to string
	running  sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil: cut
	open     map[net.Conn]bool
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	w := &wire{t: t, addr: "127.0.0.1:0", to: to, open: map[net.Conn]bool{}}
	w.mend()
	t.Cleanup(func() {
		w.cut()
		w.running.Wait()
	})
	return w
}

// mend lets connections through.
func (w *wire) mend() {
	w.t.Helper()
	l, err := net.Listen("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.listener, w.addr = l, l.Addr().String()
	w.mu.Unlock()
	w.running.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return // cut
			}
			w.running.Go(func() { w.carry(from) })
		}
	})
}

// cut ends every connection and refuses new ones.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener == nil {
		return
	}
	_ = w.listener.Close() // that is the point: no error of it matters
	w.listener = nil
	for conn := range w.open {
		_ = conn.Close()
	}
}

// carry copies both ways until one side ends.
func (w *wire) carry(from net.Conn) {
	to, err := net.Dial("tcp", w.to)
	if err != nil {
		_ = from.Close()
		return
	}
	w.hold(true, from, to)
	var back sync.WaitGroup
	back.Go(func() { w.copy(to, from) })
	w.copy(from, to)
	back.Wait()
	w.hold(false, from, to)
}

// copy ends both sides when from does.
func (w *wire) copy(to, from net.Conn) {
	_, _ = io.Copy(to, from) // ends with an error when it is cut
	_ = to.Close()
	_ = from.Close()
}

// hold remembers connections for cut, or forgets them. Those that come too late for a cut end at once.
func (w *wire) hold(open bool, conns ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range conns {
		if open {
			w.open[conn] = true
		} else {
			delete(w.open, conn)
		}
		if open && w.listener == nil {
			_ = conn.Close()
		}
	}
}
