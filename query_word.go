package berth

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// word is a value of a bare word.
type word struct {
	text    string // canonical
	pattern pattern
	part    []byte // what to look for if the pattern has no asterisk
}

func newWord(p pattern) word { return word{p.wordText(), p, []byte(p[0])} }

// textEnd ends each of the texts that words are looked for in. No query has this byte: it is not valid UTF-8.
const textEnd = 0xff

// wordsMatch tells whether the bare words of q mean c. The texts of c are put together once for all of them.
func (q *Query) wordsMatch(c *Container) bool {
	var buffer [512]byte
	texts := appendTexts(buffer[:0], c)
	for i := range q.terms {
		if t := &q.terms[i]; t.words != nil && t.occursIn(texts) == t.negated {
			return false
		}
	}
	return true
}

func (t *term) occursIn(texts []byte) bool {
	for i := range t.words {
		if t.words[i].occursIn(texts) {
			return true
		}
	}
	return false
}

func (w *word) occursIn(texts []byte) bool {
	if len(w.pattern) == 1 {
		return bytes.Contains(texts, w.part)
	}
	for len(texts) > 0 {
		end := bytes.IndexByte(texts, textEnd)
		if w.pattern.fits(string(texts[:end])) {
			return true
		}
		texts = texts[end+1:]
	}
	return false
}

// appendTexts appends what bare words are looked for in, in lower case.
func appendTexts(texts []byte, c *Container) []byte {
	texts = appendLower(texts, c.Hostname)
	texts = append(strconv.AppendInt(texts, int64(c.VMID), 10), textEnd)
	for _, tag := range c.Tags {
		texts = appendLower(texts, tag)
	}
	for i := range c.Addresses {
		texts = append(c.Addresses[i].Prefix.Addr().Unmap().AppendTo(texts), textEnd)
	}
	for i := range c.Services {
		texts = appendLower(texts, c.Services[i].Name)
	}
	return texts
}

func appendLower(texts []byte, s string) []byte {
	begin := len(texts)
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			texts = append(texts[:begin], strings.ToLower(s)...)
			break
		}
		texts = append(texts, lower(s[i]))
	}
	return append(texts, textEnd)
}
