package shell

import (
	"io"
	"regexp"
	"strconv"
	"strings"
)

// posix turns a basic regular expression into Go's syntax.
func posix(expr string, extended bool) string {
	if extended {
		return bracket.ReplaceAllString(expr, "$1")
	}
	var b strings.Builder
	for i := 0; i < len(expr); i++ {
		c := expr[i]
		switch {
		case c == '\\' && i+1 < len(expr) && strings.IndexByte("(){}|+?", expr[i+1]) >= 0:
			i++
			b.WriteByte(expr[i])
		case c == '\\' && i+1 < len(expr):
			b.WriteByte(c)
			i++
			b.WriteByte(expr[i])
		case c == '[':
			end := strings.IndexByte(expr[min(i+2, len(expr)):], ']')
			if end < 0 {
				b.WriteString(`\[`)
				continue
			}
			b.WriteString(expr[i : i+end+3])
			i += end + 2
		case strings.IndexByte("(){}|+?", c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '*' && b.Len() == 0:
			b.WriteString(`\*`)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

var bracket = regexp.MustCompile(`(\[\[:\w+:\]\])`)

func grep(p *proc) int {
	flags, rest := p.options("eABCm regexp=e max-count=m")
	expr, given := flags["e"]
	if !given {
		if len(rest) == 0 {
			return p.fail(2, "usage: grep PATTERN [FILE...]")
		}
		expr, rest = rest[0], rest[1:]
	}
	switch {
	case has(flags, "F") || strings.HasSuffix(p.args[0], "fgrep"):
		expr = regexp.QuoteMeta(expr)
	case has(flags, "P"):
	default:
		expr = posix(expr, has(flags, "E") || strings.HasSuffix(p.args[0], "egrep"))
	}
	if has(flags, "w") {
		expr = `\b(?:` + expr + `)\b`
	}
	if has(flags, "x") {
		expr = `^(?:` + expr + `)$`
	}
	if has(flags, "i") {
		expr = "(?i)" + expr
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return p.fail(2, "%v", err)
	}
	return p.grepFiles(re, flags, rest)
}

func (p *proc) grepFiles(re *regexp.Regexp, flags map[string]string, names []string) int {
	if has(flags, "s") {
		p.errs = io.Discard
	}
	if has(flags, "r", "R") {
		names = p.filesBelow(names)
	}
	found, failed := false, 0
	if len(names) == 0 {
		names = []string{"-"}
	}
	for _, name := range names {
		texts, code := p.inputs([]string{name})
		if code != 0 {
			failed = 2
			continue
		}
		count := 0
		for i, line := range lines(texts[0]) {
			if re.MatchString(line) == has(flags, "v") {
				continue
			}
			count++
			if has(flags, "q", "c", "l") {
				continue
			}
			p.grepLine(re, flags, line, i+1, name, len(names) > 1 && !has(flags, "h"))
		}
		found = found || count > 0
		if has(flags, "c") {
			p.printf("%d\n", count)
		}
		if has(flags, "l") && count > 0 {
			p.printf("%s\n", name)
		}
	}
	switch {
	case found:
		return 0
	case failed != 0:
		return failed
	}
	return 1
}

func (p *proc) grepLine(re *regexp.Regexp, flags map[string]string, line string, number int, name string, withName bool) {
	prefix := ""
	if withName {
		prefix = name + ":"
	}
	if has(flags, "n") {
		prefix += strconv.Itoa(number) + ":"
	}
	if !has(flags, "o") {
		p.printf("%s%s\n", prefix, line)
		return
	}
	for _, m := range re.FindAllString(line, -1) {
		p.printf("%s%s\n", prefix, m)
	}
}

func (p *proc) filesBelow(names []string) []string {
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	var out []string
	if len(names) == 0 {
		names = []string{"."}
	}
	for _, n := range names {
		if f, err := p.box.tree.find(p.abs(n), true); err == nil {
			p.findBelow(f, n, 100, func(f *file, at string) {
				if f.mode.IsRegular() {
					out = append(out, at)
				}
			})
		}
	}
	return out
}
