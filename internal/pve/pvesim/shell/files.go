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
	flags, rest := p.options("m")
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
	flags, rest := p.options("mog")
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
	flags, rest := p.options("c")
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
	flags, rest := p.options("pt")
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

// test is the "[" of POSIX: the forms that scripts use.
func test(p *proc) int {
	words := p.args[1:]
	if strings.HasSuffix(p.args[0], "[") {
		if len(words) == 0 || words[len(words)-1] != "]" {
			return p.fail(2, "missing ]")
		}
		words = words[:len(words)-1]
	}
	ok, rest := p.testOr(words)
	if len(rest) > 0 {
		return p.fail(2, "too many arguments")
	}
	if ok {
		return 0
	}
	return 1
}

func (p *proc) testOr(w []string) (bool, []string) {
	ok, rest := p.testAnd(w)
	for len(rest) > 0 && rest[0] == "-o" {
		var next bool
		next, rest = p.testAnd(rest[1:])
		ok = ok || next
	}
	return ok, rest
}

func (p *proc) testAnd(w []string) (bool, []string) {
	ok, rest := p.testOne(w)
	for len(rest) > 0 && rest[0] == "-a" {
		var next bool
		next, rest = p.testOne(rest[1:])
		ok = ok && next
	}
	return ok, rest
}

func (p *proc) testOne(w []string) (bool, []string) {
	switch {
	case len(w) == 0:
		return false, nil
	case w[0] == "!" && len(w) > 1:
		ok, rest := p.testOne(w[1:])
		return !ok, rest
	case len(w) >= 3 && contains(strings.Fields("= == != -eq -ne -lt -le -gt -ge -nt -ot < >"), w[1]):
		return compare(w[0], w[1], w[2]), w[3:]
	case len(w) >= 2 && len(w[0]) == 2 && w[0][0] == '-':
		return p.testUnary(w[0][1], w[1]), w[2:]
	}
	return w[0] != "", w[1:]
}

func compare(a, op, b string) bool {
	switch op {
	case "=", "==":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case ">":
		return a > b
	}
	x, errX := strconv.Atoi(strings.TrimSpace(a))
	y, errY := strconv.Atoi(strings.TrimSpace(b))
	if errX != nil || errY != nil {
		return false
	}
	return map[string]bool{"-eq": x == y, "-ne": x != y, "-lt": x < y, "-le": x <= y, "-gt": x > y, "-ge": x >= y}[op]
}

func (p *proc) testUnary(op byte, arg string) bool {
	switch op {
	case 'n':
		return arg != ""
	case 'z':
		return arg == ""
	case 't':
		return false
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	f, err := p.box.tree.find(p.abs(arg), op != 'L' && op != 'h')
	if err != nil {
		return false
	}
	switch op {
	case 'f':
		return f.mode.IsRegular()
	case 'd':
		return f.IsDir()
	case 'L', 'h':
		return f.link != ""
	case 's':
		return len(f.data) > 0
	case 'x':
		return f.mode&0o111 != 0
	case 'S', 'p', 'b', 'c':
		return false
	}
	return true // -e, -r, -w: root may do everything
}
