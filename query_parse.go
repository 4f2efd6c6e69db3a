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
	p := queryParser{text}
	if err := p.checkText(); err != nil {
		return Query{}, err
	}
	var terms []term
	for i, raw := range scanTerms(text) {
		if i == maxQueryTerms {
			return Query{}, p.wrong(raw.from, len(text), "A search can have at most %d terms.", maxQueryTerms)
		}
		t, err := p.term(raw)
		if err != nil {
			return Query{}, err
		}
		terms = append(terms, t)
	}
	return newQuery(text, terms), nil
}

// queryParser reads one text.
type queryParser struct{ text string }

// wrong makes the error for the bytes from and to of the text.
func (p queryParser) wrong(from, to int, format string, args ...any) error {
	err := Errorf(Invalid, format, args...)
	err.Err = &QueryError{Text: p.text, At: from, Len: to - from, Message: err.Message}
	return err
}

func (p queryParser) checkText() error {
	if len(p.text) > maxQueryBytes {
		return p.wrong(maxQueryBytes, len(p.text), "A search can be at most %d bytes long; this one has %d.", maxQueryBytes, len(p.text))
	}
	for i, r := range p.text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(p.text[i:]); size == 1 {
				return p.wrong(i, i+1, "The search has a character that cannot be read (it is not valid UTF-8).")
			}
		}
	}
	return nil
}

func (p queryParser) term(raw rawTerm) (term, error) {
	if raw.openQuote >= 0 {
		return term{}, p.wrong(raw.openQuote, raw.to, "The quote that begins with “%s” is not closed.", clipped(p.text[raw.openQuote:raw.to]))
	}
	read := p.fieldTerm
	if raw.op == "" {
		read = p.wordTerm
	}
	t, err := read(raw)
	if t.negated = raw.negated; t.negated {
		t.text = "-" + t.text
	}
	return t, err
}

func (p queryParser) wordTerm(raw rawTerm) (term, error) {
	switch typed := p.text[raw.nameFrom:raw.to]; {
	case typed == "":
		return term{}, p.wrong(raw.from, raw.to, "There is nothing after the minus sign.")
	case typed[0] == '-':
		return term{}, p.wrong(raw.from, raw.to, "“%s” has two minus signs; put the word in quotes to search for a dash.", clipped(p.text[raw.from:raw.to]))
	}
	var t term
	for _, value := range raw.values {
		if value.pattern.empty() {
			return term{}, p.missingValue(raw)
		}
		t.words = append(t.words, newWord(value.pattern))
	}
	t.words, t.text = sorted(t.words, func(w word) string { return w.text })
	return t, nil
}

func (p queryParser) fieldTerm(raw rawTerm) (term, error) {
	field, err := p.field(raw)
	if err != nil {
		return term{}, err
	}
	var t term
	for _, value := range raw.values {
		if value.pattern.empty() {
			return term{}, p.missingValue(raw)
		}
		a, err := field.read(raw.op, value.pattern)
		if err != nil {
			return term{}, p.wrong(value.from, value.to, "“%s” %s.", clipped(strings.Trim(p.text[value.from:value.to], `"`)), err)
		}
		t.alternatives = append(t.alternatives, a)
	}
	t.alternatives, t.text = sorted(t.alternatives, func(a alternative) string { return a.text })
	t.text = field.name + field.canonicalOp(raw.op) + t.text
	return t, nil
}

func (p queryParser) missingValue(raw rawTerm) error {
	return p.wrong(raw.from, raw.to, "A value is missing in “%s”.", clipped(p.text[raw.from:raw.to]))
}

// canonicalOp is a colon for an equal sign that means the same.
func (f *queryField) canonicalOp(op string) string {
	if op == "=" && !f.parts {
		return ":"
	}
	return op
}

// sorted sorts values by their texts, drops repetitions, and gives the text of the list.
func sorted[T any](values []T, text func(T) string) ([]T, string) {
	slices.SortFunc(values, func(a, b T) int { return strings.Compare(text(a), text(b)) })
	values = slices.CompactFunc(values, func(a, b T) bool { return text(a) == text(b) })
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = text(v)
	}
	return values, strings.Join(texts, ",")
}

// field finds the field of a term and checks that it goes with the operator.
func (p queryParser) field(raw rawTerm) (*queryField, error) {
	name := raw.name(p.text)
	field := findField(name)
	opEnd := raw.nameTo + len(raw.op)
	compares := strings.ContainsAny(raw.op, "<>")
	switch {
	case name == "":
		return nil, p.wrong(raw.nameTo, opEnd, "“%s” needs a field before it, such as name or mem; put it in quotes to search for the text.", raw.op)
	case field == nil:
		return nil, p.wrong(raw.nameFrom, raw.nameTo, "%s", unknownField(name))
	case compares && !field.ordered:
		return nil, p.wrong(raw.nameTo, opEnd, "“%s” has no order; write %s: instead of %s%s.", field.name, field.name, field.name, raw.op)
	case compares && len(raw.values) > 1:
		return nil, p.wrong(raw.values[0].to, raw.to, "“%s%s” takes one value; lists go with a colon.", field.name, raw.op)
	}
	return field, nil
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
