package pvesim

import (
	"strconv"
	"strings"
)

// params are the parameters of a request as text; array values are joined by NUL.
type params map[string]string

func (p params) merge(more params) {
	for name, value := range more {
		p[name] = value
	}
}

func (p params) has(name string) bool {
	_, ok := p[name]
	return ok
}

// truth reads a boolean that has been validated.
func (p params) truth(name string) bool { return isTrue(p[name]) }

// number reads an integer that has been validated, or the default when it is absent.
func (p params) number(name string, absent int) int {
	if n, err := strconv.Atoi(p[name]); err == nil {
		return n
	}
	return absent
}

// list splits a list parameter: commas, semicolons, spaces and NUL separate.
func (p params) list(name string) []string { return splitList(p[name]) }

func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == 0 || r == '\n' || r == '\t' })
}

// isTrue follows PVE: "1", and in property strings also on, yes and true.
func isTrue(text string) bool {
	switch strings.ToLower(text) {
	case "1", "on", "yes", "true":
		return true
	}
	return false
}
