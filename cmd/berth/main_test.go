package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"berth/internal/browsertest"
	"berth/internal/pve/pvesim"
)

// withBrowser ends the browser that a test may have started.
type withBrowser struct{ m *testing.M }

func (w withBrowser) Run() int {
	defer browsertest.Close()
	return w.m.Run()
}

func TestMain(m *testing.M) {
	testscript.Main(withBrowser{m}, map[string]func(){"berth": func() { // the real command, in a process of its own
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}})
}

// TestScripts runs testdata/*.txtar: what people type, and what they get.
func TestScripts(t *testing.T) {
	t.Parallel()
	sim, err := pvesim.New(pvesim.Options{AuthDelay: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { busy.Close() })
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PVE_URL", sim.URL())
			env.Setenv("PVE_TOKEN", sim.Token())
			env.Setenv("PVE_FINGERPRINT", sim.Fingerprint())
			env.Setenv("BUSY_ADDR", busy.Addr().String())
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_DATA_HOME", filepath.Join(env.WorkDir, "share"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exitcode": exitCode},
	})
}

// exitCode runs a command that must end with a code and print one line to standard error that contains a text:
// exitcode CODE TEXT COMMAND...
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: exitcode CODE TEXT COMMAND...")
	}
	cmd := exec.Command(args[2], args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "XDG_DATA_HOME", "TMPDIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	_ = cmd.Run() // its exit code is looked at
	ts.Logf("%s", stderr.String())
	if got := cmd.ProcessState.ExitCode(); args[0] != string(rune('0'+got)) {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
	if lines := strings.Count(stderr.String(), "\n"); lines != 1 {
		ts.Fatalf("%d lines, want one clear line", lines)
	}
	if !strings.Contains(stderr.String(), args[1]) {
		ts.Fatalf("%q is not said", args[1])
	}
}

var linkPattern = regexp.MustCompile(`http://\S+/login\?link=\S+`)

// program is a running berth in a process of its own.
type program struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
}

// start runs berth with args until the end of the test.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	cmd := exec.Command("berth", args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // a killed demo leaves its database behind
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // has ended in a test that passes
		_ = cmd.Wait()
	})
	return &program{cmd: cmd, stdout: bufio.NewReader(stdout)}
}

func (p *program) line(t *testing.T) string {
	t.Helper()
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("no line: %v", err)
	}
	return line
}

func TestDemoPrintsASignInLinkThatWorksOnce(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p := start(t, "demo", "--addr", "127.0.0.1:0", "--containers", "5")
	link := linkPattern.FindString(p.line(t))
	if link == "" {
		t.Fatal("no sign-in link was printed")
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the link was printed after %s, want within 3 s", took)
	}
	if got := status(t, browser(t), link); got != http.StatusOK {
		t.Errorf("the link answers %d, want 200", got)
	}
	if got := status(t, browser(t), link); got != http.StatusUnauthorized {
		t.Errorf("the link answers %d the second time, want 401", got)
	}
}

func TestServeEndsSoonWithOpenStreams(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := start(t, "serve", "--addr", "127.0.0.1:0", "--data", data)
	url := strings.TrimSpace(strings.TrimPrefix(p.line(t), "Berth is at "))
	out, err := exec.Command("berth", "user", "add", "anna", "--role", "viewer", "--data", data, "--url", url).Output()
	if err != nil {
		t.Fatalf("add a user while serve runs: %v", err)
	}
	client := browser(t)
	if got := status(t, client, linkPattern.FindString(string(out))); got != http.StatusOK {
		t.Fatalf("the link answers %d", got)
	}
	for range 10 {
		response, err := client.Get(url + "/live")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if _, err := response.Body.Read(make([]byte, 1)); err != nil {
			t.Fatalf("the stream does not begin: %v", err)
		}
	}
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("serve ended with %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("serve ended %s after SIGTERM, want within 5 s", took)
	}
}

func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, Timeout: 20 * time.Second}
}

func status(t *testing.T, client *http.Client, url string) int {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

func TestPvesimPrintsWhatConnectsABerth(t *testing.T) {
	t.Parallel()
	p := start(t, "pvesim", "--addr", "127.0.0.1:0", "--ssh-addr", "127.0.0.1:0", "--containers", "5", "--version", "8.4")
	for {
		line := strings.TrimSpace(p.line(t))
		if !strings.HasPrefix(line, "berth cluster add") {
			continue
		}
		args := strings.Fields(strings.ReplaceAll(line, "'", ""))[1:]
		out, err := exec.Command("berth", append(args, "--data", t.TempDir())...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
		return
	}
}

var setupPattern = regexp.MustCompile(`http://\S+/setup\?token=\S+`)

func TestServePrintsASetupLinkWhileThereIsNoAccount(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	serve := func() (p *program, link string) {
		p = start(t, "serve", "--addr", "127.0.0.1:0", "--data", data)
		p.line(t) // the address
		return p, setupPattern.FindString(p.line(t))
	}
	p, old := serve()
	if got := status(t, browser(t), old); got != http.StatusOK {
		t.Errorf("the setup link %q answers %d", old, got)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	_, link := serve()
	at, _, _ := strings.Cut(link, "?")
	_, token, _ := strings.Cut(old, "?")
	if got := status(t, browser(t), at+"?"+token); got != http.StatusUnauthorized {
		t.Errorf("the link of the last start answers %d, want 401", got)
	}
	if got := status(t, browser(t), link); got != http.StatusOK {
		t.Errorf("the new link answers %d", got)
	}
}
