package pve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Console is the terminal of a container. All consoles of a container share one terminal: they see the same output,
// and what they type mixes. Read and Write may be used at the same time. It must be closed.
type Console struct {
	User   string // who the node says is connected
	socket *websocket.Conn
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	alive  sync.WaitGroup // the keep-alive goroutine
	rest   []byte         // output that came with the greeting
}

// Read reads output of the terminal. At the end of the session, and after Close, the error is io.EOF.
func (t *Console) Read(p []byte) (int, error) {
	for len(t.rest) == 0 {
		_, part, err := t.socket.Read(t.ctx)
		if err != nil {
			return 0, consoleEnd(err)
		}
		t.rest = part
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// consoleEnd makes io.EOF of the regular ways in which a session ends: the server sends no closing frame.
func consoleEnd(err error) error {
	if websocket.CloseStatus(err) != -1 || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled) {
		return io.EOF
	}
	return fmt.Errorf("read console: %w", err)
}

// Write types into the terminal. Beyond what the other side reads it blocks.
func (t *Console) Write(p []byte) (int, error) {
	for written := 0; ; {
		chunk := p[written:min(len(p), written+consoleChunk)]
		if len(chunk) == 0 {
			return written, nil
		}
		if err := t.send("0:" + strconv.Itoa(len(chunk)) + ":" + string(chunk)); err != nil {
			return written, err
		}
		written += len(chunk)
	}
}

// Resize tells the terminal its size; the last to do so wins for all who watch it.
func (t *Console) Resize(columns, rows int) error {
	return t.send(fmt.Sprintf("1:%d:%d:", columns, rows))
}

func (t *Console) send(message string) error {
	return t.socket.Write(t.ctx, websocket.MessageBinary, []byte(message))
}

// keepAlive keeps proxies on the way from closing an idle console.
func (t *Console) keepAlive() {
	ticker := time.NewTicker(consoleKeepAlive)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if t.send("2") != nil { // Read tells the reason
				return
			}
		case <-t.ctx.Done():
			return
		}
	}
}

// Close leaves the terminal, in which whatever runs goes on.
func (t *Console) Close() error {
	t.cancel()
	err := t.socket.CloseNow()
	t.alive.Wait()
	return err
}
