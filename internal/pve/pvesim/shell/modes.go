package shell

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// each calls f for a file and, when recursive, everything below it.
func (p *proc) each(name string, recursive bool, f func(*file)) error {
	e, err := p.box.tree.find(p.abs(name), true)
	if err != nil {
		return err
	}
	var walk func(*file)
	walk = func(e *file) {
		f(e)
		if recursive {
			for _, c := range e.children {
				walk(c)
			}
		}
	}
	walk(e)
	return nil
}

func chmod(p *proc) int {
	words := p.args[1:]
	recursive := false
	for len(words) > 0 && (words[0] == "-R" || words[0] == "-v" || words[0] == "-f") {
		recursive = recursive || words[0] == "-R"
		words = words[1:]
	}
	if len(words) < 2 {
		return p.fail(1, "missing operand")
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	for _, name := range words[1:] {
		if err := p.each(name, recursive, func(f *file) { f.mode = changedMode(f.mode, words[0]) }); err != nil {
			return p.fail(1, "cannot access '%s': No such file or directory", name)
		}
	}
	return 0
}

// changedMode applies "755", "+x", "u=rw,go=r".
func changedMode(mode fs.FileMode, text string) fs.FileMode {
	if n, err := strconv.ParseUint(text, 8, 32); err == nil {
		return mode&^0o777 | fileMode(uint32(n))
	}
	for _, clause := range strings.Split(text, ",") {
		at := strings.IndexAny(clause, "+-=")
		if at < 0 {
			continue
		}
		who, bits := clause[:at], fs.FileMode(0)
		for i, r := range "rwx" {
			if strings.ContainsRune(clause[at+1:], r) || r == 'x' && strings.Contains(clause[at+1:], "X") {
				bits |= 4 >> i
			}
		}
		if who == "" || strings.Contains(who, "a") {
			who = "ugo"
		}
		for shift, w := range map[int]string{6: "u", 3: "g", 0: "o"} {
			if !strings.Contains(who, w) {
				continue
			}
			switch clause[at] {
			case '+':
				mode |= bits << shift
			case '-':
				mode &^= bits << shift
			case '=':
				mode = mode&^(7<<shift) | bits<<shift
			}
		}
	}
	return mode
}

func chown(p *proc) int {
	flags, rest := p.options("")
	if len(rest) < 2 {
		return p.fail(1, "missing operand")
	}
	user, _, _ := strings.Cut(rest[0], ":")
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	if _, known := p.box.users[user]; !known && user != "" && strings.HasSuffix(p.args[0], "chown") {
		if _, err := strconv.Atoi(user); err != nil {
			return p.fail(1, "invalid user: '%s'", rest[0])
		}
	}
	owner := rest[0]
	if !strings.Contains(owner, ":") {
		owner += ":" + user
	}
	for _, name := range rest[1:] {
		if err := p.each(name, has(flags, "R"), func(f *file) { f.owner = owner }); err != nil {
			return p.fail(1, "cannot access '%s': No such file or directory", name)
		}
	}
	return 0
}

// install copies with a mode, or makes directories with -d.
func install(p *proc) int {
	flags, rest := p.options("mog mode=m owner=o group=g")
	child := *p
	if has(flags, "d") {
		child.args = append([]string{"mkdir", "-p"}, rest...)
		return mkdir(&child)
	}
	if has(flags, "D") && len(rest) == 2 {
		child.args = []string{"mkdir", "-p", path.Dir(p.abs(rest[1]))}
		mkdir(&child)
	}
	child.args = append([]string{"cp"}, rest...)
	if code := cp(&child); code != 0 || len(rest) < 2 {
		return code
	}
	mode := flags["m"]
	if mode == "" {
		mode = "755"
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	if f, err := p.box.tree.find(p.target(rest[0], rest[1]), true); err == nil && !f.IsDir() {
		f.mode = changedMode(f.mode, mode)
	}
	return 0
}

func stat(p *proc) int {
	flags, rest := p.options("c format=c")
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	for _, name := range rest {
		f, err := p.box.tree.find(p.abs(name), false)
		if err != nil {
			return p.fail(1, "cannot statx '%s': No such file or directory", name)
		}
		user, group, _ := strings.Cut(f.owner, ":")
		format := flags["c"]
		if format == "" {
			format = "  File: %n\n  Size: %s\nAccess: (0%a)  Uid: %U  Gid: %G"
		}
		kind := "regular file"
		if f.IsDir() {
			kind = "directory"
		}
		p.printf("%s\n", strings.NewReplacer("%n", name, "%s", strconv.Itoa(len(f.data)), "%a", strconv.FormatUint(uint64(f.mode.Perm()), 8), "%U", user, "%G", group,
			"%Y", strconv.FormatInt(f.changed.Unix(), 10), "%F", kind).Replace(format))
	}
	return 0
}
