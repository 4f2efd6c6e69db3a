package shell

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// find knows -name, -type, -maxdepth, -print, -delete and -exec is refused.
func find(p *proc) int {
	var roots []string
	name, kind, depth, drop := "*", "", 1000, false
	words := p.args[1:]
	for len(words) > 0 && !strings.HasPrefix(words[0], "-") {
		roots, words = append(roots, words[0]), words[1:]
	}
	for i := 0; i < len(words); i++ {
		value := ""
		if i+1 < len(words) {
			value = words[i+1]
		}
		switch words[i] {
		case "-name", "-iname":
			name = value
		case "-type":
			kind = value
		case "-maxdepth":
			depth, _ = strconv.Atoi(value)
		case "-delete":
			drop = true
		case "-exec", "-execdir":
			return p.fail(1, "%s is not simulated", words[i])
		}
	}
	if len(roots) == 0 {
		roots = []string{"."}
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	for _, root := range roots {
		f, err := p.box.tree.find(p.abs(root), true)
		if err != nil {
			return p.fail(1, "'%s': No such file or directory", root)
		}
		p.findBelow(f, root, depth, func(f *file, at string) {
			match, _ := path.Match(name, path.Base(at))
			if !match || kind == "f" && (f.IsDir() || f.link != "") || kind == "d" && !f.IsDir() || kind == "l" && f.link == "" {
				return
			}
			if drop {
				p.box.tree.remove(p.abs(at))
				return
			}
			p.printf("%s\n", at)
		})
	}
	return 0
}

func (p *proc) findBelow(f *file, at string, depth int, visit func(*file, string)) {
	visit(f, at)
	if depth == 0 {
		return
	}
	for _, c := range f.list() {
		p.findBelow(c, strings.TrimSuffix(at, "/")+"/"+c.name, depth-1, visit)
	}
}

func readlink(p *proc) int {
	flags, rest := p.options("")
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	for _, name := range rest {
		if has(flags, "f", "e", "m") || strings.HasSuffix(p.args[0], "realpath") {
			_, real, err := p.box.tree.walk(p.abs(name), true, 0)
			if err != nil {
				real = p.abs(name)
			}
			p.printf("%s\n", real)
			continue
		}
		f, err := p.box.tree.find(p.abs(name), false)
		if err != nil || f.link == "" {
			return 1
		}
		p.printf("%s\n", f.link)
	}
	return 0
}

func mktemp(p *proc) int {
	flags, rest := p.options("pt tmpdir=p suffix")
	name := "tmp.XXXXXXXXXX"
	if len(rest) > 0 {
		name = rest[0]
	}
	if !strings.Contains(name, "/") {
		name = path.Join("/tmp", name)
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	for i := 0; ; i++ {
		full := p.abs(strings.TrimRight(name, "X") + fmt.Sprintf("%06x", i+0xb3c4))
		if _, err := p.box.tree.find(full, false); err == nil {
			continue
		}
		var err error
		if has(flags, "d") {
			err = p.box.tree.mkdirs(full)
		} else {
			err = p.box.tree.write(full, nil, 0o600)
		}
		if err != nil {
			return p.fail(1, "failed to create file: %s", reason(err))
		}
		p.printf("%s\n", full)
		return 0
	}
}

func du(p *proc) int {
	_, rest := p.options("d")
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	for _, name := range rest {
		sum := 0
		if err := p.each(name, true, func(f *file) { sum += len(f.data) + 4096 }); err != nil {
			return p.fail(1, "cannot access '%s': No such file or directory", name)
		}
		p.printf("%d\t%s\n", sum/1024, name)
	}
	return 0
}

func dirname(p *proc) int {
	for _, n := range p.args[1:] {
		p.printf("%s\n", path.Dir(n))
	}
	return 0
}

func basename(p *proc) int {
	if len(p.args) < 2 {
		return p.fail(1, "missing operand")
	}
	name := path.Base(p.args[1])
	if len(p.args) > 2 {
		name = strings.TrimSuffix(name, p.args[2])
	}
	p.printf("%s\n", name)
	return 0
}
