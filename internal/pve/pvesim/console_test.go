package pvesim

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// console is a test's websocket on a container's terminal.
type console struct {
	t    *testing.T
	ctx  context.Context
	conn *websocket.Conn
	seen []byte
}

// openConsole does termproxy, the websocket and the authentication line, and expects OK.
func openConsole(t *testing.T, u *asUser, path string) *console {
	t.Helper()
	p := u.ok(t, "POST", path+"/termproxy").(map[string]any)
	c := dialConsole(t, u, path, p)
	c.write([]byte(fmt.Sprintf("%s:%s\n", p["user"], p["ticket"])))
	c.until("OK")
	return c
}

func dialConsole(t *testing.T, u *asUser, path string, p map[string]any) *console {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	t.Cleanup(cancel)
	q := url.Values{"port": {fmt.Sprint(p["port"])}, "vncticket": {fmt.Sprint(p["ticket"])}}
	conn, _, err := websocket.Dial(ctx, strings.Replace(u.sim.URL(), "https", "wss", 1)+"/api2/json"+path+"/vncwebsocket?"+q.Encode(), &websocket.DialOptions{
		HTTPClient: u.client, HTTPHeader: http.Header{"Authorization": {"PVEAPIToken=" + u.token}}, Subprotocols: []string{"binary"}})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(-1)
	t.Cleanup(func() { conn.CloseNow() })
	return &console{t: t, ctx: ctx, conn: conn}
}

func (c *console) write(data []byte) {
	c.t.Helper()
	if err := c.conn.Write(c.ctx, websocket.MessageBinary, data); err != nil {
		c.t.Fatal(err)
	}
}

// send types.
func (c *console) send(text string) { c.write([]byte(fmt.Sprintf("0:%d:%s", len(text), text))) }

// until reads until a text has been seen and returns what came before it.
func (c *console) until(mark string) string {
	c.t.Helper()
	for {
		if before, after, found := bytes.Cut(c.seen, []byte(mark)); found {
			c.seen = after
			return string(before)
		}
		_, data, err := c.conn.Read(c.ctx)
		if err != nil {
			c.t.Fatalf("waiting for %q: %v; have %q", mark, err, c.seen)
		}
		c.seen = append(c.seen, data...)
	}
}

// interruptOften presses Ctrl-C until what it returns is called.
func (c *console) interruptOften() (stop func()) {
	ctx, cancel := context.WithCancel(c.ctx)
	var pressing sync.WaitGroup
	pressing.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if err := c.conn.Write(c.ctx, websocket.MessageBinary, []byte("0:1:\x03")); err != nil {
				return // until tells it
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return func() { cancel(); pressing.Wait() }
}

// rootShell gives container 101 a root console.
func rootShell(t *testing.T, u *asUser) {
	t.Helper()
	u.ok(t, "PUT", "/nodes/pve1/lxc/101/config", "cmode=shell")
	if got := u.task(t, "POST", "/nodes/pve1/lxc/101/status/reboot"); got != "OK" {
		t.Fatalf("reboot: %s", got)
	}
}

// loop replaces the shell by a silent reader, as a program that runs commands over the console does.
func (c *console) loop() {
	c.t.Helper()
	c.send("\x15unset HISTFILE;exec sh -c 'stty raw -echo isig quit \"^-\" susp \"^-\";trap : INT;printf \"%s%s\\n\" RE ADY;while IFS= read -r l;do eval \"$l\";done'\n")
	c.until("READY")
}

func TestConsoleRunsCommands(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	rootShell(t, u)
	c := openConsole(t, u, "/nodes/pve1/lxc/101")
	c.until("# ")
	c.loop()
	command := base64.StdEncoding.EncodeToString([]byte("echo hello; echo oops >&2; pwd; exit 3"))
	c.send(fmt.Sprintf("printf \"%%s%%s\\n\" A B; (export HOME=/root; cd /root; eval \"$(printf %%s %s | base64 -d)\") </dev/null 2>&1; printf \"\\n%%s%%s:%%d\\n\" B A $?\n", command))
	c.until("AB\r\n")
	if got, want := c.until("\r\nBA:"), "hello\r\noops\r\n/root\r\n"; got != want {
		t.Errorf("output %q, want %q", got, want)
	}
	if got := c.until("\r\n"); got != "3" {
		t.Errorf("exit status %q", got)
	}
}

func TestConsolePushesAndSurvivesReconnect(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	rootShell(t, u)
	c := openConsole(t, u, "/nodes/pve1/lxc/101")
	c.loop()
	data := make([]byte, 200_000)
	rand.Read(data)
	coded := base64.StdEncoding.EncodeToString(data)
	c.send(fmt.Sprintf("printf S%%s\\\\n TART; head -c %d | base64 -d >/root/f; printf 'D%%s %%s\\n' ONE \"$(sha256sum </root/f)\"\n", len(coded)))
	c.until("START")
	for len(coded) > 0 {
		n := min(len(coded), 30_000)
		c.send(coded[:n])
		coded = coded[n:]
	}
	c.until("DONE ")
	sum := sha256.Sum256(data)
	if got := c.until(" "); got != hex.EncodeToString(sum[:]) {
		t.Errorf("hash of the pushed file %q", got)
	}
	c.conn.CloseNow()
	again := openConsole(t, u, "/nodes/pve1/lxc/101")
	again.send("printf A%s\\\\n LIVE\n") // the same loop still reads
	again.until("ALIVE")
}

func TestConsoleIsShared(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	rootShell(t, u)
	a := openConsole(t, u, "/nodes/pve1/lxc/101")
	b := openConsole(t, u, "/nodes/pve1/lxc/101")
	a.send("echo from-$((1+1))\n")
	a.until("from-2")
	b.until("from-2")
}

func TestConsoleHasTheSizeThatWasSetLast(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	rootShell(t, u)
	c := openConsole(t, u, "/nodes/pve1/lxc/101")
	c.send("stty size\n")
	c.until("20 80\r")
	c.write([]byte("1:132:43:"))
	c.send("stty size\n")
	c.until("43 132\r")
}

func TestConsoleInterruptsTheForegroundCommandOnly(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	rootShell(t, u)
	c := openConsole(t, u, "/nodes/pve1/lxc/101")
	c.loop()
	c.send("printf G%s\\\\n O; sleep 600; printf 'c%s:%d\\n' ode $?\n")
	c.until("GO")
	defer c.interruptOften()() // it reaches nothing before sleep has begun
	if c.until("code:"); c.until("\r\n") != "130" {
		t.Error("interrupted command does not end with 130")
	}
}

func TestConsoleLogin(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	if got := u.task(t, "POST", "/nodes/pve1/lxc", "vmid=900", "ostemplate="+debian12, "rootfs=local-lvm:1", "hostname=new", "password=secret-1", "features=nesting=1"); got != "OK" {
		t.Fatal(got)
	}
	if got := u.task(t, "POST", "/nodes/pve1/lxc/900/status/start"); got != "OK" {
		t.Fatal(got)
	}
	c := openConsole(t, u, "/nodes/pve1/lxc/900")
	c.until("new login: ")
	c.send("root\n")
	c.until("Password: ")
	c.send("wrong\n")
	c.until("Login incorrect")
	c.until("new login: ")
	c.send("root\n")
	c.until("Password: ")
	c.send("secret-1\n")
	c.until("root@new:~# ")
	c.send("echo $HOME\n")
	c.until("/root")
}

func TestConsoleEndsWithTheContainer(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	c := openConsole(t, u, "/nodes/pve1/lxc/101")
	c.until("login: ")
	if got := u.task(t, "POST", "/nodes/pve1/lxc/101/status/stop"); got != "OK" {
		t.Fatal(got)
	}
	c.until("[EOF - dtach terminating]")
	stopped := openConsole(t, u, "/nodes/pve1/lxc/101")
	stopped.until("is not running")
}

func TestConsolePitfalls(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	u := root(t, s)
	rootShell(t, u)
	path := "/nodes/pve1/lxc/101"
	t.Run("Ctrl-backslash detaches", func(t *testing.T) {
		c := openConsole(t, u, path)
		c.send("\x1c")
		c.until("[detached]")
	})
	t.Run("line over 4095 bytes is cut", func(t *testing.T) {
		c := openConsole(t, u, path)
		c.send("V=" + strings.Repeat("x", 5000) + "\n")
		c.send("echo l-${#V}\n")
		c.until("l-4093\r") // two characters are "V="
	})
	t.Run("no HOME", func(t *testing.T) {
		c := openConsole(t, u, path)
		c.send("echo \"[$HOME]\" $PWD\n")
		c.until("[] /\r")
	})
	t.Run("large frame makes the connection mute", func(t *testing.T) {
		c := openConsole(t, u, path)
		c.write(append([]byte("0:200000:"), bytes.Repeat([]byte("y"), 200_000)...))
		c.send("echo never-$((3+4))\n")
		short, cancel := context.WithTimeout(c.ctx, 300*time.Millisecond)
		defer cancel()
		for {
			_, data, err := c.conn.Read(short)
			if err != nil {
				break // silence until the timeout
			}
			if strings.Contains(string(data), "never-7") {
				t.Fatal("the connection still works")
			}
		}
	})
	t.Run("port works once", func(t *testing.T) {
		p := u.ok(t, "POST", path+"/termproxy").(map[string]any)
		c := dialConsole(t, u, path, p)
		c.write([]byte(fmt.Sprintf("%s:%s\n", p["user"], p["ticket"])))
		c.until("OK")
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		q := url.Values{"port": {fmt.Sprint(p["port"])}, "vncticket": {fmt.Sprint(p["ticket"])}}
		_, resp, err := websocket.Dial(ctx, strings.Replace(s.URL(), "https", "wss", 1)+"/api2/json"+path+"/vncwebsocket?"+q.Encode(), &websocket.DialOptions{
			HTTPClient: u.client, HTTPHeader: http.Header{"Authorization": {"PVEAPIToken=" + u.token}}})
		if err == nil || resp != nil {
			t.Errorf("second use of a port answers %v", resp)
		}
	})
	t.Run("foreign ticket", func(t *testing.T) {
		p := u.ok(t, "POST", path+"/termproxy").(map[string]any)
		r := u.do(t, "GET", "/nodes/pve1/lxc/104/vncwebsocket", "port="+fmt.Sprint(p["port"]), "vncticket="+fmt.Sprint(p["ticket"]))
		if r.status != 401 || r.reason != "permission denied - invalid PVEVNC ticket" {
			t.Errorf("ticket of another container: %d %s", r.status, r.reason)
		}
	})
}
