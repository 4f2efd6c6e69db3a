package berth

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// ParseQuery reads a query; see Query for the grammar. What cannot be read is Invalid, with a sentence that quotes the
// place and a *QueryError that holds it.
func ParseQuery(text string) (Query, error) {
	p := queryParser{text: text}
	if !p.checkText() {
		return Query{}, p.err
	}
	q := Query{text: strings.TrimSpace(text)}
	for i, raw := range scanTerms(text) {
		if i == maxQueryTerms {
			return Query{}, p.fail(raw.from, len(text), "A search can have at most %d terms.", maxQueryTerms)
		}
		t, ok := p.term(raw)
		if !ok {
			return Query{}, p.err
		}
		q.terms = append(q.terms, t)
	}
	q.terms = sortedTerms(q.terms)
	return q, nil
}

// queryParser reads one text. Its methods give false after they have set err.
type queryParser struct {
	text string
	err  *Error
}

func (p *queryParser) fail(from, to int, format string, args ...any) *Error {
	p.err = Errorf(Invalid, format, args...)
	p.err.Err = &QueryError{Text: p.text, At: from, Len: to - from, Message: p.err.Message}
	return p.err
}

func (p *queryParser) checkText() bool {
	if len(p.text) > maxQueryBytes {
		p.fail(maxQueryBytes, len(p.text), "A search can be at most %d bytes long; this one has %d.", maxQueryBytes, len(p.text))
		return false
	}
	for i, r := range p.text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(p.text[i:]); size == 1 {
				p.fail(i, i+1, "The search has a character that cannot be read (it is not valid UTF-8).")
				return false
			}
		}
	}
	return true
}

func (p *queryParser) term(raw rawTerm) (term, bool) {
	t := term{negated: raw.negated}
	if raw.openQuote >= 0 {
		p.fail(raw.openQuote, raw.to, "The quote that begins with “%s” is not closed.", clipped(p.text[raw.openQuote:raw.to]))
		return t, false
	}
	field, ok := p.field(raw)
	if !ok {
		return t, false
	}
	for _, value := range raw.values {
		a, ok := p.alternative(field, raw, value)
		if !ok {
			return t, false
		}
		t.alternatives = append(t.alternatives, a)
	}
	t.setText(field, raw.op)
	return t, true
}

// setText sorts the alternatives, drops repetitions, and sets the canonical text.
func (t *term) setText(field *queryField, op string) {
	slices.SortFunc(t.alternatives, func(a, b alternative) int { return strings.Compare(a.text, b.text) })
	t.alternatives = slices.CompactFunc(t.alternatives, func(a, b alternative) bool { return a.text == b.text })
	texts := make([]string, len(t.alternatives))
	for i, a := range t.alternatives {
		texts[i] = a.text
	}
	if op == "=" && !field.parts {
		op = ":"
	}
	t.text = field.name + op + strings.Join(texts, ",")
	if t.negated {
		t.text = "-" + t.text
	}
}

// field finds the field of a term and checks that it goes with the operator. A bare word has a field without name.
func (p *queryParser) field(raw rawTerm) (*queryField, bool) {
	if raw.op == "" {
		return &wordField, p.checkWord(raw)
	}
	name := raw.name(p.text)
	field := findField(name)
	opEnd := raw.nameTo + len(raw.op)
	switch {
	case name == "":
		p.fail(raw.nameTo, opEnd, "“%s” needs a field before it, such as name or mem; put it in quotes to search for the text.", raw.op)
	case field == nil:
		p.fail(raw.nameFrom, raw.nameTo, "%s", unknownField(name))
	case strings.ContainsAny(raw.op, "<>") && !field.ordered:
		p.fail(raw.nameTo, opEnd, "“%s” has no order; write %s: instead of %s%s.", field.name, field.name, field.name, raw.op)
	case strings.ContainsAny(raw.op, "<>") && len(raw.values) > 1:
		p.fail(raw.values[1].from, raw.to, "“%s%s” takes one value; lists go with a colon.", field.name, raw.op)
	default:
		return field, true
	}
	return nil, false
}

func (p *queryParser) checkWord(raw rawTerm) bool {
	typed := p.text[raw.nameFrom:raw.to]
	switch {
	case typed == "":
		p.fail(raw.from, raw.to, "There is nothing after the minus sign.")
	case typed[0] == '-':
		p.fail(raw.from, raw.to, "“%s” has two minus signs; put the word in quotes to search for a dash.", clipped(p.text[raw.from:raw.to]))
	default:
		return true
	}
	return false
}

func (p *queryParser) alternative(field *queryField, raw rawTerm, value rawValue) (alternative, bool) {
	if value.pattern.empty() {
		p.fail(raw.from, raw.to, "A value is missing in “%s”.", clipped(p.text[raw.from:raw.to]))
		return alternative{}, false
	}
	a, err := field.read(raw.op, value.pattern)
	if err != nil {
		p.fail(value.from, value.to, "“%s” %s", clipped(strings.Trim(p.text[value.from:value.to], `"`)), err)
		return alternative{}, false
	}
	return a, true
}

func unknownField(name string) string {
	message := fmt.Sprintf("“%s” is not a field to search", clipped(name))
	if known := nearest(strings.ToLower(name), fieldNames()); known != "" {
		return fmt.Sprintf("%s; did you mean %s?", message, known)
	}
	return message + "; put the whole in quotes to search for the text."
}

// clipped shortens what a message quotes.
func clipped(text string) string {
	const most = 40
	n := 0
	for i := range text {
		if n == most {
			return text[:i] + "…"
		}
		n++
	}
	return text
}

// nearest gives the candidate that name was most likely meant to be; empty if none is near.
func nearest(name string, candidates []string) string {
	best, bestDistance := "", 3
	for _, candidate := range candidates {
		d := editDistance(name, candidate)
		if len(name) > 1 && strings.HasPrefix(candidate, name) {
			d = min(d, 1)
		}
		if d < bestDistance && d < max(len(candidate), len(name)) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// editDistance counts the letters to add, drop or change to make b of a (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
