package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/a-h/templ"
	"github.com/coder/websocket"

	"berth"
	"berth/internal/console"
	"berth/internal/fleet"
)

// consoleCSP is the content security policy of the tab with a terminal: xterm.js writes its colours as styles of elements.
const consoleCSP = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// consoleView is the console of a container, as a tab of its page.
type consoleView struct {
	Path    templ.SafeURL // of the tab
	Socket  string        // of the terminal
	Refusal string        // why it cannot be opened now; empty: it can
	Later   bool          // it may be possible later
}

func newConsoleView(c *berth.Container, role berth.Role) consoleView {
	v := consoleView{Path: templ.SafeURL(consolePath(c)), Socket: consolePath(c) + "/socket"}
	if refusal := berth.CheckConsole(c, role); refusal != nil {
		v.Refusal, v.Later = refusal.Err.Message, berth.CodeOf(refusal.Err) != berth.Forbidden
	}
	return v
}

func consolePath(c *berth.Container) string { return containerPath(c) + "/console" }

const consoleTab = "console"

// getConsole is the tab with the terminal of a container, or with why there is none.
func (s *Server) getConsole(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Security-Policy", consoleCSP)
	return s.getTab(w, r, consoleTab, func(d *fleet.Detail) templ.Component {
		return consolePanel(newConsoleView(d.Container, accessOf(r).On(d.Container)))
	})
}

// consoleOf gives the container of a request, if whoever asks may open its console.
func (s *Server) consoleOf(r *http.Request) (*berth.Container, error) {
	c, err := s.named(r)
	if err != nil {
		return nil, err
	}
	if role := accessOf(r).On(c); !role.Includes(berth.RoleOperator) {
		return nil, berth.CheckConsole(c, role).Err
	}
	return c, nil
}

// getConsoleSocket is the websocket between a terminal in the browser and the console of a container. The browser sends what
// is typed as binary messages, its size and how much it has shown as text; it gets output as binary messages, and as text how
// the console is doing. Other sites are refused by Accept.
func (s *Server) getConsoleSocket(w http.ResponseWriter, r *http.Request) error {
	c, err := s.consoleOf(r)
	if err != nil {
		return err
	}
	s.sockets.Add(1) // before Accept: from then on the HTTP server does not wait
	defer s.sockets.Done()
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil // Accept has answered
	}
	defer socket.CloseNow() //nolint:errcheck // nobody is there to be told
	socket.SetReadLimit(mostTyped)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	t := &terminal{socket: socket, cancel: cancel}
	t.viewer, err = s.consoles.Join(ctx, actorOf(r), c.Key())
	if err != nil {
		t.turnAway(ctx, err, s.tellable(r, err))
		return nil
	}
	defer t.viewer.Leave()
	var group sync.WaitGroup
	group.Go(func() { t.receive(ctx) })
	group.Go(func() { t.send(ctx) })
	reason := s.stillMay(ctx, r, c)
	if reason != "" {
		t.refuse(ctx, reason)
	}
	cancel()
	group.Wait()
	return nil
}

// stillMay waits until the connection ends, or its right to be there: then it gives why.
func (s *Server) stillMay(ctx context.Context, r *http.Request, c *berth.Container) string {
	beat := time.NewTicker(s.beat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-s.closing.Done():
			return ""
		case <-beat.C:
		}
		if err := s.auth.Check(ctx, whoIs(r)); err != nil {
			return s.tellable(r, err)
		}
		if now, found := s.fleet.Snapshot().Find(c.Cluster, c.VMID); found && !accessOf(r).On(now).Includes(berth.RoleOperator) {
			return "You may not open the console of " + hostname(c) + " any more."
		}
	}
}

// tellable says err to a person; what is our fault goes into the log.
func (s *Server) tellable(r *http.Request, err error) string {
	if message := sentence(err); message != "" {
		return message
	}
	if !errors.Is(err, context.Canceled) {
		s.log.Error("console failed", "path", r.URL.Path, "error", err)
	}
	return "Something went wrong on our side. The log has it."
}

const mostTyped = 64 << 10 // bytes in one message of a browser

// terminal is the terminal in one browser window.
type terminal struct {
	socket *websocket.Conn
	viewer *console.Viewer
	cancel context.CancelFunc // ends the connection
}

// fromBrowser is what a terminal in the browser says besides what is typed: its size, or how much it has shown.
type fromBrowser struct {
	Columns, Rows int
	Shown         int64
}

// toBrowser is what it is told besides output.
type toBrowser struct {
	State   string   `json:"state,omitempty"` // open, broken, ended or refused; empty: as before
	Why     string   `json:"why,omitempty"`
	Names   []string `json:"names,omitempty"`
	Columns int      `json:"columns,omitempty"`
	Rows    int      `json:"rows,omitempty"`
	Anew    bool     `json:"anew,omitempty"` // the output after this begins anew
}

// receive takes in what the browser sends, until it has gone.
func (t *terminal) receive(ctx context.Context) {
	defer t.cancel()
	for {
		kind, message, err := t.socket.Read(ctx)
		if err != nil {
			return
		}
		if kind == websocket.MessageBinary {
			err = t.viewer.Type(ctx, message)
		} else {
			err = t.obey(ctx, message)
		}
		if err != nil && berth.CodeOf(err) != berth.Invalid {
			return
		}
	}
}

func (t *terminal) obey(ctx context.Context, message []byte) error {
	var says fromBrowser
	if err := json.Unmarshal(message, &says); err != nil {
		return err
	}
	if says.Shown > 0 {
		t.viewer.Shown(says.Shown)
	}
	if says.Columns == 0 && says.Rows == 0 {
		return nil
	}
	return t.viewer.Resize(ctx, says.Columns, says.Rows)
}

// send sends the news of the console until it ends or the browser has gone.
func (t *terminal) send(ctx context.Context) {
	defer t.cancel()
	for {
		quiet, stop := context.WithTimeout(ctx, keepAlive)
		news, err := t.viewer.Next(quiet)
		stop()
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			err = t.ping(ctx)
		case err == nil:
			err = t.tell(ctx, news)
		case errors.Is(err, io.EOF):
			_ = t.socket.Close(websocket.StatusNormalClosure, "") // it has gone already
		}
		if err != nil {
			return
		}
	}
}

func (t *terminal) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return t.socket.Ping(ctx)
}

func (t *terminal) tell(ctx context.Context, news console.News) error {
	if news.Status != nil || news.Anew {
		if err := t.write(ctx, newToBrowser(news)); err != nil {
			return err
		}
	}
	if len(news.Output) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return t.socket.Write(ctx, websocket.MessageBinary, news.Output)
}

func newToBrowser(news console.News) toBrowser {
	says := toBrowser{Anew: news.Anew}
	if status := news.Status; status != nil {
		says.State, says.Names, says.Columns, says.Rows = string(status.State), status.Names, status.Columns, status.Rows
		if status.Why != nil {
			says.Why = sentence(status.Why)
		}
	}
	return says
}

func (t *terminal) write(ctx context.Context, says toBrowser) error {
	message, err := json.Marshal(says)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return t.socket.Write(ctx, websocket.MessageText, message)
}

// refuse tells the browser why it is sent away.
func (t *terminal) refuse(ctx context.Context, why string) {
	t.end(ctx, toBrowser{State: "refused", Why: why})
}

// turnAway tells the browser why the console cannot be opened. It comes again by itself if that may pass: right after its
// start, Berth does not know yet whether the cluster answers.
func (t *terminal) turnAway(ctx context.Context, err error, why string) {
	if berth.CodeOf(err) == berth.Unavailable {
		t.end(ctx, toBrowser{State: string(console.Broken), Why: why})
		return
	}
	t.refuse(ctx, why)
}

func (t *terminal) end(ctx context.Context, says toBrowser) {
	if t.write(ctx, says) == nil {
		_ = t.socket.Close(websocket.StatusPolicyViolation, "") // it has gone already
	}
}

// consoleChoice is the console as the page of a container offers it.
func consoleChoice(c *berth.Container, role berth.Role) linkChoice {
	choice := linkChoice{Title: "Console", Icon: "square-terminal", Hint: "Its terminal, in the browser", Href: templ.SafeURL(consolePath(c))}
	if refusal := berth.CheckConsole(c, role); refusal != nil {
		choice.Refusal = refusal.Err.Message
	}
	return choice
}

// linkChoice is something that is offered for a container on a page of its own, or why it is not possible.
type linkChoice struct {
	Title, Icon, Hint string
	Href              templ.SafeURL
	Refusal           string // empty: possible
}
