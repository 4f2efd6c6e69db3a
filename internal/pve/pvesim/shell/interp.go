package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// The interpreter keeps its working directory in a field that only the host's cd can change, and asks the host
// whether files are accessible. So the field holds a marker, PWD holds the directory, and cd, test and friends are
// turned into evals and commands of ours before they run.
const (
	marker      = "/.pwd/.pwd/.pwd/.pwd/.pwd/.pwd/.pwd/.pwd"
	markerDepth = 8
)

// session is one shell: variables and functions live as long as it does.
type session struct {
	proc   *proc
	runner *interp.Runner
	name   string   // $0
	stdin  *os.File // our end of the pipe that feeds it
}

// newSession makes a shell that runs as p.
func newSession(p *proc, name string, params []string) (*session, error) {
	s := &session{proc: p, name: name}
	env := append([]string{"HOME=/root", "UID=0", "EUID=0", "GID=0"}, p.env...)
	env = append(env, "TMPDIR=/.none") // the interpreter opens its own pipes there on the host: nowhere
	stdin, err := s.openStdin(p.in)
	if err != nil {
		return nil, err
	}
	opts := []interp.RunnerOption{interp.Env(expand.ListEnviron(env...)), interp.StdIO(stdin, p.out, p.errs),
		interp.CallHandler(s.call), interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return s.exec }),
		interp.OpenHandler(s.open), interp.StatHandler(s.stat), interp.ReadDirHandler2(s.readDir), interp.Params(append([]string{"--"}, params...)...)}
	if s.runner, err = interp.New(opts...); err != nil {
		return nil, err
	}
	s.runner.Dir = marker
	setup := "PWD=" + quote(p.dir) + "; unset TMPDIR"
	if dir := p.getenv("TMPDIR", ""); dir != "" {
		setup += "; export TMPDIR=" + quote(dir)
	}
	if !hasVar(p.env, "HOME") {
		setup += "; unset HOME"
	}
	return s, s.runScript(p.ctx, setup)
}

func hasVar(env []string, name string) bool {
	for _, e := range env {
		if strings.HasPrefix(e, name+"=") {
			return true
		}
	}
	return false
}

// openStdin turns any reader into the pipe that the interpreter wants. The copier ends when the pipe is closed.
func (s *session) openStdin(r io.Reader) (io.Reader, error) {
	if f, is := r.(*os.File); is {
		return f, nil
	}
	pr, pw, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe for standard input: %w", err)
	}
	s.stdin = pr
	go func() {
		io.Copy(pw, r)
		pw.Close()
	}()
	return pr, nil
}

func (s *session) close() {
	if s.stdin != nil {
		s.stdin.Close()
	}
}

// runScript parses and runs a text; the error is an exit status or a syntax error.
func (s *session) runScript(ctx context.Context, text string) error {
	f, err := parse(text, s.name)
	if err != nil {
		return err
	}
	return s.runner.Run(ctx, f)
}

// status is the exit status in an error of the interpreter.
func status(err error) int {
	var code interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	return 2
}

// isStatus tells an exit status from an error of the shell itself.
func isStatus(err error) bool {
	var code interp.ExitStatus
	return errors.As(err, &code)
}

// call rewrites builtins that would ask the host.
func (s *session) call(ctx context.Context, args []string) ([]string, error) {
	hc := interp.HandlerCtx(ctx)
	switch args[0] {
	case "cd":
		return s.changeDir(hc, args), nil
	case "pwd":
		return []string{"eval", `printf '%s\n' "$PWD"`}, nil
	case ".", "source":
		return s.source(hc, args), nil
	case "[", "test", "type", "pushd", "popd", "dirs":
		return append([]string{"/usr/bin/" + args[0]}, args[1:]...), nil
	case "umask", "hash", "ulimit", "times", "bind":
		return []string{"true"}, nil
	case "command":
		return s.command(args), nil
	}
	return args, nil
}

// command handles "command -v name" itself and drops the word otherwise.
func (s *session) command(args []string) []string {
	if len(args) > 1 && (args[1] == "-v" || args[1] == "-V") {
		return append([]string{"/usr/bin/which"}, args[2:]...)
	}
	rest := args[1:]
	if len(rest) > 0 && (rest[0] == "-p" || rest[0] == "--") {
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return []string{"true"}
	}
	return rest
}

func (s *session) changeDir(hc interp.HandlerContext, args []string) []string {
	target := hc.Env.Get("HOME").String()
	if target == "" {
		target = "/"
	}
	for _, a := range args[1:] {
		if a != "--" && a != "-P" && a != "-L" {
			target = a
		}
	}
	if target == "-" {
		target = hc.Env.Get("OLDPWD").String()
	}
	target = absolute(hc, target)
	s.proc.box.mu.Lock()
	f, err := s.proc.box.tree.find(target, true)
	s.proc.box.mu.Unlock()
	if err != nil || !f.IsDir() {
		reason := "No such file or directory"
		if err == nil {
			reason = "Not a directory"
		}
		return []string{"eval", fmt.Sprintf("echo %s >&2; false", quote("sh: cd: "+args[len(args)-1]+": "+reason))}
	}
	return []string{"eval", "OLDPWD=$PWD; PWD=" + quote(target)}
}

// source reads a file and evaluates it in the current shell.
func (s *session) source(hc interp.HandlerContext, args []string) []string {
	if len(args) < 2 {
		return []string{"false"}
	}
	data, err := s.proc.box.ReadFile(absolute(hc, args[1]))
	if err != nil {
		return []string{"eval", fmt.Sprintf("echo %s >&2; false", quote("sh: "+args[1]+": No such file or directory"))}
	}
	if _, err := parse(string(data), ""); err != nil {
		return []string{"eval", fmt.Sprintf("echo %s >&2; false", quote(err.Error()))}
	}
	return []string{"eval", string(data)}
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// absolute resolves a path against PWD, and the interpreter's marker paths too.
func absolute(hc interp.HandlerContext, name string) string {
	cwd := hc.Env.Get("PWD").String()
	if cwd == "" || strings.HasPrefix(cwd, "/.pwd") {
		cwd = "/"
	}
	if !path.IsAbs(name) {
		return path.Join(cwd, name)
	}
	parts := strings.Split(strings.Trim(name, "/"), "/")
	depth := 0
	for depth < len(parts) && parts[depth] == ".pwd" {
		depth++
	}
	if depth == 0 {
		return path.Clean(name)
	}
	return path.Join(cwd, strings.Repeat("../", markerDepth-depth), strings.Join(parts[depth:], "/"))
}

// exec runs everything that is not a builtin.
func (s *session) exec(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	env := []string{}
	hc.Env.Each(func(name string, v expand.Variable) bool {
		if v.Exported && v.IsSet() && !contains([]string{"UID", "EUID", "GID"}, name) {
			env = append(env, name+"="+v.String())
		}
		return true
	})
	in := io.Reader(bytes.NewReader(nil))
	if hc.Stdin != nil {
		in = hc.Stdin
	}
	job, done := foreground(ctx, args[0])
	defer done()
	p := &proc{box: s.proc.box, ctx: job, args: args, env: env, dir: absolute(hc, "."), in: in, out: hc.Stdout, errs: hc.Stderr, depth: s.proc.depth + 1}
	code := p.run()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case job.Err() != nil:
		return interp.ExitStatus(130)
	case code != 0:
		return interp.ExitStatus(code)
	}
	return nil
}
