package berth

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// unit is a unit of measure as it is typed behind a number.
type unit struct {
	name   string  // canonical
	factor float64 // of the base unit: bytes, cores, seconds, or 1 for a share
	share  bool    // of a limit
	whole  bool    // takes whole numbers only
}

// measure is a kind of number, with its units by what is typed.
type measure struct {
	units map[string]unit
	wrong string // said of what is no such number
}

var percent = unit{name: "%", factor: 0.01, share: true}

var (
	sizes  = measure{sizeUnits(), "is not an amount; write a share of the limit such as 80% or a size such as 2G"}
	cores  = measure{map[string]unit{"": {factor: 1}, "%": percent}, "is not an amount; write a share such as 50% or a number of cores such as 0.5"}
	whole  = measure{map[string]unit{"": {factor: 1, whole: true}}, "is not a number or a range such as 100-199"}
	period = measure{map[string]unit{"s": {name: "s", factor: 1}, "m": {name: "m", factor: 60}, "h": {name: "h", factor: 3600},
		"d": {name: "d", factor: 86400}, "w": {name: "w", factor: 7 * 86400}}, "is not a time; write 90s, 30m, 12h, 7d or 2w"}
)

func sizeUnits() map[string]unit {
	units := map[string]unit{"b": {name: "b", factor: 1}, "%": percent}
	for i, letter := range "kmgtp" {
		name := string(letter)
		u := unit{name: name, factor: math.Pow(1024, float64(i+1))}
		units[name], units[name+"b"], units[name+"ib"] = u, u, u
	}
	return units
}

// quantity is a number with its unit.
type quantity struct {
	text  string // canonical
	value float64
	step  float64 // what one more in the last digit typed would add
	share bool
}

func (m *measure) quantity(text string) (quantity, bool) {
	digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789."))]
	u, known := m.units[text[len(digits):]]
	value, err := strconv.ParseFloat(digits, 64)
	integer, fraction, point := strings.Cut(digits, ".")
	if !known || err != nil || point && (u.whole || fraction == "") {
		return quantity{}, false
	}
	number := strings.TrimLeft(integer, "0")
	if number == "" {
		number = "0"
	}
	if point {
		number += "." + fraction
	}
	step := u.factor * math.Pow10(-len(fraction))
	return quantity{text: number + u.name, value: value * u.factor, step: step, share: u.share}, true
}

// span is the numbers from low to high, both included.
type span struct {
	text      string // canonical
	low, high float64
	share     bool
}

func (s *span) has(v float64) bool { return s.low <= v && v <= s.high }

// span reads what stands behind op: with : and = a number or a range, otherwise a number.
func (m *measure) span(op string, p pattern) (span, error) {
	text, plain := p.text()
	from, to, isRange := strings.Cut(text, "-")
	if plain && isRange && (op == ":" || op == "=") {
		return m.rangeSpan(from, to)
	}
	q, ok := m.quantity(text)
	if !ok || !plain {
		return span{}, errors.New(m.wrong)
	}
	s := span{text: q.text, share: q.share, low: math.Inf(-1), high: math.Inf(1)}
	switch op {
	case ">":
		s.low = math.Nextafter(q.value, s.high)
	case ">=":
		s.low = q.value
	case "<":
		s.high = math.Nextafter(q.value, s.low)
	case "<=":
		s.high = q.value
	default:
		s.low, s.high = q.value-q.step/2, math.Nextafter(q.value+q.step/2, s.low)
	}
	return s, nil
}

func (m *measure) rangeSpan(from, to string) (span, error) {
	low, okLow := m.quantity(from)
	high, okHigh := m.quantity(to)
	switch {
	case !okLow || !okHigh:
		return span{}, errors.New(m.wrong)
	case low.share != high.share:
		return span{}, errors.New("mixes a share with an amount")
	case low.value > high.value:
		return span{}, errors.New("ends before it begins")
	}
	return span{text: low.text + "-" + high.text, low: low.value, high: high.value, share: low.share}, nil
}

// figureOf gives a number of a container; false if it is not known.
type figureOf func(c *Container, now time.Time) (float64, bool)

// compared reads numbers and compares amount with them, or share if they are shares.
func compared(m *measure, amount, share figureOf) valueReader {
	return func(op string, p pattern) (alternative, error) {
		s, err := m.span(op, p)
		if err != nil {
			return alternative{}, err
		}
		figure := amount
		if s.share {
			figure = share
		}
		return alternative{s.text, func(c *Container, now time.Time) bool {
			v, known := figure(c, now)
			return known && s.has(v)
		}}, nil
	}
}
