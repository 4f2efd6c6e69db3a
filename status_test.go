package berth

import "testing"

func TestMergeStatus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		lifecycle Lifecycle
		live      LiveStatus
		reachable bool
		want      Status
	}{
		{"creating wins over live", LifecycleCreating, LiveRunning, true, StatusCreating},
		{"error wins over live", LifecycleError, LiveRunning, true, StatusError},
		{"creating wins over silence", LifecycleCreating, "", false, StatusCreating},
		{"ready and running", LifecycleReady, LiveRunning, true, StatusRunning},
		{"ready and stopped", LifecycleReady, LiveStopped, true, StatusStopped},
		{"discovered and running", "", LiveRunning, true, StatusRunning},
		{"the last answer says running but nobody answers now", "", LiveRunning, false, StatusUnknown},
		{"Proxmox does not know", "", LiveUnknown, true, StatusUnknown},
		{"Proxmox does not have it", LifecycleReady, "", true, StatusUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := MergeStatus(test.lifecycle, test.live, test.reachable); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestCountsAddUp(t *testing.T) {
	t.Parallel()
	var counts Counts
	for _, s := range Statuses() {
		counts.Add(s)
		counts.Add(s)
	}
	sum := 0
	for _, s := range Statuses() {
		sum += counts.Of(s)
	}
	if counts.Total != 10 || sum != 10 {
		t.Errorf("total %d and sum %d, want 10", counts.Total, sum)
	}
}
