package store_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestFactsAreReplacedAndForgottenTogether(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		home, work := addCluster(t, s, "home", "secret"), addCluster(t, s, "work", "secret")
		full := store.Facts{VMID: 101, ConfigAt: noon, Digest: "abc", Protected: true, OnBoot: true, OSType: "debian", NetworkAt: noon.Add(time.Minute),
			NICs:      []store.NIC{{Name: "eth0", MAC: "bc:24:11:00:00:01", IP: "dhcp", IP6: "auto"}},
			Addresses: []berth.Address{{Interface: "eth0", Prefix: netip.MustParsePrefix("10.0.3.5/24"), Source: berth.AddressDynamic}}}
		empty := store.Facts{VMID: 102}
		save := func(cluster string, gone []int, changed ...store.Facts) {
			t.Helper()
			if err := s.SaveFacts(ctx, cluster, changed, gone); err != nil {
				t.Fatal(err)
			}
		}
		save(home.ID, nil, empty, full)
		save(work.ID, nil, empty)
		wantFacts(t, must(s.Facts(ctx, home.ID))(t), full, empty)
		full.Digest, full.NICs, full.Addresses = "def", nil, nil
		save(home.ID, []int{102, 999}, full)
		wantFacts(t, must(s.Facts(ctx, home.ID))(t), full)
		wantFacts(t, must(s.Facts(ctx, work.ID))(t), empty)
		wantError(t, s.SaveFacts(ctx, "nobody", []store.Facts{full}, nil), berth.NotFound, "This cluster is no longer connected.")
		if err := s.RemoveCluster(ctx, anna, "work"); err != nil {
			t.Fatal(err)
		}
		wantFacts(t, must(s.Facts(ctx, work.ID))(t))
	})
}

func wantFacts(t *testing.T, got []store.Facts, want ...store.Facts) {
	t.Helper()
	prefixes := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if diff := cmp.Diff(append([]store.Facts{}, want...), got, prefixes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
