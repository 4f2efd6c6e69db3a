package shell

import (
	"bytes"
	"context"
	"io"
	"os"
	"path"
	"strings"
	"sync"
	"time"
)

// TTY is a terminal in a box: the line discipline between a keyboard and the programs that read and write it.
// In cooked mode it edits and echoes lines of at most 4095 bytes and turns LF into CR LF; raw mode passes bytes as they are.
type TTY struct {
	out io.Writer // what the screen shows

	mu     sync.Mutex
	raw    bool
	echo   bool
	signal bool // Ctrl-C interrupts
	post   bool // LF becomes CR LF
	line   []byte
	cols   int
	rows   int
	jobs   []context.CancelFunc // running programs, innermost last

	keys   *os.File // where typed bytes go
	stdin  *os.File // where programs read them
	closed bool
}

// NewTTY makes a terminal that shows its output on screen. Close it when nobody uses it any more.
func NewTTY(screen io.Writer) (*TTY, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &TTY{out: screen, echo: true, signal: true, post: true, cols: 80, rows: 20, keys: w, stdin: r}, nil
}

// Close ends reads and pending input.
func (t *TTY) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed = true
		t.keys.Close()
		t.stdin.Close()
	}
}

// Resize is what the screen's window says of its size.
func (t *TTY) Resize(cols, rows int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cols, t.rows = cols, rows
}

func (t *TTY) size() (rows, cols int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rows, t.cols
}

// maxLine is how much of a line survives in cooked mode; the rest is dropped without a word.
const maxLine = 4095

// Input is what somebody types. It blocks when no program reads and the pipe is full, as a real terminal wedges.
func (t *TTY) Input(data []byte) {
	for len(data) > 0 {
		t.mu.Lock()
		var ready []byte
		if t.raw {
			ready, data = t.takeRaw(data)
		} else {
			ready, data = t.takeCooked(data)
		}
		t.mu.Unlock()
		if len(ready) > 0 {
			if _, err := t.keys.Write(ready); err != nil {
				return // the terminal was closed
			}
		}
	}
}

func (t *TTY) takeRaw(data []byte) (ready, rest []byte) {
	if !t.signal {
		return data, nil
	}
	at := bytes.IndexByte(data, 3)
	if at < 0 {
		return data, nil
	}
	if at == 0 {
		t.interrupt()
		return nil, data[1:]
	}
	return data[:at], data[at:]
}

// takeCooked edits the line and hands it over at its end.
func (t *TTY) takeCooked(data []byte) (ready, rest []byte) {
	b := data[0]
	if b == '\r' {
		b = '\n'
	}
	switch {
	case b == 3 && t.signal:
		t.line = nil
		t.show("^C\n")
		if !t.interrupt() {
			return []byte("\n"), data[1:]
		}
	case b == 0x15: // Ctrl-U
		t.show(strings.Repeat("\b \b", len(t.line)))
		t.line = nil
	case b == 0x7f || b == 8:
		if len(t.line) > 0 {
			t.line = t.line[:len(t.line)-1]
			t.show("\b \b")
		}
	case b == '\n':
		ready = append(t.line, '\n')
		t.line = nil
		t.show("\n")
	default:
		if len(t.line) < maxLine {
			t.line = append(t.line, b)
		}
		t.show(string(b))
	}
	return ready, data[1:]
}

// show echoes.
func (t *TTY) show(text string) {
	if t.echo {
		t.out.Write(t.posted([]byte(text)))
	}
}

func (t *TTY) posted(p []byte) []byte {
	if !t.post {
		return p
	}
	return bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))
}

// Write is a program's output.
func (t *TTY) Write(p []byte) (int, error) {
	t.mu.Lock()
	q := t.posted(p)
	t.mu.Unlock()
	if _, err := t.out.Write(q); err != nil {
		return 0, err
	}
	return len(p), nil
}

// interrupt ends the innermost running program and reports whether there was one.
func (t *TTY) interrupt() bool {
	if len(t.jobs) == 0 {
		return false
	}
	t.jobs[len(t.jobs)-1]()
	return true
}

type ttyKey struct{}

func ttyOf(ctx context.Context) *TTY {
	t, _ := ctx.Value(ttyKey{}).(*TTY)
	return t
}

// foreground makes a program interruptible; shells are not, they go on with the next command.
func foreground(ctx context.Context, name string) (context.Context, func()) {
	t := ttyOf(ctx)
	if t == nil || contains([]string{"sh", "bash", "ash", "dash", "setsid", "nohup"}, path.Base(name)) {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	t.mu.Lock()
	t.jobs = append(t.jobs, cancel)
	depth := len(t.jobs)
	t.mu.Unlock()
	return ctx, func() {
		t.mu.Lock()
		t.jobs = t.jobs[:min(depth-1, len(t.jobs))]
		t.mu.Unlock()
		cancel()
	}
}

// stty sets the modes of the terminal: raw, cooked, sane, [-]echo, [-]isig, [-]icanon, [-]opost; size tells its size.
func stty(p *proc) int {
	t := ttyOf(p.ctx)
	if t == nil {
		return p.fail(1, "standard input: Inappropriate ioctl for device")
	}
	words := p.args[1:]
	if len(words) == 1 && words[0] == "size" {
		rows, cols := t.size()
		p.printf("%d %d\n", rows, cols)
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := 0; i < len(words); i++ {
		on := !strings.HasPrefix(words[i], "-")
		switch strings.TrimPrefix(words[i], "-") {
		case "raw":
			t.raw, t.signal, t.post = on, !on, !on
		case "cooked", "sane":
			t.raw, t.signal, t.post, t.echo = false, true, true, true
		case "echo":
			t.echo = on
		case "isig":
			t.signal = on
		case "icanon":
			t.raw = !on
		case "opost":
			t.post = on
		case "quit", "susp", "intr", "eof", "kill", "erase", "rows", "cols", "min", "time":
			i++
		}
	}
	return 0
}

// readLine reads up to LF, byte by byte, so that the next program finds the rest.
func (t *TTY) readLine() (string, error) {
	var line []byte
	b := make([]byte, 1)
	for {
		if _, err := t.stdin.Read(b); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			return string(line), nil
		}
		line = append(line, b[0])
	}
}

// Login runs what sits on the terminal until its shell ends: a root shell at once, or a login prompt before it.
func (b *Box) Login(ctx context.Context, t *TTY, asRoot bool) {
	ctx = context.WithValue(ctx, ttyKey{}, t)
	stop := context.AfterFunc(ctx, t.Close)
	defer stop()
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=linux", "container=lxc"}
	dir := "/"
	for !asRoot {
		ok, err := b.prompt(ctx, t)
		if err != nil {
			return
		}
		if asRoot = ok; ok {
			env, dir = append(env, "HOME=/root", "USER=root", "LOGNAME=root", "SHELL="+b.rootShell(), "LANG=C.UTF-8"), "/root"
		}
	}
	b.interact(ctx, t, env, dir)
}

// prompt is getty and login, once.
func (b *Box) prompt(ctx context.Context, t *TTY) (ok bool, err error) {
	io.WriteString(t, "\r\n"+b.title()+" "+b.hostname()+" tty1\n\n")
	io.WriteString(t, b.hostname()+" login: ")
	name, err := t.readLine()
	if err != nil || name == "" {
		return false, err
	}
	io.WriteString(t, "Password: ")
	t.setEcho(false)
	secret, err := t.readLine()
	t.setEcho(true)
	if err != nil {
		return false, err
	}
	io.WriteString(t, "\n")
	if want := b.Password(); name != "root" || want == "" || secret != want {
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return false, ctx.Err()
		}
		io.WriteString(t, "Login incorrect\n")
		return false, nil
	}
	return true, nil
}

func (t *TTY) setEcho(on bool) {
	t.mu.Lock()
	t.echo = on
	t.mu.Unlock()
}

// title is the name of the distribution on the login screen.
func (b *Box) title() string {
	r := osRelease[b.spec.OS]
	if r[0] == "" {
		return "Linux"
	}
	return r[0] + " " + r[1]
}

// pasted takes out the marks that a terminal puts around pasted text once it was asked to (ESC [ ? 2004 h).
var pasted = strings.NewReplacer("\x1b[200~", "", "\x1b[201~", "")

// interact is the interactive shell: prompt, line, run.
func (b *Box) interact(ctx context.Context, t *TTY, env []string, dir string) {
	p := &proc{box: b, ctx: ctx, args: []string{"sh"}, env: env, dir: dir, in: t.stdin, out: t, errs: t}
	s, err := newSession(p, "-sh", nil)
	if err != nil {
		return
	}
	before, after := "\x1b[?2004h", "\x1b[?2004l\r"
	if b.rootShell() == "/bin/sh" {
		before, after = "", "\x1b[6n"
	}
	for {
		io.WriteString(t, before+b.Prompt())
		line, err := t.readLine()
		if err != nil {
			return
		}
		io.WriteString(t, after)
		if err := s.runScript(ctx, pasted.Replace(line)); err != nil && status(err) == 2 && !isStatus(err) {
			io.WriteString(t, "sh: "+err.Error()+"\n")
		}
		if s.runner.Exited() || ctx.Err() != nil {
			return
		}
	}
}
