package berth

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Query says which containers are meant. The zero value means all. The same text works in lists, URLs, saved views,
// as the target of bulk actions, as the scope of a role, in the API and on the command line:
//
//	query   = { term }                      every term must match (AND)
//	term    = [ "-" ] ( word | field )      "-" turns the term around (NOT)
//	word    = value { "," value }           any of the values (OR)
//	field   = name ( ":" | "=" ) value { "," value }
//	        | name ( ">" | ">=" | "<" | "<=" ) number
//	value   = text, number, or number "-" number (both ends included)
//
// Upper and lower case are the same. Quotes keep spaces and take every character as it is, also , * : and "-";
// in quotes \" is a quote and \\ a backslash. Outside quotes * stands for any text; a value with * must fit the whole
// of what it is compared with, and a lone * fits whatever is not empty, so that -template:* means "without template".
//
// A word is looked for in hostname, VMID, tags, IP addresses and names of services: each may contain it.
//
//	name: service:               contains the text; with = it is the text (name=web1)
//	status: live: node: cluster: template: tag: pool: lock: ha: id:   is the text
//	ip:                          an address, a network (10.0.3.0/24, fd00::/64), or how the address begins (10.0.)
//	vmid:                        a number or range: vmid:100-199,250 or vmid>=100
//	cpu                          with % the share of the cores it may use, without a unit the cores in use: cpu>50%, cpu>0.5
//	mem disk                     with % the share of its limit, otherwise the bytes in use: mem>80%, disk>2G.
//	                             K, KB and KiB are all 1024 bytes, and so on with M, G, T and P, as in Proxmox VE
//	uptime created               how long it runs, how long ago it was created: uptime<1h, created<7d; s, m, h, d or w
//	is:                          a keyword such as tracked, locked or gone
//
// With : or = a measured number matches what rounds to it: mem:80% is 79.5 % up to 80.5 %.
// What is not known never matches: figures of a container that Proxmox VE has not sampled, the disk usage of one that
// reports none (Proxmox VE reports 0 unless it runs), the uptime of one that does not run. A negated term is simply NOT,
// so it does match those.
type Query struct {
	text  string
	terms []term // sorted by their text, each once
	words bool   // whether some of them are bare words
}

// The limits of a query's text. They keep one request from costing much.
const (
	maxQueryBytes = 1000
	maxQueryTerms = 50
)

// term is one condition of a query: one of its alternatives must hold, or none if it is negated.
type term struct {
	text         string // canonical
	negated      bool
	alternatives []alternative // of a field
	words        []word        // of a bare word; then there are no alternatives
}

// alternative is one value of a term.
type alternative struct {
	text    string // canonical
	matches condition
}

type condition func(c *Container, now time.Time) bool

// QueryError says what is wrong with a query, and where.
type QueryError struct {
	Text    string // the query
	At, Len int    // the place in Text, in bytes
	Message string // one sentence for the person who typed it
}

// Error gives the place; the message is that of the Error which holds it.
func (e *QueryError) Error() string {
	return fmt.Sprintf("bytes %d to %d of the query %q", e.At, e.At+e.Len, e.Text)
}

// Text gives the query as typed, without space around it. It is empty only when the query means all.
func (q Query) Text() string { return q.text }

// String gives the canonical text: it parses to an equal query, and queries with the same text are equal. Terms and
// values are sorted, in lower case, and there once.
func (q Query) String() string {
	texts := make([]string, len(q.terms))
	for i, t := range q.terms {
		texts[i] = t.text
	}
	return strings.Join(texts, " ")
}

// And gives the query that matches what both match. It may exceed the limits of a text that is typed.
func (q Query) And(other Query) Query {
	return newQuery(q.text+" "+other.text, slices.Concat(q.terms, other.terms))
}

// newQuery takes over terms: it sorts them and drops repetitions.
func newQuery(text string, terms []term) Query {
	slices.SortFunc(terms, func(a, b term) int { return strings.Compare(a.text, b.text) })
	terms = slices.CompactFunc(terms, func(a, b term) bool { return a.text == b.text })
	words := slices.ContainsFunc(terms, func(t term) bool { return t.words != nil })
	return Query{text: strings.TrimSpace(text), terms: terms, words: words}
}

// Matches tells whether c is meant. now decides what ages and uptimes are.
func (q Query) Matches(c *Container, now time.Time) bool {
	for i := range q.terms {
		if t := &q.terms[i]; t.words == nil && t.holds(c, now) == t.negated {
			return false
		}
	}
	return !q.words || q.wordsMatch(c)
}

func (t *term) holds(c *Container, now time.Time) bool {
	for i := range t.alternatives {
		if t.alternatives[i].matches(c, now) {
			return true
		}
	}
	return false
}
