package shell

import (
	"io"
	"regexp"
	"strconv"
	"strings"
)

// sedRule is one command of a sed script: an address and s, d, p, a, i or c.
type sedRule struct {
	from, to *regexp.Regexp
	line     int // 0 for none, -1 for the last
	endLine  int
	negate   bool
	op       byte
	re       *regexp.Regexp
	text     string
	global   bool
	print    bool
	inside   bool
}

// sed knows s, d, p, a, i, c and q with line, range and pattern addresses; -i, -n, -E, -e.
func sed(p *proc) int {
	words := p.args[1:]
	var scripts, files []string
	inPlace, silent, extended := false, false, false
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "-e" && i+1 < len(words):
			i++
			scripts = append(scripts, words[i])
		case w == "-f" || w == "--file":
			return p.fail(1, "-f is not simulated")
		case strings.HasPrefix(w, "--in-place"):
			inPlace = true
		case len(w) > 1 && w[0] == '-':
			inPlace = inPlace || strings.Contains(w, "i")
			silent = silent || strings.Contains(w, "n") && !strings.HasPrefix(w, "-i")
			extended = extended || strings.ContainsAny(w, "Er") && !strings.HasPrefix(w, "-i")
			if strings.HasSuffix(w, "e") && i+1 < len(words) && !strings.HasPrefix(w, "-i") {
				i++
				scripts = append(scripts, words[i])
			}
		case len(scripts) == 0:
			scripts = append(scripts, w)
		default:
			files = append(files, w)
		}
	}
	rules, err := parseSed(strings.Join(scripts, "\n"), extended)
	if err != nil {
		return p.fail(1, "%v", err)
	}
	if !inPlace {
		texts, code := p.inputs(files)
		io.WriteString(p.out, runSed(rules, strings.Join(texts, ""), silent))
		return code
	}
	code := 0
	for _, name := range files {
		texts, c := p.inputs([]string{name})
		if c != 0 {
			code = c
			continue
		}
		if err := p.box.WriteFile(p.abs(name), []byte(runSed(rules, texts[0], silent)), 0); err != nil {
			code = p.fail(4, "couldn't edit %s: %s", name, reason(err))
		}
	}
	return code
}

func parseSed(script string, extended bool) ([]*sedRule, error) {
	var out []*sedRule
	rest := script
	for {
		rest = strings.TrimLeft(rest, " \t\n;")
		if rest == "" {
			return out, nil
		}
		r := &sedRule{}
		var err error
		if rest, err = r.parseAddress(rest, extended); err != nil {
			return nil, err
		}
		if rest, err = r.parseOp(rest, extended); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
}

func (r *sedRule) parseAddress(s string, extended bool) (string, error) {
	var err error
	var first bool
	if r.line, r.from, s, first, err = address(s, extended); err != nil || !first {
		return s, err
	}
	if after, more := strings.CutPrefix(s, ","); more {
		if r.endLine, r.to, s, _, err = address(after, extended); err != nil {
			return s, err
		}
	}
	s = strings.TrimLeft(s, " ")
	if after, not := strings.CutPrefix(s, "!"); not {
		r.negate, s = true, after
	}
	return strings.TrimLeft(s, " "), nil
}

// address reads one of 12, $ and /expr/.
func address(s string, extended bool) (line int, re *regexp.Regexp, rest string, found bool, err error) {
	switch {
	case s == "":
		return 0, nil, s, false, errText("missing command")
	case s[0] == '$':
		return -1, nil, s[1:], true, nil
	case s[0] >= '0' && s[0] <= '9':
		end := 0
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		line, err = strconv.Atoi(s[:end])
		return line, nil, s[end:], true, err
	case s[0] == '/':
		expr, rest, err := delimited(s[1:], '/')
		if err != nil {
			return 0, nil, s, false, err
		}
		re, err = regexp.Compile(posix(expr, extended))
		return 0, re, rest, true, err
	}
	return 0, nil, s, false, nil
}

// delimited reads up to an unescaped delimiter.
func delimited(s string, delim byte) (text, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == delim:
			i++
			b.WriteByte(delim)
		case s[i] == '\\' && i+1 < len(s):
			b.WriteString(s[i : i+2])
			i++
		case s[i] == delim:
			return b.String(), s[i+1:], nil
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", errText("unterminated address or `s' command")
}

func (r *sedRule) parseOp(s string, extended bool) (string, error) {
	if s == "" {
		return "", errText("missing command")
	}
	r.op = s[0]
	s = s[1:]
	switch r.op {
	case 'd', 'p', 'q', '=':
		return s, nil
	case 'a', 'i', 'c':
		line, rest, _ := strings.Cut(s, "\n")
		line = strings.TrimLeft(line, " ")
		if line == `\` {
			line, rest, _ = strings.Cut(rest, "\n")
		}
		r.text = strings.ReplaceAll(strings.TrimPrefix(line, `\`), `\n`, "\n")
		return rest, nil
	case 's':
		return r.parseSubstitution(s, extended)
	}
	return "", errText("unknown command: `" + string(r.op) + "'")
}

func (r *sedRule) parseSubstitution(s string, extended bool) (string, error) {
	if s == "" {
		return "", errText("unterminated `s' command")
	}
	delim := s[0]
	expr, rest, err := delimited(s[1:], delim)
	if err != nil {
		return "", err
	}
	text, rest, err := delimited(rest, delim)
	if err != nil {
		return "", err
	}
	flags := ""
	for rest != "" && strings.IndexByte("gpiI", rest[0]) >= 0 {
		flags, rest = flags+rest[:1], rest[1:]
	}
	r.global, r.print = strings.Contains(flags, "g"), strings.Contains(flags, "p")
	expr = posix(expr, extended)
	if strings.ContainsAny(flags, "iI") {
		expr = "(?i)" + expr
	}
	r.text = text
	r.re, err = regexp.Compile(expr)
	return rest, err
}

// runSed works a text off line by line.
func runSed(rules []*sedRule, text string, silent bool) string {
	var b strings.Builder
	all := lines(text)
	for i, line := range all {
		deleted, quit := false, false
		var after []string
		for _, r := range rules {
			if r.matches(line, i+1, i == len(all)-1) == r.negate {
				continue
			}
			switch r.op {
			case 'd':
				deleted = true
			case 'p':
				b.WriteString(line + "\n")
			case 'q':
				quit = true
			case '=':
				b.WriteString(strconv.Itoa(i+1) + "\n")
			case 'i':
				b.WriteString(r.text + "\n")
			case 'a':
				after = append(after, r.text)
			case 'c':
				b.WriteString(r.text + "\n")
				deleted = true
			case 's':
				replaced := r.replace(line)
				if r.print && replaced != line {
					b.WriteString(replaced + "\n")
				}
				line = replaced
			}
			if deleted {
				break
			}
		}
		if !deleted && !silent {
			b.WriteString(line + "\n")
		}
		for _, a := range after {
			b.WriteString(a + "\n")
		}
		if quit {
			break
		}
	}
	return b.String()
}

func (r *sedRule) matches(line string, number int, last bool) bool {
	first := r.from == nil && r.line == 0 || r.line == number || r.line == -1 && last || r.from != nil && r.from.MatchString(line)
	if r.to == nil && r.endLine == 0 {
		return first
	}
	if r.inside {
		if r.to != nil && r.to.MatchString(line) || r.endLine > 0 && number >= r.endLine {
			r.inside = false
		}
		return true
	}
	if first && (r.endLine == 0 || r.endLine == -1 || number < r.endLine) {
		r.inside = true
	}
	return first
}

// replace applies s: & and \1 stand for what matched.
func (r *sedRule) replace(line string) string {
	var b strings.Builder
	at := 0
	for _, m := range r.re.FindAllStringSubmatchIndex(line, -1) {
		b.WriteString(line[at:m[0]])
		for i := 0; i < len(r.text); i++ {
			c := r.text[i]
			switch {
			case c == '&':
				b.WriteString(line[m[0]:m[1]])
			case c == '\\' && i+1 < len(r.text):
				i++
				n := int(r.text[i] - '0')
				switch {
				case n >= 0 && n <= 9 && 2*n+1 < len(m) && m[2*n] >= 0:
					b.WriteString(line[m[2*n]:m[2*n+1]])
				case r.text[i] == 'n':
					b.WriteByte('\n')
				case r.text[i] == 't':
					b.WriteByte('\t')
				default:
					b.WriteByte(r.text[i])
				}
			default:
				b.WriteByte(c)
			}
		}
		at = m[1]
		if !r.global {
			break
		}
	}
	return b.String() + line[at:]
}
