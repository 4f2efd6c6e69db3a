package berth

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// rawTerm is a term as typed, with the places of its parts in the text. Any text can be cut into such terms; whether
// they mean something is found out later, so that half-typed texts can be completed and edited.
type rawTerm struct {
	from, to         int
	negated          bool
	nameFrom, nameTo int    // of the field's name
	op               string // empty: a bare word
	values           []rawValue
	openQuote        int // where a quote begins that has no end; -1: none
}

type rawValue struct {
	from, to int
	pattern  pattern
}

func (t *rawTerm) name(text string) string { return text[t.nameFrom:t.nameTo] }

// scanTerms cuts a text at the spaces that are not in quotes.
func scanTerms(text string) []rawTerm {
	var terms []rawTerm
	for i := 0; i < len(text); {
		if r, size := utf8.DecodeRuneInString(text[i:]); unicode.IsSpace(r) {
			i += size
			continue
		}
		t := scanTerm(text, i)
		terms = append(terms, t)
		i = t.to
	}
	return terms
}

func scanTerm(text string, from int) rawTerm {
	t := rawTerm{from: from, openQuote: -1, negated: text[from] == '-'}
	start := from
	if t.negated {
		start++
	}
	t.nameFrom, t.nameTo = start, start
	opAt := -1
	t.to = start
	for t.to < len(text) {
		r, size := utf8.DecodeRuneInString(text[t.to:])
		if unicode.IsSpace(r) {
			break
		}
		if r == '"' {
			size = t.quotedLen(text)
		}
		if opAt < 0 && strings.ContainsRune(":=<>", r) {
			opAt = t.to
		}
		t.to += size
	}
	if opAt >= 0 && !isIPv6Word(text[start:t.to]) {
		t.nameTo = opAt
		t.op = scanOp(text[opAt:])
		start = opAt + len(t.op)
	}
	t.values = scanValues(text, start, t.to)
	return t
}

// quotedLen is the length of the quoted part that begins at t.to.
func (t *rawTerm) quotedLen(text string) int {
	n := quotedLen(text[t.to:])
	if n < 0 {
		t.openQuote = t.to
		return len(text) - t.to
	}
	return n
}

// quotedLen is the length of the quoted part that text begins with, -1 if it has no end.
func quotedLen(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

func scanOp(text string) string {
	if strings.HasPrefix(text, ">=") || strings.HasPrefix(text, "<=") {
		return text[:2]
	}
	return text[:1]
}

// scanValues cuts text[from:to] at the commas that are not in quotes. There is always at least one value.
func scanValues(text string, from, to int) []rawValue {
	var values []rawValue
	for i := from; i <= to; i++ {
		if i == to || text[i] == ',' {
			values = append(values, rawValue{from: from, to: i, pattern: newPattern(text[from:i])})
			from = i + 1
			continue
		}
		if text[i] == '"' {
			if n := quotedLen(text[i:to]); n > 0 {
				i += n - 1
			} else {
				i = to - 1
			}
		}
	}
	return values
}

// isIPv6Word tells whether a word with colons is an IPv6 address or the beginning of one rather than a field.
func isIPv6Word(word string) bool {
	return strings.Count(word, ":") >= 2 && strings.Trim(word, "0123456789abcdefABCDEF:.,*") == ""
}
