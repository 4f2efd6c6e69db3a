package pve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
		_ = socket.CloseNow() // whether that works too is of no interest now
		return nil, fmt.Errorf("open console of container %d on %s: %w", vmid, node, err)
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
	address := e.url.String() + path + "?" + query.Encode()
	socket, response, err := websocket.Dial(ctx, address, &websocket.DialOptions{ //nolint:bodyclose // Dial closes it
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
			return fmt.Errorf("%w (%w)", ErrConsoleRefused, err)
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
