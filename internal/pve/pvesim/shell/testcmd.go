package shell

import (
	"strconv"
	"strings"
)

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
