package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"berth"
	"berth/internal/store/sqlc"
)

// Facts is what a container itself last told, tracked or not: its addresses, and what matters of its configuration.
type Facts struct {
	VMID      int
	ConfigAt  time.Time // when the configuration was read; zero: never
	Digest    string    // of the configuration
	NICs      []NIC
	Protected bool
	OnBoot    bool
	OSType    string
	NetworkAt time.Time       // when the addresses were read; zero: never
	Addresses []berth.Address // that it had then
}

// NIC is a network interface of a container's configuration.
type NIC struct {
	Name string `json:"name"`          // eth0
	MAC  string `json:"mac"`           // in small letters
	IP   string `json:"ip,omitempty"`  // dhcp, manual or address/prefix
	IP6  string `json:"ip6,omitempty"` // auto, dhcp, manual or address/prefix
}

// Facts lists what is kept of the containers of a cluster, by VMID, in one query.
func (s *Store) Facts(ctx context.Context, clusterID string) ([]Facts, error) {
	rows, err := s.look().Facts(ctx, clusterID)
	if err != nil {
		return nil, explain("list the facts of cluster "+clusterID, err)
	}
	all := make([]Facts, len(rows))
	for i, r := range rows {
		all[i] = Facts{
			VMID: int(r.VMID), Digest: r.Digest, Protected: r.Protected, OnBoot: r.OnBoot, OSType: r.OsType,
			ConfigAt: timeOrZero(r.ConfigAt), NetworkAt: timeOrZero(r.NetworkAt),
		}
		if err := json.Unmarshal([]byte(r.Nics), &all[i].NICs); err != nil {
			return nil, fmt.Errorf("read the interfaces of container %d: %w", r.VMID, err)
		}
		if err := json.Unmarshal([]byte(r.Addresses), &all[i].Addresses); err != nil {
			return nil, fmt.Errorf("read the addresses of container %d: %w", r.VMID, err)
		}
	}
	return all, nil
}

// SaveFacts keeps changed, each in place of what was kept of that VMID, and forgets what is kept of the VMIDs in gone,
// their configurations too, in one transaction. Returns NotFound if there is no such cluster.
func (s *Store) SaveFacts(ctx context.Context, clusterID string, changed []Facts, gone []int) error {
	return s.change(ctx, "save facts of cluster "+clusterID, func(q *sqlc.Queries) error {
		if _, err := q.ClusterName(ctx, clusterID); err != nil {
			return missing(err, "This cluster is no longer connected.")
		}
		for _, vmid := range slices.Sorted(slices.Values(gone)) { // in order: replicas that store the same never wait for each other
			if err := q.RemoveFacts(ctx, sqlc.RemoveFactsParams{ClusterID: clusterID, VMID: int64(vmid)}); err != nil {
				return err
			}
			if err := q.DropConfigs(ctx, sqlc.DropConfigsParams{ClusterID: clusterID, VMID: int64(vmid)}); err != nil {
				return err
			}
		}
		for _, f := range slices.SortedFunc(slices.Values(changed), func(a, b Facts) int { return cmp.Compare(a.VMID, b.VMID) }) {
			if err := saveFacts(ctx, q, clusterID, &f); err != nil {
				return err
			}
		}
		return nil
	})
}

func saveFacts(ctx context.Context, q *sqlc.Queries, clusterID string, f *Facts) error {
	nics, err := json.Marshal(f.NICs)
	if err != nil {
		return err
	}
	addresses, err := json.Marshal(f.Addresses)
	if err != nil {
		return err
	}
	return q.SaveFacts(ctx, sqlc.SaveFactsParams{
		ClusterID: clusterID, VMID: int64(f.VMID), ConfigAt: millisOrZero(f.ConfigAt), Digest: f.Digest, Nics: string(nics),
		Protected: f.Protected, OnBoot: f.OnBoot, OsType: f.OSType, NetworkAt: millisOrZero(f.NetworkAt), Addresses: string(addresses),
	})
}

func timeOrZero(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return fromMillis(millis)
}

func millisOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}
