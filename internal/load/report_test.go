package main

import (
	"strings"
	"testing"
	"time"
)

func TestMissedTargetsAreSaid(t *testing.T) {
	t.Parallel()
	r := &report{}
	r.within("quick enough", 9*time.Millisecond, 10*time.Millisecond)
	r.note("no target", 1.5, "s")
	if err := r.verdict(); err != nil {
		t.Errorf("nothing was missed, but: %v", err)
	}
	r.atMost("too many", 101, 100, "")
	r.exactly("not one", 1, 0)
	var out strings.Builder
	r.print(&out)
	if err := r.verdict(); err == nil || !strings.Contains(err.Error(), "2 of 4") {
		t.Errorf("got %v, want that 2 of 4 were missed", err)
	}
	if got := strings.Count(out.String(), "MISSED"); got != 2 {
		t.Errorf("%d lines say MISSED, want 2:\n%s", got, out.String())
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	var twenty []time.Duration
	for i := range 20 {
		twenty = append(twenty, time.Duration(20-i))
	}
	for _, test := range []struct {
		all  []time.Duration
		q    float64
		want time.Duration
	}{{twenty, 0.5, 10}, {twenty, 0.95, 19}, {twenty, 1, 20}, {twenty[:1], 0.95, 20}, {nil, 0.5, 0}} {
		if got := quantile(test.all, test.q); got != test.want {
			t.Errorf("quantile %v of %d values: got %d, want %d", test.q, len(test.all), got, test.want)
		}
	}
}
