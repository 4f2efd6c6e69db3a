package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/internal/store"
)

// server is the real command "berth serve", on the same address after every start.
type server struct {
	t       *testing.T
	binary  string
	flags   []string // of the database
	addr    string
	logFile string

	process *exec.Cmd
}

func newServer(t *testing.T, o store.Options) *server {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, binary: cmp.Or(os.Getenv(crashBinary), "berth"), addr: free.Addr().String(), logFile: filepath.Join(t.TempDir(), "log"),
		flags: []string{"--data", o.DataDir}}
	if o.Database != "" {
		s.flags = append(s.flags, "--database", o.Database)
	}
	return s
}

func (s *server) url() string { return "http://" + s.addr }

// command runs another command of berth and gives what it prints.
func (s *server) command(args ...string) string {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), s.binary, append(args, s.flags...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("berth %s: %v: %s", strings.Join(args[:2], " "), err, out)
	}
	return string(out)
}

// start starts it, and returns when it can be asked. It is to be killed or new.
func (s *server) start() {
	log, err := os.OpenFile(s.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Errorf("open the log: %v", err)
		return
	}
	defer log.Close() // the process has its own
	s.process = exec.Command(s.binary, append([]string{"serve", "--addr", s.addr}, s.flags...)...)
	s.process.Stderr = log
	out, err := s.process.StdoutPipe()
	if err == nil {
		err = s.process.Start()
	}
	if err != nil {
		s.t.Errorf("start berth: %v", err)
		return
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); !strings.HasPrefix(line, "Berth is at ") {
		s.t.Errorf("berth serve says %q (%v); log:\n%s", line, err, s.log())
	}
}

// kill ends it as kill -9 does.
func (s *server) kill() {
	if err := s.process.Process.Kill(); err != nil {
		s.t.Errorf("kill berth: %v", err)
	}
	_ = s.process.Wait() // that it was killed is no news
}

// stop ends it as a service manager does.
func (s *server) stop() {
	err := errors.Join(s.process.Process.Signal(syscall.SIGTERM), s.process.Wait())
	if err != nil {
		s.t.Errorf("berth does not end well: %v; log:\n%s", err, s.log())
	}
}

// log is the end of the log.
func (s *server) log() string {
	text, err := os.ReadFile(s.logFile)
	if err != nil {
		return err.Error()
	}
	const enough = 20_000
	return string(text[max(0, len(text)-enough):])
}

// operator is one with a browser.
type operator struct {
	server *server
	client *http.Client
}

// signInLink adds the operator olga and gives her one-time link.
func (s *server) signInLink() string {
	s.t.Helper()
	said := s.command("user", "add", "olga", "--role", "operator", "--url", s.url())
	return strings.TrimSpace(said[strings.LastIndex(said, "http"):])
}

func signInOperator(t *testing.T, s *server) *operator {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	u := &operator{server: s, client: &http.Client{Jar: jar, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	response, err := u.client.Get(s.signInLink())
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusSeeOther && response.StatusCode != http.StatusFound {
		t.Fatalf("the sign-in link answers %s", response.Status)
	}
	return u
}

// post sends a form. lost says that Berth was not there, or died before it answered.
func (u *operator) post(path string, form url.Values) (code int, body string, lost bool) {
	response, err := u.client.PostForm(u.server.url()+path, form)
	if err != nil {
		return 0, err.Error(), true
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		return 0, err.Error(), true
	}
	return response.StatusCode, text.String(), false
}

// askAll asks for everything, a bulk action first. As people do, it looks whether something was accepted before it asks
// for it again after Berth was away.
func (c *crash) askAll() {
	var keys []string
	for _, w := range c.wishes {
		if w.bulk {
			keys = append(keys, w.key())
		}
	}
	c.ask("/bulk", url.Values{"action": {"stop"}, "keys": {strings.Join(keys, ",")}, "confirmed": {"1"}}, func() bool {
		jobs, err := c.store.Jobs(c.t.Context(), store.JobFilter{Actor: "olga"}, 1)
		return err == nil && len(jobs) > 0
	})
	for _, w := range c.wishes {
		if w.bulk {
			continue
		}
		c.askOne(w)
		time.Sleep(time.Duration(c.chance.Int64N(int64(2 * longestLife / actionsPerKill)))) // people take their time
	}
}

func (c *crash) askOne(w wish) {
	form := url.Values{"name": {w.hostname}, "stop-first": {"1"}, "then-stop": {"1"}, "timeout": {"30"}}
	c.ask("/containers/home:"+strconv.Itoa(w.vmid)+"/actions/"+string(w.action), form, func() bool {
		jobs, err := c.store.JobsOfSubject(c.t.Context(), w.key(), 1)
		return err == nil && len(jobs) > 0
	})
}

// ask sends a form until Berth accepts it.
func (c *crash) ask(path string, form url.Values, accepted func() bool) {
	deadline := time.Now().Add(settleTime)
	for {
		code, body, lost := c.user.post(path, form)
		switch {
		case code == http.StatusNoContent || (lost || code == http.StatusConflict) && accepted():
			return
		case !lost && code != http.StatusServiceUnavailable && code != http.StatusConflict && code != http.StatusNotFound:
			c.t.Fatalf("POST %s answers %d: %s", path, code, body) // it has answered, and not that the cluster was not asked yet
		case time.Now().After(deadline):
			c.t.Fatalf("POST %s is not accepted, the last answer is %d: %s; log:\n%s", path, code, body, c.server.log())
		}
		time.Sleep(50 * time.Millisecond) // until Berth is there again
	}
}
