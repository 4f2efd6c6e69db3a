package berth

import (
	"slices"
	"strings"
)

// HasTerm tells whether text has a term such as status:running, alone or in a list of values; not a negated one.
// Text that cannot be read counts as far as it can be.
func HasTerm(text, field, value string) bool {
	return slices.ContainsFunc(scanTerms(text), func(t rawTerm) bool {
		return !t.negated && t.has(text, field, value)
	})
}

// ToggleTerm takes a term such as status:running out of text if it is there, and puts it in if not. Everything else
// stays as typed. If text has a term of that field already, the value joins its list, so that status:stopped becomes
// status:stopped,running; the same value negated goes.
func ToggleTerm(text, field, value string) string {
	if HasTerm(text, field, value) {
		return withoutValue(text, field, value, false)
	}
	text = withoutValue(text, field, value, true)
	for _, t := range scanTerms(text) {
		if !t.negated && t.chooses(text, field) {
			return text[:t.to] + "," + QuoteValue(value) + text[t.to:]
		}
	}
	return strings.TrimSpace(text + " " + field + ":" + QuoteValue(value))
}

// WithoutField takes every term of a field out of text and leaves the rest as typed.
func WithoutField(text, field string) string {
	for _, t := range slices.Backward(scanTerms(text)) {
		if t.isOf(text, field) {
			text = cut(text, t)
		}
	}
	return text
}

// isOf tells whether t is a term of the named field.
func (t *rawTerm) isOf(text, field string) bool {
	f := findField(field)
	return f != nil && t.op != "" && findField(t.name(text)) == f
}

// chooses tells whether t is a term of the named field with a list of values, as after a colon.
func (t *rawTerm) chooses(text, field string) bool {
	return t.isOf(text, field) && (t.op == ":" || t.op == "=" && !findField(field).parts)
}

func (t *rawTerm) has(text, field, value string) bool {
	p := literal(value)
	return t.chooses(text, field) && slices.ContainsFunc(t.values, func(v rawValue) bool { return v.pattern.equal(p) })
}

func withoutValue(text, field, value string, negated bool) string {
	p := literal(value)
	for _, t := range slices.Backward(scanTerms(text)) {
		if t.negated != negated || !t.has(text, field, value) {
			continue
		}
		var kept []string
		for _, v := range t.values {
			if !v.pattern.equal(p) {
				kept = append(kept, text[v.from:v.to])
			}
		}
		if len(kept) == 0 {
			text = cut(text, t)
			continue
		}
		text = text[:t.values[0].from] + strings.Join(kept, ",") + text[t.to:]
	}
	return text
}

// cut takes t out of text, with the space that would be left over.
func cut(text string, t rawTerm) string {
	return strings.TrimSpace(strings.TrimSpace(text[:t.from]) + " " + strings.TrimSpace(text[t.to:]))
}
