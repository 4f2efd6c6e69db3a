package store

import (
	"context"
	"time"

	"berth/internal/store/sqlc"
)

// KnownNode is a node that Proxmox VE has told about, even if it is gone by now.
type KnownNode struct {
	Name      string
	FirstSeen time.Time
	LastSeen  time.Time
}

// SawNodes notes that the cluster's nodes of these names exist at the given time.
// Returns NotFound if there is no such cluster.
func (s *Store) SawNodes(ctx context.Context, clusterID string, at time.Time, names ...string) error {
	return s.change(ctx, "note the nodes of cluster "+clusterID, func(q *sqlc.Queries) error {
		if _, err := q.ClusterName(ctx, clusterID); err != nil {
			return missing(err, "This cluster is no longer connected.")
		}
		for _, name := range names {
			if err := q.SawNode(ctx, sqlc.SawNodeParams{ClusterID: clusterID, Name: name, SeenAt: millis(at)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// KnownNodes lists the nodes that SawNodes noted, by name.
func (s *Store) KnownNodes(ctx context.Context, clusterID string) ([]KnownNode, error) {
	rows, err := s.look().Nodes(ctx, clusterID)
	if err != nil {
		return nil, explain("list the nodes of cluster "+clusterID, err)
	}
	nodes := make([]KnownNode, len(rows))
	for i, r := range rows {
		nodes[i] = KnownNode{Name: r.Name, FirstSeen: fromMillis(r.FirstSeenAt), LastSeen: fromMillis(r.LastSeenAt)}
	}
	return nodes, nil
}
