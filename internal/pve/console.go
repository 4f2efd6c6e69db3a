package pve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// ErrConsoleRefused says that the node closed a console before it began. API tokens can open consoles only since
// pve-container 6.1.3 (Proxmox VE 9.2); before, only a Login can.
var ErrConsoleRefused = errors.New("the node refused the console; before Proxmox VE 9.2 API tokens cannot open one")

const (
	consoleConnect   = 5 * time.Second  // the node answers late connections with silence
	consoleGreeting  = 10 * time.Second // as long as termproxy itself waits
	consoleKeepAlive = 20 * time.Second
	consoleChunk     = 32 << 10 // frames above 128 KiB make the server go mute
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

// consoleTicket lets one client connect, within 10 s, to the node that gave it.
type consoleTicket struct {
	User   string `pve:"user"`
	Ticket string `pve:"ticket"`
	Port   string `pve:"port"`
}

// OpenConsole opens the terminal of a running container. Of a stopped one it opens too, says so in one line, and ends.
// The terminal is a login prompt or a root shell, as the configuration says (cmode). It needs VM.Console. ctx bounds
// the opening; the console lives until Close.
func (c *Client) OpenConsole(ctx context.Context, node string, vmid int) (*Console, error) {
	ticket, e, err := c.consoleTicket(ctx, node, vmid)
	if err != nil {
		return nil, err
	}
	socket, err := c.dialConsole(ctx, e, ticket, node, vmid)
	if err != nil {
		return nil, fmt.Errorf("open console of container %d on %s: %w", vmid, node, err)
	}
	console := &Console{User: ticket.User, socket: socket}
	if err := console.greet(ctx, ticket); err != nil {
		return nil, errors.Join(fmt.Errorf("open console of container %d on %s: %w", vmid, node, err), socket.CloseNow())
	}
	console.ctx, console.cancel = context.WithCancel(context.Background())
	console.alive.Go(console.keepAlive)
	return console, nil
}

// consoleTicket asks for a ticket. Right after another console was closed the fork can fail once (KindBusy).
func (c *Client) consoleTicket(ctx context.Context, node string, vmid int) (t consoleTicket, e *endpoint, err error) {
	r := post("/nodes/{node}/lxc/{vmid}/termproxy", node, vmid)
	a, err := c.do(ctx, r)
	if Classify(err).Kind == KindBusy {
		if err = sleep(ctx, time.Second); err == nil {
			a, err = c.do(ctx, r)
		}
	}
	if err == nil {
		err = a.decode(&t)
	}
	return t, a.endpoint, err
}

func (c *Client) dialConsole(ctx context.Context, e *endpoint, t consoleTicket, node string, vmid int) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, consoleConnect)
	defer cancel()
	header := http.Header{}
	if _, err := c.authorize(ctx, e, header, false); err != nil {
		return nil, err
	}
	path := fillPath("/api2/json/nodes/{node}/lxc/{vmid}/vncwebsocket", []any{node, vmid})
	query := url.Values{"port": {t.Port}, "vncticket": {t.Ticket}}
	socket, response, err := websocket.Dial(ctx, e.url.String()+path+"?"+query.Encode(), &websocket.DialOptions{
		HTTPClient:   c.http,
		HTTPHeader:   header,
		Subprotocols: []string{"binary"},
	})
	if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
		return nil, &Error{Method: http.MethodGet, Path: path, Status: response.StatusCode, Message: reasonPhrase(response)}
	}
	if err != nil {
		return nil, &connectionError{e.url.Host, "GET " + path, explainTLS(e.url.Host, withoutURL(err))}
	}
	socket.SetReadLimit(-1)
	return socket, nil
}

// greet sends who we are and waits for OK, behind which output may already follow.
func (t *Console) greet(ctx context.Context, ticket consoleTicket) error {
	ctx, cancel := context.WithTimeout(ctx, consoleGreeting)
	defer cancel()
	if err := t.socket.Write(ctx, websocket.MessageBinary, []byte(ticket.User+":"+ticket.Ticket+"\n")); err != nil {
		return err
	}
	var greeting []byte
	for len(greeting) < len("OK") {
		_, part, err := t.socket.Read(ctx)
		if err != nil {
			return errors.Join(ErrConsoleRefused, err)
		}
		greeting = append(greeting, part...)
	}
	rest, found := bytes.CutPrefix(greeting, []byte("OK"))
	if !found {
		return fmt.Errorf("%w: it said %.40q", ErrConsoleRefused, greeting)
	}
	t.rest = rest
	return nil
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
