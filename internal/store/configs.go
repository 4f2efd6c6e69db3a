package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"

	"berth"
	"berth/internal/store/sqlc"
)

// topicConfigs is the revision that changes with every configuration that is kept.
const topicConfigs = "configs"

// mostConfigs are kept of each container.
const mostConfigs = 50

// AddConfig keeps a configuration of a container, unless the latest one that is kept has the same keys and values. It tells
// whether it was another one; if not, who made it so is added when that was not known. The oldest ones beyond 50 are
// forgotten.
func (s *Store) AddConfig(ctx context.Context, clusterID string, vmid int, c berth.ConfigVersion) (added bool, err error) {
	body, err := json.Marshal(c.Values)
	if err != nil {
		return false, err
	}
	err = s.change(ctx, "keep a configuration", func(q *sqlc.Queries) error {
		if known, err := knownConfig(ctx, q, clusterID, vmid, c); err != nil || known {
			return err
		}
		if err := q.BumpRevision(ctx, topicConfigs); err != nil { // the row is held until the end: others wait, and look again
			return err
		}
		if known, err := knownConfig(ctx, q, clusterID, vmid, c); err != nil || known {
			return err
		}
		added = true
		err := q.AddConfig(ctx, sqlc.AddConfigParams{ID: newID(), ClusterID: clusterID, VMID: int64(vmid), At: millis(s.now()), Actor: c.Actor, Digest: c.Digest, Body: string(body)})
		if err != nil {
			return err
		}
		return trimConfigs(ctx, q, clusterID, vmid)
	})
	return added && err == nil, err
}

// knownConfig tells whether the latest configuration that is kept is the same, and names its actor.
func knownConfig(ctx context.Context, q *sqlc.Queries, clusterID string, vmid int, c berth.ConfigVersion) (bool, error) {
	latest, err := q.LatestConfig(ctx, sqlc.LatestConfigParams{ClusterID: clusterID, VMID: int64(vmid)})
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var before map[string]string
	if err := json.Unmarshal([]byte(latest.Body), &before); err != nil {
		return false, err
	}
	if !maps.Equal(before, c.Values) {
		return false, nil
	}
	if c.Actor == "" {
		return true, nil
	}
	return true, q.NameConfigActor(ctx, sqlc.NameConfigActorParams{ID: latest.ID, Actor: c.Actor})
}

func trimConfigs(ctx context.Context, q *sqlc.Queries, clusterID string, vmid int) error {
	oldest, err := q.NthConfig(ctx, sqlc.NthConfigParams{ClusterID: clusterID, VMID: int64(vmid), N: mostConfigs})
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return q.TrimConfigs(ctx, sqlc.TrimConfigsParams{ClusterID: clusterID, VMID: int64(vmid), Newest: oldest})
}

// Configs lists the configurations that a container had, the newest first.
func (s *Store) Configs(ctx context.Context, clusterID string, vmid int) ([]berth.ConfigVersion, error) {
	rows, err := s.look().Configs(ctx, sqlc.ConfigsParams{ClusterID: clusterID, VMID: int64(vmid)})
	if err != nil {
		return nil, explain("list the configurations of a container", err)
	}
	all := make([]berth.ConfigVersion, len(rows))
	for i, r := range rows {
		all[i] = berth.ConfigVersion{ID: r.ID, At: fromMillis(r.At), Actor: r.Actor, Digest: r.Digest}
		if err := json.Unmarshal([]byte(r.Body), &all[i].Values); err != nil {
			return nil, explain("read a configuration", err)
		}
	}
	return all, nil
}

// DropConfigs forgets the configurations of a container that is gone.
func (tx *Tx) DropConfigs(ctx context.Context, clusterID string, vmid int) error {
	return tx.q.DropConfigs(ctx, sqlc.DropConfigsParams{ClusterID: clusterID, VMID: int64(vmid)})
}
