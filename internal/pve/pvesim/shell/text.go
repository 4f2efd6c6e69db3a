package shell

import (
	"errors"
	"io"
	"os"
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

func head(p *proc) int { return p.part(true) }

func tail(p *proc) int { return p.part(false) }

// part is head and tail, by lines or bytes. "head -c N" reads no more than it needs, so that a shell can read on.
func (p *proc) part(first bool) int {
	words := p.args
	for i, w := range words {
		isValue := i > 0 && (words[i-1] == "-n" || words[i-1] == "-c")
		if !isValue && len(w) > 1 && w[0] == '-' && w[1] >= '0' && w[1] <= '9' {
			words[i] = "-n" + w[1:]
		}
	}
	flags, rest := p.options("nc lines=n bytes=c")
	if has(flags, "c") && first && len(rest) == 0 {
		n, _ := strconv.ParseInt(flags["c"], 10, 64)
		if _, err := io.CopyN(p.out, p.in, n); err != nil && !errors.Is(err, io.EOF) {
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
