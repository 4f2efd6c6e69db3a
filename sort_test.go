package berth

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNaturalOrder(t *testing.T) {
	t.Parallel()
	got := []string{"web10", "db", "Web2", "web2a", "web02", "web", "", "web9999999999999999999999"}
	slices.SortFunc(got, CompareNatural)
	want := []string{"", "db", "web", "Web2", "web02", "web2a", "web10", "web9999999999999999999999"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNaturalOrderIsAnOrder(t *testing.T) {
	t.Parallel()
	name := rapid.StringMatching(`[a-bA-B01]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := name.Draw(t, "a"), name.Draw(t, "b"), name.Draw(t, "c")
		if CompareNatural(a, b) != -CompareNatural(b, a) {
			t.Fatalf("%q and %q have no order", a, b)
		}
		if (CompareNatural(a, b) == 0) != (a == b) {
			t.Fatalf("%q and %q are different names and compare as equal", a, b)
		}
		if CompareNatural(a, b) <= 0 && CompareNatural(b, c) <= 0 && CompareNatural(a, c) > 0 {
			t.Fatalf("%q <= %q <= %q but not %q <= %q", a, b, c, a, c)
		}
	})
}

func TestEverySortOrdersContainers(t *testing.T) {
	t.Parallel()
	now := time.Unix(2_000_000_000, 0)
	low := &Container{VMID: 100, Hostname: "a", Node: "pve1", Status: StatusRunning, Live: LiveRunning, CPU: .1, CPUs: 1,
		MemoryBytes: 1, DiskBytes: 1, StartedAt: now.Add(-time.Minute), CreatedAt: now.Add(-time.Hour), HasFigures: true}
	high := &Container{VMID: 101, Hostname: "b", Node: "pve2", Status: StatusStopped, Live: LiveRunning, CPU: .1, CPUs: 2,
		MemoryBytes: 2, DiskBytes: 2, StartedAt: now.Add(-time.Hour), CreatedAt: now, HasFigures: true}
	for _, field := range SortFields() {
		for _, s := range []Sort{{By: field}, {By: field, Descending: true}} {
			got := []*Container{high, low}
			s.Apply(got, now)
			if first := got[0] == low; first == s.Descending {
				t.Errorf("sort %s: wrong order", s)
			}
			parsed, err := ParseSort(s.String())
			if err != nil || parsed != s {
				t.Errorf("ParseSort(%q) = %v, %v", s.String(), parsed, err)
			}
		}
	}
}

func TestContainersWithoutFiguresCountAsLeast(t *testing.T) {
	t.Parallel()
	none := &Container{Hostname: "a", CPU: 1, CPUs: 8}
	idle := &Container{Hostname: "b", HasFigures: true}
	got := []*Container{none, idle}
	Sort{By: SortCPU, Descending: true}.Apply(got, time.Time{})
	if got[0] != idle {
		t.Error("a container without figures came before an idle one")
	}
}

func TestUnknownSortIsSaid(t *testing.T) {
	t.Parallel()
	if _, err := ParseSort("colour"); CodeOf(err) != Invalid {
		t.Errorf("ParseSort(colour) = %v, want Invalid", err)
	}
}
