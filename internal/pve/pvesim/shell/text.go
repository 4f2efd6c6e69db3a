package shell

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Commands on text.

func tee(p *proc) int {
	flags, rest := p.options("")
	data, err := io.ReadAll(p.in)
	if err != nil {
		return p.fail(1, "%v", err)
	}
	p.out.Write(data)
	mode := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if has(flags, "a") {
		mode = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	code := 0
	for _, name := range rest {
		f, err := p.box.open(p.abs(name), mode, 0o644)
		if err != nil {
			code = p.fail(1, "%s: %s", name, reason(err))
			continue
		}
		f.Write(data)
	}
	return code
}

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
	flags, rest := p.options("eABCm")
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

func head(p *proc) int { return p.part(true) }
func tail(p *proc) int { return p.part(false) }

// part is head and tail, by lines or bytes. "head -c N" reads no more than it needs, so that a shell can read on.
func (p *proc) part(first bool) int {
	words := p.args
	for i, w := range words {
		if len(w) > 1 && w[0] == '-' && w[1] >= '0' && w[1] <= '9' {
			words[i] = "-n" + w[1:]
		}
	}
	flags, rest := p.options("nc")
	if has(flags, "c") && first && len(rest) == 0 {
		n, _ := strconv.ParseInt(flags["c"], 10, 64)
		if _, err := io.CopyN(p.out, p.in, n); err != nil && err != io.EOF {
			return 1
		}
		return 0
	}
	texts, code := p.inputs(rest)
	for _, text := range texts {
		if has(flags, "c") {
			n, _ := strconv.Atoi(strings.TrimLeft(flags["c"], "+-"))
			n = min(n, len(text))
			if first {
				io.WriteString(p.out, text[:n])
			} else {
				io.WriteString(p.out, text[len(text)-n:])
			}
			continue
		}
		for _, line := range pick(lines(text), flags["n"], first) {
			p.printf("%s\n", line)
		}
	}
	return code
}

// pick cuts the first or last n lines out; "-n +3" of tail is from line 3, "-n -3" of head all but the last 3.
func pick(all []string, count string, first bool) []string {
	n := 10
	if v, err := strconv.Atoi(strings.TrimLeft(count, "+")); err == nil {
		n = v
	}
	switch {
	case first && n < 0:
		return all[:max(0, len(all)+n)]
	case first:
		return all[:min(n, len(all))]
	case strings.HasPrefix(count, "+"):
		return all[min(max(n-1, 0), len(all)):]
	}
	return all[max(0, len(all)-max(n, -n)):]
}

func wc(p *proc) int {
	flags, rest := p.options("")
	texts, code := p.inputs(rest)
	for i, t := range texts {
		var cols []string
		all := !has(flags, "l", "w", "c", "m")
		if all || has(flags, "l") {
			cols = append(cols, strconv.Itoa(strings.Count(t, "\n")))
		}
		if all || has(flags, "w") {
			cols = append(cols, strconv.Itoa(len(strings.Fields(t))))
		}
		if all || has(flags, "c", "m") {
			cols = append(cols, strconv.Itoa(len(t)))
		}
		if i < len(rest) {
			cols = append(cols, rest[i])
		}
		p.printf("%s\n", strings.Join(cols, " "))
	}
	return code
}

func sorter(p *proc) int {
	flags, rest := p.options("kto")
	texts, code := p.inputs(rest)
	all := lines(strings.Join(texts, ""))
	slices.SortStableFunc(all, func(a, b string) int {
		if has(flags, "n") {
			x, _ := strconv.ParseFloat(strings.Fields(a + " 0")[0], 64)
			y, _ := strconv.ParseFloat(strings.Fields(b + " 0")[0], 64)
			if x != y {
				if x < y {
					return -1
				}
				return 1
			}
		}
		return strings.Compare(a, b)
	})
	if has(flags, "r") {
		slices.Reverse(all)
	}
	if has(flags, "u") {
		all = slices.Compact(all)
	}
	for _, l := range all {
		p.printf("%s\n", l)
	}
	return code
}

func uniq(p *proc) int {
	flags, rest := p.options("")
	texts, code := p.inputs(rest)
	all := lines(strings.Join(texts, ""))
	for i := 0; i < len(all); {
		n := 1
		for i+n < len(all) && all[i+n] == all[i] {
			n++
		}
		switch {
		case has(flags, "c"):
			p.printf("%7d %s\n", n, all[i])
		case !has(flags, "d") || n > 1:
			p.printf("%s\n", all[i])
		}
		i += n
	}
	return code
}

// ranges reads "1,3-5,7-" into a test of numbers.
func ranges(text string) func(int) bool {
	type span struct{ from, to int }
	var spans []span
	for _, part := range strings.Split(text, ",") {
		a, b, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(a)
		if err != nil {
			from = 1
		}
		to := from
		if isRange {
			if to, err = strconv.Atoi(b); err != nil {
				to = 1 << 30
			}
		}
		spans = append(spans, span{from, to})
	}
	return func(n int) bool {
		return slices.ContainsFunc(spans, func(s span) bool { return n >= s.from && n <= s.to })
	}
}

func cut(p *proc) int {
	flags, rest := p.options("dfc")
	texts, code := p.inputs(rest)
	sep := flags["d"]
	if sep == "" {
		sep = "\t"
	}
	for _, line := range lines(strings.Join(texts, "")) {
		var out []string
		if want, byChar := flags["c"]; byChar {
			ok := ranges(want)
			for i, r := range []rune(line) {
				if ok(i + 1) {
					out = append(out, string(r))
				}
			}
			p.printf("%s\n", strings.Join(out, ""))
			continue
		}
		if !strings.Contains(line, sep) {
			if !has(flags, "s") {
				p.printf("%s\n", line)
			}
			continue
		}
		ok := ranges(flags["f"])
		for i, f := range strings.Split(line, sep) {
			if ok(i + 1) {
				out = append(out, f)
			}
		}
		p.printf("%s\n", strings.Join(out, sep))
	}
	return code
}

// tr translates, deletes (-d) or squeezes (-s) characters.
func tr(p *proc) int {
	flags, rest := p.options("")
	texts, code := p.inputs(nil)
	if code != 0 || len(rest) == 0 {
		return 1
	}
	from := charSet(rest[0])
	var to []rune
	if len(rest) > 1 {
		to = charSet(rest[1])
	}
	var b strings.Builder
	last := rune(-1)
	for _, r := range texts[0] {
		at := slices.Index(from, r)
		if has(flags, "c", "C") {
			if at < 0 {
				at = 0
			} else {
				at = -1
			}
		}
		switch {
		case at >= 0 && has(flags, "d"):
			continue
		case at >= 0 && len(to) > 0:
			r = to[min(at, len(to)-1)]
		}
		if has(flags, "s") && at >= 0 && r == last {
			continue
		}
		last = r
		b.WriteRune(r)
	}
	io.WriteString(p.out, b.String())
	return 0
}

// charSet expands "a-z", "\n" and "[:lower:]".
func charSet(text string) []rune {
	text = strings.NewReplacer("[:lower:]", "a-z", "[:upper:]", "A-Z", "[:digit:]", "0-9", "[:alnum:]", "A-Za-z0-9", "[:alpha:]", "A-Za-z", "[:space:]", " \t\n\r", `\n`, "\n", `\t`, "\t", `\r`, "\r", `\0`, "\x00").Replace(text)
	var out []rune
	rs := []rune(text)
	for i := 0; i < len(rs); i++ {
		if i+2 < len(rs) && rs[i+1] == '-' {
			for r := rs[i]; r <= rs[i+2]; r++ {
				out = append(out, r)
			}
			i += 2
			continue
		}
		out = append(out, rs[i])
	}
	return out
}

func base64Cmd(p *proc) int {
	flags, rest := p.options("w")
	texts, code := p.inputs(rest)
	if code != 0 {
		return code
	}
	text := strings.Join(texts, "")
	if has(flags, "d", "decode") {
		clean := strings.Map(func(r rune) rune {
			if r == '\n' || r == '\r' || r == ' ' {
				return -1
			}
			return r
		}, text)
		data, err := base64.StdEncoding.DecodeString(clean)
		p.out.Write(data)
		if err != nil {
			return p.fail(1, "invalid input")
		}
		return 0
	}
	width := 76
	if n, err := strconv.Atoi(flags["w"]); err == nil {
		width = n
	}
	coded := base64.StdEncoding.EncodeToString([]byte(text))
	for width > 0 && len(coded) > width {
		p.printf("%s\n", coded[:width])
		coded = coded[width:]
	}
	p.printf("%s", coded)
	if width > 0 && coded != "" {
		p.printf("\n")
	}
	return 0
}

func sums(p *proc) int {
	flags, rest := p.options("")
	names := rest
	if len(names) == 0 {
		names = []string{"-"}
	}
	if has(flags, "c") {
		return p.checkSums(names)
	}
	code := 0
	for _, n := range names {
		texts, c := p.inputs([]string{n})
		if c != 0 {
			code = c
			continue
		}
		p.printf("%s  %s\n", p.sum(texts[0]), n)
	}
	return code
}

func (p *proc) sum(text string) string {
	switch {
	case strings.HasSuffix(p.args[0], "md5sum"):
		s := md5.Sum([]byte(text))
		return hex.EncodeToString(s[:])
	case strings.HasSuffix(p.args[0], "sha1sum"):
		s := sha1.Sum([]byte(text))
		return hex.EncodeToString(s[:])
	}
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

func (p *proc) checkSums(lists []string) int {
	texts, code := p.inputs(lists)
	for _, line := range lines(strings.Join(texts, "")) {
		want, name, _ := strings.Cut(line, " ")
		name = strings.TrimLeft(name, " *")
		data, c := p.inputs([]string{name})
		if c != 0 || p.sum(data[0]) != want {
			p.printf("%s: FAILED\n", name)
			code = 1
			continue
		}
		p.printf("%s: OK\n", name)
	}
	return code
}

func seq(p *proc) int {
	n := []int{1, 1, 1}
	args := p.args[1:]
	for i, a := range args {
		n[min(i, 2)], _ = strconv.Atoi(a)
	}
	from, step, to := 1, 1, n[0]
	switch len(args) {
	case 2:
		from, to = n[0], n[1]
	case 3:
		from, step, to = n[0], n[1], n[2]
	}
	for i := from; step > 0 && i <= to || step < 0 && i >= to; i += step {
		p.printf("%d\n", i)
	}
	return 0
}

var awkPrint = regexp.MustCompile(`^\s*(?:/((?:[^/\\]|\\.)*)/|NR\s*==\s*(\d+))?\s*\{\s*print\s*(.*?)\s*;?\s*\}\s*$`)

// awk knows the one form that scripts live on: [/pattern/ or NR==n] { print fields and texts }.
func awk(p *proc) int {
	flags, rest := p.options("Fv")
	if len(rest) == 0 {
		return p.fail(2, "usage: awk PROGRAM [FILE...]")
	}
	m := awkPrint.FindStringSubmatch(rest[0])
	if m == nil {
		return p.fail(2, "this program is not simulated: %s", rest[0])
	}
	re, err := regexp.Compile(m[1])
	if err != nil {
		return p.fail(2, "%v", err)
	}
	texts, code := p.inputs(rest[1:])
	for i, line := range lines(strings.Join(texts, "")) {
		if m[2] != "" && strconv.Itoa(i+1) != m[2] || !re.MatchString(line) {
			continue
		}
		fields := strings.Fields(line)
		if sep := flags["F"]; sep != "" {
			fields = strings.Split(line, sep)
		}
		p.printf("%s\n", awkFields(m[3], line, fields, i+1))
	}
	return code
}

func awkFields(print, line string, fields []string, number int) string {
	var out []string
	for _, group := range strings.Split(print, ",") {
		text := ""
		for _, w := range regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\S+`).FindAllString(group, -1) {
			n, err := strconv.Atoi(strings.TrimPrefix(w, "$"))
			switch {
			case strings.HasPrefix(w, `"`):
				text += strings.Trim(w, `"`)
			case w == "$NF" && len(fields) > 0:
				text += fields[len(fields)-1]
			case w == "NR":
				text += strconv.Itoa(number)
			case w == "NF":
				text += strconv.Itoa(len(fields))
			case w == "$0":
				text += line
			case err == nil && n >= 1 && n <= len(fields):
				text += fields[n-1]
			}
		}
		out = append(out, text)
	}
	if strings.TrimSpace(print) == "" {
		return line
	}
	return strings.Join(out, " ")
}

// openssl knows rand and base64.
func openssl(p *proc) int {
	if len(p.args) < 2 {
		return 0
	}
	switch p.args[1] {
	case "rand":
		size := 16
		if n, err := strconv.Atoi(p.args[len(p.args)-1]); err == nil {
			size = n
		}
		data := make([]byte, size)
		rand.Read(data) // never fails (crypto/rand)
		if contains(p.args, "-hex") {
			p.printf("%s\n", hex.EncodeToString(data))
		} else {
			p.printf("%s\n", base64.StdEncoding.EncodeToString(data))
		}
	case "base64":
		child := *p
		child.args = append([]string{"base64"}, p.args[2:]...)
		return base64Cmd(&child)
	case "passwd":
		p.printf("$6$simulated$%x\n", sha256.Sum256([]byte(strings.Join(p.args, " "))))
	case "version":
		p.printf("OpenSSL 3.5.1 1 Jul 2025\n")
	case "req", "genrsa", "x509", "dhparam":
		p.keyFiles()
	default:
		return p.fail(1, "%s is not simulated", p.args[1])
	}
	return 0
}

// keyFiles writes something that looks like keys and certificates to -out and -keyout.
func (p *proc) keyFiles() {
	for i, a := range p.args[:len(p.args)-1] {
		if a == "-out" || a == "-keyout" {
			p.box.WriteFile(p.abs(p.args[i+1]), []byte(fmt.Sprintf("-----BEGIN SIMULATED-----\n%x\n-----END SIMULATED-----\n", sha256.Sum256([]byte(p.args[i+1])))), 0o600)
		}
	}
}
