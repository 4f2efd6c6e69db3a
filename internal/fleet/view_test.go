package fleet

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth"
)

func TestViewWithALimitIsTheBeginningOfTheWholeView(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var containers []*berth.Container
	for i := range 500 {
		containers = append(containers, &berth.Container{Cluster: "home", VMID: 100 + i, Hostname: fmt.Sprintf("web%d", random.IntN(100)), HasFigures: i%3 > 0,
			CPU: float64(random.IntN(5)) / 10, CPUs: 2, Node: fmt.Sprintf("pve%d", random.IntN(12)), Status: berth.StatusRunning})
	}
	snapshot := newSnapshot([]*ClusterView{{Containers: containers}})
	for _, field := range berth.SortFields() {
		for _, descending := range []bool{false, true} {
			order := berth.Sort{By: field, Descending: descending}
			want := vmids(snapshot.View(berth.Query{}, order, 0, noon))
			for _, limit := range []int{1, 7, 100, 499, 500, 600} {
				view := snapshot.View(berth.Query{}, order, limit, noon)
				if diff := cmp.Diff(want[:min(limit, 500)], vmids(view)); diff != "" || view.Matching != 500 {
					t.Fatalf("by %s, %d of %d: -want +got:\n%s", order, limit, view.Matching, diff)
				}
			}
		}
	}
}

func vmids(v View) []int {
	ids := make([]int, len(v.Containers))
	for i, c := range v.Containers {
		ids[i] = c.VMID
	}
	return ids
}
