package berth

import (
	"slices"
	"strings"
)

// Suggestion is one way to go on typing a query.
type Suggestion struct {
	Replace [2]int // bytes from and to of the text that it replaces
	Text    string // what it puts there
	Label   string // what people see
	Detail  string // a few words that explain it; may be empty
}

const maxSuggestions = 12

// CompleteQuery suggests how to go on with text at the cursor (in bytes): names of fields while a word is typed, values
// after a field's colon. known gives the values that a field of any text has now, best first; it may be nil. There are
// at most 12, those that begin with what was typed before those that contain it.
func CompleteQuery(text string, cursor int, known func(field string) []string) []Suggestion {
	cursor = min(max(cursor, 0), len(text))
	t := termAt(text, cursor)
	if t.op == "" || cursor < t.nameTo+len(t.op) {
		return completeField(text, cursor, t)
	}
	if field := findField(t.name(text)); field != nil && (t.op == ":" || t.op == "=") {
		return completeValue(text, cursor, t, field.choices(known))
	}
	return nil
}

// termAt gives the term that the cursor is in or at the end of; an empty one if there is none.
func termAt(text string, cursor int) rawTerm {
	for _, t := range scanTerms(text) {
		if t.from <= cursor && cursor <= t.to {
			return t
		}
	}
	return rawTerm{from: cursor, to: cursor, nameFrom: cursor, nameTo: cursor}
}

// choices are the values to choose from, each with a few words if it needs some.
func (f *queryField) choices(known func(field string) []string) []Suggestion {
	var choices []Suggestion
	switch {
	case f.name == "is":
		for _, k := range keywords {
			choices = append(choices, Suggestion{Text: k.name, Label: k.name, Detail: k.about})
		}
		return choices
	case f.values != nil:
		known = func(string) []string { return f.values }
	case known == nil:
		return nil
	}
	for _, value := range known(f.name) {
		choices = append(choices, Suggestion{Text: QuoteValue(value), Label: value})
	}
	return choices
}

func completeField(text string, cursor int, t rawTerm) []Suggestion {
	end := t.to
	if t.op != "" {
		end = t.nameTo + len(t.op)
	}
	begun := strings.ToLower(text[min(t.nameFrom, cursor):cursor])
	var choices []Suggestion
	for i := range queryFields {
		f := &queryFields[i]
		choices = append(choices, Suggestion{Text: f.nameFor(begun) + f.usualOp(), Label: f.nameFor(begun), Detail: f.about})
	}
	return best(choices, begun, [2]int{t.nameFrom, end})
}

// nameFor is the field's name, or its alias if that is what somebody has begun to type.
func (f *queryField) nameFor(begun string) string {
	for _, alias := range f.aliases {
		if !strings.HasPrefix(f.name, begun) && strings.HasPrefix(alias, begun) {
			return alias
		}
	}
	return f.name
}

// usualOp is what most likely follows the name of the field.
func (f *queryField) usualOp() string {
	switch f.name {
	case "mem", "cpu", "disk":
		return ">"
	case "uptime", "created":
		return "<"
	}
	return ":"
}

func completeValue(text string, cursor int, t rawTerm, choices []Suggestion) []Suggestion {
	i := slices.IndexFunc(t.values, func(v rawValue) bool { return v.from <= cursor && cursor <= v.to })
	value := t.values[i]
	choices = slices.DeleteFunc(choices, func(s Suggestion) bool {
		p := literal(s.Label)
		j := slices.IndexFunc(t.values, func(v rawValue) bool { return v.pattern.equal(p) })
		return j >= 0 && j != i
	})
	return best(choices, newPattern(text[value.from:cursor])[0], [2]int{value.from, value.to})
}

// best gives the choices that begin with what was typed, then those that contain it.
func best(choices []Suggestion, begun string, replace [2]int) []Suggestion {
	begun = strings.ToLower(begun)
	var first, second []Suggestion
	for _, s := range choices {
		s.Replace = replace
		switch label := strings.ToLower(s.Label); {
		case strings.HasPrefix(label, begun):
			first = append(first, s)
		case strings.Contains(label, begun):
			second = append(second, s)
		}
	}
	all := append(first, second...)
	return all[:min(len(all), maxSuggestions)]
}
