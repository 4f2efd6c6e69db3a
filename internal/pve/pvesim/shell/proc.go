package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// proc is one running program: its arguments, environment and streams.
type proc struct {
	box   *Box
	ctx   context.Context
	args  []string
	env   []string
	dir   string
	in    io.Reader
	out   io.Writer
	errs  io.Writer
	depth int // of nested programs
}

// command is a program of the box.
type command func(*proc) int

const maxDepth = 40 // a script that calls itself ends here

// run finds the program and runs it.
func (p *proc) run() int {
	if len(p.args) == 0 {
		return 0
	}
	if p.depth > maxDepth {
		return p.fail(126, "too many nested programs")
	}
	name := p.args[0]
	full := p.lookup(name)
	if full == "" {
		if strings.Contains(name, "/") {
			fmt.Fprintf(p.errs, "sh: %s: No such file or directory\n", name)
		} else {
			fmt.Fprintf(p.errs, "sh: %s: command not found\n", name)
		}
		return 127
	}
	data, err := p.box.ReadFile(full)
	if err == nil && !strings.HasPrefix(string(data), "\x7fELF") {
		return p.runScriptFile(full, string(data))
	}
	if c := p.box.commands[path.Base(full)]; c != nil {
		return c(p)
	}
	return p.version()
}

// lookup finds an executable by path or along PATH, "" when there is none.
func (p *proc) lookup(name string) string {
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	if strings.Contains(name, "/") {
		full := p.abs(name)
		if f, err := p.box.tree.find(full, true); err == nil && !f.IsDir() {
			return full
		}
		merged := "/usr/bin/" + path.Base(full) // /bin and /sbin are the same place
		if dir := path.Dir(full); dir == "/bin" || dir == "/sbin" || dir == "/usr/sbin" {
			if f, err := p.box.tree.find(merged, true); err == nil && !f.IsDir() {
				return merged
			}
		}
		return ""
	}
	for _, dir := range strings.Split(p.getenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ":") {
		full := path.Join(dir, name)
		if f, err := p.box.tree.find(full, true); err == nil && !f.IsDir() && f.mode&0o111 != 0 {
			return full
		}
	}
	return ""
}

// runScriptFile runs an executable text: by its interpreter line, or as a shell script.
func (p *proc) runScriptFile(full, text string) int {
	line, _, _ := strings.Cut(text, "\n")
	if by, is := strings.CutPrefix(line, "#!"); is {
		words := strings.Fields(by)
		if len(words) > 0 && path.Base(words[0]) == "env" {
			words = words[1:]
		}
		if len(words) > 0 && !contains([]string{"sh", "bash", "ash", "dash"}, path.Base(words[0])) {
			child := *p
			child.args = append(append(words, full), p.args[1:]...)
			child.depth++
			return child.run()
		}
	}
	return p.script(full, text, p.args[1:])
}

// script runs a text in a shell of its own; name is its $0.
func (p *proc) script(name, text string, params []string) int {
	s, err := newSession(p, name, params)
	if err != nil {
		return p.fail(2, "%v", err)
	}
	defer s.close()
	err = s.runScript(p.ctx, text)
	var bad syntax.ParseError
	if errors.As(err, &bad) || err != nil && strings.Contains(err.Error(), "not simulated") {
		return p.fail(2, "%v", err)
	}
	return status(err)
}

// abs resolves a path against the working directory.
func (p *proc) abs(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(p.dir, name)
}

func (p *proc) getenv(name, absent string) string {
	for _, e := range slices.Backward(p.env) {
		if v, is := strings.CutPrefix(e, name+"="); is {
			return v
		}
	}
	return absent
}

// fail prints a message and returns the status.
func (p *proc) fail(code int, format string, args ...any) int {
	name := "sh"
	if len(p.args) > 0 {
		name = path.Base(p.args[0])
	}
	fmt.Fprintf(p.errs, "%s: %s\n", name, fmt.Sprintf(format, args...))
	return code
}

func (p *proc) printf(format string, args ...any) { fmt.Fprintf(p.out, format, args...) }

// version answers programs that are installed but not simulated: they say who they are and succeed.
func (p *proc) version() int {
	for _, a := range p.args[1:] {
		if a == "--version" || a == "-v" || a == "-V" || a == "version" {
			p.printf("%s %s (simulated)\n", path.Base(p.args[0]), p.box.versionOf(path.Base(p.args[0])))
		}
	}
	return 0
}

// versionOf is the version of the package that brought a command.
func (b *Box) versionOf(command string) string {
	for name, k := range knownPackages() {
		if contains(k.commands, command) || name == command {
			return k.version
		}
	}
	return "1.0"
}

// options splits flags off: "-rf" gives r and f. The spec names the flags with a value: first the letters together, then
// long names, which may stand for a letter: "o output=o retry".
func (p *proc) options(spec string) (flags map[string]string, rest []string) {
	flags = map[string]string{}
	letters, long := optionSpec(spec)
	words := p.args[1:]
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "--":
			return flags, append(rest, words[i+1:]...)
		case strings.HasPrefix(w, "--"):
			name, value, inline := strings.Cut(w[2:], "=")
			key, takes := long[name]
			if takes && !inline && i+1 < len(words) {
				i++
				value = words[i]
			}
			if !takes {
				key = name
			}
			flags[key] = value
		case len(w) > 1 && w[0] == '-':
			i += shortOptions(flags, w[1:], letters, words[i+1:])
		default:
			rest = append(rest, w)
		}
	}
	return flags, rest
}

// optionSpec reads the spec of options: letters, and the key of each long name.
func optionSpec(spec string) (letters string, long map[string]string) {
	long = map[string]string{}
	for i, token := range strings.Fields(spec) {
		name, key, alias := strings.Cut(token, "=")
		switch {
		case i == 0 && !alias:
			letters = token
		case alias:
			long[name] = key
		default:
			long[name] = name
		}
	}
	return letters, long
}

// shortOptions reads a cluster such as "rf" or "n5" and returns how many of the next words it took.
func shortOptions(flags map[string]string, cluster, letters string, next []string) int {
	for j := range len(cluster) {
		f := cluster[j : j+1]
		if !strings.Contains(letters, f) {
			flags[f] = ""
			continue
		}
		flags[f] = cluster[j+1:]
		if flags[f] == "" && len(next) > 0 {
			flags[f] = next[0]
			return 1
		}
		return 0
	}
	return 0
}

func has(flags map[string]string, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := flags[n]; return ok })
}

// inputs reads the named files, or standard input without names or for "-".
func (p *proc) inputs(names []string) (texts []string, code int) {
	if len(names) == 0 {
		names = []string{"-"}
	}
	for _, n := range names {
		if n == "-" || n == "/dev/stdin" {
			data, err := io.ReadAll(p.in)
			if err != nil {
				return texts, p.fail(1, "%v", err)
			}
			texts = append(texts, string(data))
			continue
		}
		data, err := p.box.ReadFile(p.abs(n))
		if err != nil {
			code = p.fail(1, "%s: %s", n, reason(err))
			continue
		}
		texts = append(texts, string(data))
	}
	return texts, code
}

// reason is the short text of a file error.
func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "No such file or directory"
	case errors.Is(err, fs.ErrExist):
		return "File exists"
	case strings.Contains(err.Error(), "is a directory"):
		return "Is a directory"
	}
	return err.Error()
}

// lines splits text without the last empty line.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func (p *proc) scanner() *bufio.Scanner {
	s := bufio.NewScanner(p.in)
	s.Buffer(nil, 1<<20)
	return s
}

func contains[T comparable](list []T, v T) bool { return slices.Contains(list, v) }

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func fileMode(mode uint32) fs.FileMode { return fs.FileMode(mode & 0o777) }
