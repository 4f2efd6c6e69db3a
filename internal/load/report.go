package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// report is the table of what was measured.
type report struct{ figures []figure }

type figure struct {
	what, measured, target string
	missed                 bool
}

// atMost adds a figure that is to be at most the given one.
func (r *report) atMost(what string, got, most float64, unit string) {
	r.figures = append(r.figures, figure{what, amount(got, unit), "<= " + amount(most, unit), got > most})
}

// within adds a time that is to be at most the given one.
func (r *report) within(what string, got, most time.Duration) {
	r.atMost(what, milliseconds(got), milliseconds(most), "ms")
}

// exactly adds a count that is to be the given one.
func (r *report) exactly(what string, got, want int) {
	r.figures = append(r.figures, figure{what, strconv.Itoa(got), strconv.Itoa(want), got != want})
}

// note adds a figure without a target.
func (r *report) note(what string, got float64, unit string) {
	r.figures = append(r.figures, figure{what: what, measured: amount(got, unit)})
}

func (r *report) print(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 4, 1, ' ', 0)
	fmt.Fprintln(table, "| what\t| measured\t| target\t| \t|")
	fmt.Fprintln(table, "|---\t|---\t|---\t|---\t|")
	for _, f := range r.figures {
		fmt.Fprintf(table, "| %s\t| %s\t| %s\t| %s\t|\n", f.what, f.measured, f.target, f.outcome())
	}
	_ = table.Flush() // a terminal that is gone needs no table
}

func (f figure) outcome() string {
	switch {
	case f.missed:
		return "MISSED"
	case f.target == "":
		return ""
	}
	return "ok"
}

// verdict is an error when a target was missed.
func (r *report) verdict() error {
	missed := 0
	for _, f := range r.figures {
		if f.missed {
			missed++
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d figures missed", missed, len(r.figures))
	}
	return nil
}

// amount writes three digits that matter and the unit.
func amount(v float64, unit string) string {
	digits := 2
	switch {
	case v >= 100:
		digits = 0
	case v >= 10:
		digits = 1
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if v == float64(int64(v)) {
		text = strconv.FormatInt(int64(v), 10)
	}
	if unit == "" {
		return text
	}
	return text + " " + unit
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// quantile gives the smallest value that at least the share q of all is not above; 0 for none.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	at := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(at, 0), len(sorted)-1)]
}
