package berth

import (
	"slices"
	"strings"
	"unicode"
)

// pattern is a value: the texts between its asterisks, in lower case. One text alone has no asterisk.
type pattern []string

// newPattern reads a value as typed.
func newPattern(typed string) pattern {
	var p pattern
	var part strings.Builder
	quoted := false
	for i := 0; i < len(typed); i++ {
		switch b := typed[i]; {
		case b == '"':
			quoted = !quoted
		case b == '\\' && quoted && i+1 < len(typed):
			i++
			part.WriteByte(typed[i])
		case b == '*' && !quoted:
			if part.Len() > 0 || len(p) == 0 {
				p = append(p, strings.ToLower(part.String()))
				part.Reset()
			}
		default:
			part.WriteByte(b)
		}
	}
	return append(p, strings.ToLower(part.String()))
}

// literal is the pattern of exactly this text.
func literal(text string) pattern { return pattern{strings.ToLower(text)} }

// text gives the pattern's text; false if it has asterisks.
func (p pattern) text() (string, bool) { return p[0], len(p) == 1 }

func (p pattern) empty() bool { return len(p) == 1 && p[0] == "" }

func (p pattern) equal(other pattern) bool { return slices.Equal(p, other) }

// isIn tells whether s contains the pattern; with asterisks it must fit all of s.
func (p pattern) isIn(s string) bool {
	if len(p) == 1 {
		return strings.Contains(strings.ToLower(s), p[0])
	}
	return p.fits(s)
}

// fits tells whether the pattern fits all of s. Nothing fits an empty s.
func (p pattern) fits(s string) bool {
	if s == "" {
		return false
	}
	s = strings.ToLower(s)
	if len(p) == 1 {
		return s == p[0]
	}
	s, ok := strings.CutPrefix(s, p[0])
	if !ok {
		return false
	}
	last := len(p) - 1
	for _, part := range p[1:last] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, p[last])
}

// valueText gives the pattern as the value of a field.
func (p pattern) valueText() string {
	return p.quoted(func(part string) bool { return strings.ContainsFunc(part, splitsValue) })
}

// wordText gives the pattern as a bare word.
func (p pattern) wordText() string {
	return p.quoted(func(part string) bool { return QuoteValue(part) != part })
}

func (p pattern) quoted(needed func(part string) bool) string {
	parts := make([]string, len(p))
	for i, part := range p {
		if parts[i] = part; part != "" && needed(part) {
			parts[i] = quote(part)
		}
	}
	return strings.Join(parts, "*")
}

// splitsValue tells whether r outside quotes means more than itself, also within the value of a field.
func splitsValue(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`",*`, r) }

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func quote(text string) string { return `"` + escapes.Replace(text) + `"` }

// QuoteValue gives text as a word or a value that means exactly this text, in quotes where it needs them.
func QuoteValue(text string) string {
	special := func(r rune) bool { return splitsValue(r) || strings.ContainsRune(":=<>", r) }
	if text == "" || text[0] == '-' || strings.ContainsFunc(text, special) {
		return quote(text)
	}
	return text
}
