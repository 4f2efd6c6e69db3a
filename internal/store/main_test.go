package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth"
	"berth/internal/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func wantEqual[T any](t testing.TB, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func wantError(t testing.TB, err error, code berth.Code, message string) {
	t.Helper()
	e, ok := errors.AsType[*berth.Error](err)
	if !ok || e.Code != code || e.Message != message {
		t.Errorf("got error %v,\nwant %s: %s", err, code, message)
	}
}

func track(t testing.TB, s *store.Store, c berth.Cluster, vmid int) store.Tracked {
	t.Helper()
	tracked, err := s.Track(t.Context(), store.Tracked{ClusterID: c.ID, VMID: vmid, Node: "pve1", Hostname: "web", Lifecycle: berth.LifecycleReady})
	if err != nil {
		t.Fatalf("track container %d: %v", vmid, err)
	}
	return tracked
}
