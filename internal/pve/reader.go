package pve

import (
	"bytes"
	"encoding/json"
)

// reader walks over JSON text that is known to be well-formed. It never looks back and copies nothing but strings
// with escapes.
type reader struct {
	data []byte
	pos  int
}

func (r *reader) space() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// open enters an object or list if the next value is one.
func (r *reader) open(bracket byte) bool {
	r.space()
	if r.data[r.pos] != bracket {
		return false
	}
	r.pos++
	return true
}

// more reports whether another member follows; at the end it steps over the closing bracket.
func (r *reader) more(bracket byte) bool {
	r.space()
	if r.data[r.pos] == ',' {
		r.pos++
		r.space()
	}
	if r.data[r.pos] == bracket {
		r.pos++
		return false
	}
	return true
}

// key reads the key of an object's member and the colon after it.
func (r *reader) key() []byte {
	key := r.raw()
	r.space()
	r.pos++
	if plain, ok := plainString(key); ok {
		return plain
	}
	return []byte(unquote(key))
}

// null steps over the next value if it is null.
func (r *reader) null() bool {
	r.space()
	if r.data[r.pos] != 'n' {
		return false
	}
	r.pos += len("null")
	return true
}

// raw steps over the next value and returns its text.
func (r *reader) raw() []byte {
	r.space()
	start := r.pos
	switch r.data[r.pos] {
	case '"':
		r.skipString()
	case '{', '[':
		r.skipNested()
	default:
		r.skipLiteral()
	}
	return r.data[start:r.pos]
}

func (r *reader) skipString() {
	for r.pos++; r.data[r.pos] != '"'; r.pos++ {
		if r.data[r.pos] == '\\' {
			r.pos++
		}
	}
	r.pos++
}

func (r *reader) skipNested() {
	for depth := 0; ; {
		switch r.data[r.pos] {
		case '"':
			r.skipString()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		r.pos++
		if depth == 0 {
			return
		}
	}
}

func (r *reader) skipLiteral() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return
		}
		r.pos++
	}
}

// plainString returns the content of a quoted string that needs no translation.
func plainString(raw []byte) ([]byte, bool) {
	content := raw[1 : len(raw)-1]
	if bytes.IndexByte(content, '\\') >= 0 {
		return nil, false
	}
	for _, b := range content {
		if b >= 0x80 {
			return nil, false
		}
	}
	return content, true
}

// unquote translates any quoted string, the way encoding/json does.
func unquote(raw []byte) string {
	if plain, ok := plainString(raw); ok {
		return string(plain)
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		panic("pve: unquote of text that was not checked: " + err.Error())
	}
	return s
}
