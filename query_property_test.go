package berth

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawQuery draws a text that is a query, of words and values that drawContainer uses too.
func drawQuery(t *rapid.T, label string) Query {
	value := rapid.OneOf(
		rapid.Map(rapid.SampledFrom([]string{"web", "db", "a b", "prod", "x,y", "W*", "*", "-z", `q"\`, "10", "10.0."}), QuoteValue),
		rapid.SampledFrom([]string{"w*", "*b", "*", "we*b", "DB"}),
	)
	op := rapid.SampledFrom([]string{":", ":", "=", ">", ">=", "<", "<="})
	amount := rapid.SampledFrom([]string{"0%", "50%", "2G", "1024k", "99.5%", "1b"})
	term := rapid.OneOf(
		rapid.Map(rapid.SliceOfN(value, 1, 3), func(v []string) string { return strings.Join(v, ",") }),
		rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"running", "Stopped", "error"}), 1, 3), func(v []string) string { return "status:" + strings.Join(v, ",") }),
		rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"name:", "name=", "node:", "tag:", "service:", "tag="}).Draw(t, "field") + value.Draw(t, "value")
		}),
		rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"mem", "disk"}).Draw(t, "field") + op.Draw(t, "op") + amount.Draw(t, "amount")
		}),
		rapid.SampledFrom([]string{"vmid:100-110", "vmid>105", "ip:10.0.0.0/8", "ip:10.0.", "ip:fd00::1", "is:locked", "is:tracked,odd", "uptime<1h", "created>1d", "cpu>.5"}),
	)
	texts := rapid.SliceOfN(rapid.Map(term, strings.TrimSpace), 0, 6).Draw(t, label)
	for i := range texts {
		if rapid.Bool().Draw(t, "negated") {
			texts[i] = "-" + texts[i]
		}
	}
	text := strings.Join(texts, "  ")
	q, err := ParseQuery(text)
	if err != nil {
		t.Fatalf("ParseQuery(%q): %v", text, err)
	}
	return q
}

func drawContainer(t *rapid.T) *Container {
	name := rapid.SampledFrom([]string{"", "web", "DB", "a b", "prod", "x,y", "w*", "-z", `q"\`})
	bytes := rapid.SampledFrom([]int64{0, 1, 1 << 20, 1 << 31, 2<<30 + 1})
	return &Container{
		ID: rapid.SampledFrom([]string{"", "id"}).Draw(t, "id"), VMID: rapid.IntRange(100, 112).Draw(t, "vmid"), Hostname: name.Draw(t, "hostname"),
		Node: name.Draw(t, "node"), Status: rapid.SampledFrom(Statuses()).Draw(t, "status"), Live: rapid.SampledFrom(liveStatuses).Draw(t, "live"),
		HasFigures: rapid.Bool().Draw(t, "figures"), CPUs: 2, CPU: rapid.Float64Range(0, 1).Draw(t, "cpu"),
		MemoryBytes: bytes.Draw(t, "memory"), MemoryLimitBytes: bytes.Draw(t, "memory limit"), DiskBytes: bytes.Draw(t, "disk"), DiskLimitBytes: bytes.Draw(t, "disk limit"),
		Lock: name.Draw(t, "lock"), Tags: rapid.SliceOfN(name, 0, 2).Draw(t, "tags"), Services: []Service{{Name: name.Draw(t, "service")}},
		Addresses: []Address{{Prefix: netip.MustParsePrefix(rapid.SampledFrom([]string{"10.0.0.1/24", "fd00::1/64"}).Draw(t, "address"))}},
		StartedAt: queryNow.Add(-time.Duration(rapid.IntRange(0, 7200).Draw(t, "uptime")) * time.Second), CreatedAt: queryNow.Add(-30 * time.Hour),
	}
}

func TestCanonicalTextMeansTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q, c := drawQuery(t, "query"), drawContainer(t)
		again, err := ParseQuery(q.String())
		if err != nil || again.String() != q.String() {
			t.Fatalf("canonical %q became %q, %v", q, again, err)
		}
		if again.Matches(c, queryNow) != q.Matches(c, queryNow) {
			t.Fatalf("%q and its canonical text %q match differently", q.Text(), q)
		}
	})
}

func TestAndMatchesWhatBothMatch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawQuery(t, "a"), drawQuery(t, "b"), drawContainer(t)
		both := a.And(b)
		if got, want := both.Matches(c, queryNow), a.Matches(c, queryNow) && b.Matches(c, queryNow); got != want {
			t.Fatalf("%q and %q: got %t, want %t", a, b, got, want)
		}
		if both.String() != b.And(a).String() || both.And(a).String() != both.String() {
			t.Fatalf("%q and %q: the order or a repetition matters", a, b)
		}
		if parsed, err := ParseQuery(both.Text()); err != nil || parsed.String() != both.String() {
			t.Fatalf("the text %q is %q, %v, want %q", both.Text(), parsed, err, both)
		}
		if all := (Query{}).And(a); all.String() != a.String() || all.Text() != a.Text() {
			t.Fatalf("all and %q is %q", a, all)
		}
	})
}

func TestNegationIsTheOpposite(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q, c := drawQuery(t, "query"), drawContainer(t)
		for _, term := range q.terms {
			opposite := "-" + term.text
			if term.negated {
				opposite = term.text[1:]
			}
			yes, err := ParseQuery(term.text)
			no, errNo := ParseQuery(opposite)
			if err != nil || errNo != nil || yes.Matches(c, queryNow) == no.Matches(c, queryNow) {
				t.Fatalf("%q and %q are not opposite: %v, %v", term.text, opposite, err, errNo)
			}
		}
	})
}

func TestQuotedValueMeansItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringN(1, 20, 60).Draw(t, "value")
		for _, field := range []string{"name=", "tag:", ""} {
			q, err := ParseQuery("-x " + field + QuoteValue(value) + " -y")
			if err != nil {
				t.Fatalf("%q: %v", value, err)
			}
			c := &Container{VMID: 1, Hostname: value, Tags: []string{value}}
			if want := !strings.ContainsAny(strings.ToLower(value), "xy"); q.Matches(c, queryNow) != want {
				t.Fatalf("%s%q: got %t, want %t", field, value, !want, want)
			}
		}
		text := ToggleTerm("web  db", "tag", value)
		if !HasTerm(text, "tag", value) || ToggleTerm(text, "tag", value) != "web  db" {
			t.Fatalf("toggling %q gives %q and then %q", value, text, ToggleTerm(text, "tag", value))
		}
	})
}
