package fleet

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestTotalsCountOnlineNodesAndEachSharedStorageOnce(t *testing.T) {
	t.Parallel()
	node := func(status string) pve.NodeResource {
		return pve.NodeResource{Status: status, CPU: 0.5, MaxCPU: 8, MemoryBytes: 10, MaxMemoryBytes: 40}
	}
	disk := func(name, status string, shared bool, content ...string) pve.StorageResource {
		return pve.StorageResource{Storage: name, Status: status, Shared: shared, Content: content, DiskBytes: 3, MaxDiskBytes: 9}
	}
	got := totalsOf(&pve.Resources{
		Nodes: []pve.NodeResource{node("online"), node("online"), node("offline")},
		Storages: []pve.StorageResource{
			disk("local-lvm", "available", false, "images", "rootdir"), disk("local-lvm", "available", false, "rootdir"),
			disk("ceph", "available", true, "rootdir"), disk("ceph", "available", true, "rootdir"),
			disk("nas", "available", true, "backup"), disk("broken", "unknown", false, "rootdir"),
		},
	})
	want := berth.Totals{Cores: 8, CoresTotal: 16, MemoryBytes: 20, MemoryTotalBytes: 80, DiskBytes: 9, DiskTotalBytes: 27}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestHistoryKeepsFifteenMinutesAndWhatWasSharedStays(t *testing.T) {
	t.Parallel()
	var history []berth.Moment
	shared := map[int][]berth.Moment{}
	for i := range 1000 { // every 4 s, more than an hour
		history = withMoment(history, noon.Add(time.Duration(i)*4*time.Second), berth.Totals{Cores: float64(i)})
		shared[i] = history
	}
	if len(history) != momentsKept {
		t.Errorf("%d moments, want %d", len(history), momentsKept)
	}
	for i, seen := range shared {
		for j := 1; j < len(seen); j++ {
			if gap := seen[j].At.Sub(seen[j-1].At); gap != momentEvery {
				t.Fatalf("after %d, moments %d and %d are %v apart", i, j-1, j, gap)
			}
		}
		if last := seen[len(seen)-1]; last.Cores > float64(i) || last.At.After(noon.Add(time.Duration(i)*4*time.Second)) {
			t.Fatalf("the history shared after %d has changed: its last moment is %+v", i, last)
		}
	}
}

func TestHistoriesOfClustersAreSummedUp(t *testing.T) {
	t.Parallel()
	at := func(seconds int, cores float64) berth.Moment {
		return berth.Moment{At: noon.Add(time.Duration(seconds) * time.Second), Totals: berth.Totals{Cores: cores}}
	}
	a := []berth.Moment{at(0, 1), at(10, 2), at(20, 3), at(30, 4), at(40, 5), at(50, 6), at(60, 7)}
	b := []berth.Moment{at(10, 10), at(20, 20)} // then it failed
	got := combined([][]berth.Moment{a, nil, b})
	want := []berth.Moment{at(0, 1), at(10, 12), at(20, 23), at(30, 24), at(40, 25), at(50, 26), at(60, 7)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := combined([][]berth.Moment{nil, nil}); len(got) != 0 {
		t.Errorf("the sum of nothing is %v", got)
	}
}

func TestSnapshotHasTotalsAndAHistory(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	simulate(t, s, pvesim.Options{})
	r := run(t, s, quick)
	snapshot := r.wait("all are there", answering(40))
	got := snapshot.Totals
	if got.Cores <= 0 || got.Cores > got.CoresTotal || got.MemoryBytes <= 0 || got.MemoryBytes > got.MemoryTotalBytes || got.DiskBytes <= 0 || got.DiskBytes > got.DiskTotalBytes {
		t.Errorf("totals are %+v", got)
	}
	history := snapshot.History()
	if len(history) == 0 || history[len(history)-1].CoresTotal != got.CoresTotal {
		t.Errorf("the history is %+v", history)
	}
}
