package shell

import (
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func sorter(p *proc) int {
	flags, rest := p.options("kto key=k field-separator=t output=o")
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
	flags, rest := p.options("dfc delimiter=d fields=f characters=c")
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
