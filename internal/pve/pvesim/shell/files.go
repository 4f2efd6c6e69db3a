package shell

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Commands on files.

func cat(p *proc) int {
	_, rest := p.options("")
	if len(rest) == 0 {
		if _, err := io.Copy(p.out, p.in); err != nil {
			return 1
		}
		return 0
	}
	texts, code := p.inputs(rest)
	for _, t := range texts {
		io.WriteString(p.out, t)
	}
	return code
}

func ls(p *proc) int {
	flags, rest := p.options("")
	if len(rest) == 0 {
		rest = []string{"."}
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	code := 0
	for _, name := range rest {
		f, err := p.box.tree.find(p.abs(name), !has(flags, "d", "l"))
		if err != nil {
			fmt.Fprintf(p.errs, "ls: cannot access '%s': No such file or directory\n", name)
			code = 2
			continue
		}
		if !f.IsDir() || has(flags, "d") {
			p.listOne(f, name, flags)
			continue
		}
		for _, c := range f.list() {
			if !strings.HasPrefix(c.name, ".") || has(flags, "a", "A") {
				p.listOne(c, c.name, flags)
			}
		}
	}
	return code
}

func (p *proc) listOne(f *file, name string, flags map[string]string) {
	if !has(flags, "l") {
		p.printf("%s\n", name)
		return
	}
	user, group, _ := strings.Cut(f.owner, ":")
	mode := strings.Replace(f.mode.String(), "L", "l", 1)
	if f.link != "" {
		name += " -> " + f.link
	}
	p.printf("%s 1 %s %s %d %s %s\n", mode, user, group, len(f.data), f.changed.Format("Jan _2 15:04"), name)
}

func mkdir(p *proc) int {
	flags, rest := p.options("m mode=m")
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	for _, name := range rest {
		full := p.abs(name)
		if has(flags, "p") {
			if err := p.box.tree.mkdirs(full); err != nil {
				return p.fail(1, "cannot create directory '%s': %s", name, reason(err))
			}
		} else if _, err := p.box.tree.find(full, true); err == nil {
			return p.fail(1, "cannot create directory '%s': File exists", name)
		} else if err := p.box.tree.put(full, p.box.tree.newDir(name)); err != nil {
			return p.fail(1, "cannot create directory '%s': %s", name, reason(err))
		}
		if m, err := strconv.ParseUint(flags["m"], 8, 32); err == nil {
			if f, err := p.box.tree.find(full, true); err == nil {
				f.mode = f.mode&^0o777 | fileMode(uint32(m))
			}
		}
	}
	return 0
}

// target is where a copy or move of name goes: into a directory, or to the name itself.
func (p *proc) target(name, to string) string {
	full := p.abs(to)
	if d, err := p.box.tree.find(full, true); err == nil && d.IsDir() {
		return path.Join(full, path.Base(p.abs(name)))
	}
	return full
}

func cp(p *proc) int { return p.transfer(false) }

func mv(p *proc) int { return p.transfer(true) }

func (p *proc) transfer(move bool) int {
	flags, rest := p.options("t")
	if to, into := flags["t"]; into {
		rest = append(rest, to)
	}
	if len(rest) < 2 {
		return p.fail(1, "missing file operand")
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	to := rest[len(rest)-1]
	for _, name := range rest[:len(rest)-1] {
		inner := strings.HasSuffix(name, "/.")
		f, err := p.box.tree.find(p.abs(name), !move)
		if err != nil {
			return p.fail(1, "cannot stat '%s': No such file or directory", name)
		}
		if f.IsDir() && !move && !has(flags, "r", "R", "a") {
			return p.fail(1, "-r not specified; omitting directory '%s'", name)
		}
		if inner {
			for _, c := range f.list() {
				if err := p.box.tree.put(path.Join(p.abs(to), c.name), c.clone()); err != nil {
					return p.fail(1, "%s", reason(err))
				}
			}
			continue
		}
		dest := p.target(name, to)
		if move {
			p.box.tree.remove(p.abs(name))
		}
		if err := p.box.tree.put(dest, f.clone()); err != nil {
			return p.fail(1, "cannot create '%s': %s", dest, reason(err))
		}
	}
	return 0
}

func rm(p *proc) int {
	flags, rest := p.options("")
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	code := 0
	for _, name := range rest {
		f, err := p.box.tree.find(p.abs(name), false)
		switch {
		case err != nil && has(flags, "f"):
		case err != nil:
			code = p.fail(1, "cannot remove '%s': No such file or directory", name)
		case f.IsDir() && !has(flags, "r", "R", "recursive") && !strings.HasSuffix(p.args[0], "rmdir"):
			code = p.fail(1, "cannot remove '%s': Is a directory", name)
		case p.abs(name) == "/":
			code = p.fail(1, "it is dangerous to operate recursively on '/'")
		default:
			p.box.tree.remove(p.abs(name))
		}
	}
	return code
}

func ln(p *proc) int {
	flags, rest := p.options("")
	if len(rest) < 1 {
		return p.fail(1, "missing file operand")
	}
	to := path.Base(rest[0])
	if len(rest) > 1 {
		to = rest[1]
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	dest := p.abs(to)
	if d, err := p.box.tree.find(dest, !has(flags, "n")); err == nil && d.IsDir() && d.link == "" {
		dest = path.Join(dest, path.Base(rest[0]))
	}
	if _, err := p.box.tree.find(dest, false); err == nil && !has(flags, "f") {
		return p.fail(1, "failed to create symbolic link '%s': File exists", to)
	}
	f := &file{mode: fs.ModeSymlink | 0o777, owner: "root:root", link: rest[0]}
	if !has(flags, "s") {
		original, err := p.box.tree.find(p.abs(rest[0]), true)
		if err != nil {
			return p.fail(1, "failed to access '%s': No such file or directory", rest[0])
		}
		f = original.clone()
	}
	if err := p.box.tree.put(dest, f); err != nil {
		return p.fail(1, "%s", reason(err))
	}
	return 0
}

func touch(p *proc) int {
	_, rest := p.options("dr")
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	for _, name := range rest {
		if f, err := p.box.tree.find(p.abs(name), true); err == nil {
			f.changed = p.box.tree.now()
		} else if err := p.box.tree.write(p.abs(name), nil, 0o644); err != nil {
			return p.fail(1, "cannot touch '%s': %s", name, reason(err))
		}
	}
	return 0
}
