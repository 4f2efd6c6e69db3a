package pvesim

import (
	"bytes"
	"errors"
	"strconv"
	"sync"
)

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
			v.terminal.tty.Resize(atoi(string(parts[1])), atoi(string(parts[2])))
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
