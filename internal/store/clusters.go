package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"berth"
	"berth/internal/store/sqlc"
)

// The revisions: of the set of clusters, and of what is kept of containers.
const (
	topicClusters   = "clusters"
	topicContainers = "containers"
)

// Clusters lists all clusters by name.
func (s *Store) Clusters(ctx context.Context) ([]berth.Cluster, error) {
	rows, err := s.look().Clusters(ctx)
	if err != nil {
		return nil, explain("list clusters", err)
	}
	clusters := make([]berth.Cluster, len(rows))
	for i, r := range rows {
		clusters[i] = berth.Cluster{
			ID: r.ID, Name: r.Name, Fingerprint: r.Fingerprint, TokenID: r.TokenID,
			CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt),
		}
		if err := json.Unmarshal([]byte(r.Endpoints), &clusters[i].Endpoints); err != nil {
			return nil, fmt.Errorf("read the endpoints of cluster %s: %w", r.Name, err)
		}
	}
	return clusters, nil
}

// AddCluster adds c with its API token's secret and returns it with id and times set.
// Returns Invalid if c does not validate and Conflict if the name is taken.
func (s *Store) AddCluster(ctx context.Context, actor berth.Actor, c berth.Cluster, secret string) (berth.Cluster, error) {
	if err := c.Validate(); err != nil {
		return berth.Cluster{}, err
	}
	endpoints, err := json.Marshal(c.Endpoints)
	if err != nil {
		return berth.Cluster{}, err
	}
	now := millis(s.now())
	c.ID, c.CreatedAt, c.UpdatedAt = newID(), fromMillis(now), fromMillis(now)
	err = s.change(ctx, "add cluster "+c.Name, func(q *sqlc.Queries) error {
		sealed, err := s.seal(ctx, q, placeClusterSecret, c.ID, secret)
		if err != nil {
			return err
		}
		rows, err := q.AddCluster(ctx, sqlc.AddClusterParams{
			ID: c.ID, Name: c.Name, Endpoints: string(endpoints), Fingerprint: c.Fingerprint, TokenID: c.TokenID,
			TokenSecret: sealed, CreatedAt: now, UpdatedAt: now,
		})
		if err := exactly(rows, err, berth.Conflict, "There is already a cluster called %s.", c.Name); err != nil {
			return err
		}
		return s.clustersChanged(ctx, q, actor, "cluster.add", c.Name)
	})
	if err != nil {
		return berth.Cluster{}, err
	}
	return c, nil
}

// ChangeCluster stores the endpoints, fingerprint and token of c as they are now, and the token's secret unless it is
// empty; action is the word for the history. Returns Conflict if somebody else has changed the cluster since c was read.
func (s *Store) ChangeCluster(ctx context.Context, actor berth.Actor, c berth.Cluster, secret, action string) (berth.Cluster, error) {
	if err := c.Validate(); err != nil {
		return berth.Cluster{}, err
	}
	endpoints, err := json.Marshal(c.Endpoints)
	if err != nil {
		return berth.Cluster{}, err
	}
	now := max(millis(s.now()), millis(c.UpdatedAt)+1) // pollers see a change by it
	err = s.change(ctx, "change cluster "+c.Name, func(q *sqlc.Queries) error {
		rows, err := q.ChangeCluster(ctx, sqlc.ChangeClusterParams{ID: c.ID, Endpoints: string(endpoints), Fingerprint: c.Fingerprint, TokenID: c.TokenID,
			UpdatedAt: now, WasUpdatedAt: millis(c.UpdatedAt)})
		if err := exactly(rows, err, berth.Conflict, "Cluster %s was changed or removed by somebody else meanwhile.", c.Name); err != nil {
			return err
		}
		if secret != "" {
			sealed, err := s.seal(ctx, q, placeClusterSecret, c.ID, secret)
			if err != nil {
				return err
			}
			if err := q.ChangeClusterSecret(ctx, sqlc.ChangeClusterSecretParams{ID: c.ID, TokenSecret: sealed}); err != nil {
				return err
			}
		}
		return s.clustersChanged(ctx, q, actor, action, c.Name)
	})
	c.UpdatedAt = fromMillis(now)
	return c, err
}

// RemoveCluster removes the named cluster and all that is known of its containers; its events stay.
// Returns NotFound if there is none.
func (s *Store) RemoveCluster(ctx context.Context, actor berth.Actor, name string) error {
	return s.change(ctx, "remove cluster "+name, func(q *sqlc.Queries) error {
		rows, err := q.RemoveCluster(ctx, name)
		if err := exactly(rows, err, berth.NotFound, "There is no cluster called %s.", name); err != nil {
			return err
		}
		return s.clustersChanged(ctx, q, actor, "cluster.remove", name)
	})
}

// clustersChanged writes the audit entry and tells other processes.
func (s *Store) clustersChanged(ctx context.Context, q *sqlc.Queries, actor berth.Actor, action, name string) error {
	if err := q.BumpRevision(ctx, topicClusters); err != nil {
		return err
	}
	return s.record(ctx, q, actor, berth.Event{Action: action, Cluster: name, Subject: "cluster " + name})
}

// ClusterSecret gives the secret of the cluster's API token. Returns NotFound if there is no such cluster.
func (s *Store) ClusterSecret(ctx context.Context, id string) (string, error) {
	sealed, err := s.look().ClusterSecret(ctx, id)
	if err != nil {
		return "", explain("read the secret of cluster "+id, missing(err, "This cluster is no longer connected."))
	}
	return s.unseal(placeClusterSecret, id, sealed)
}

// ClustersRevision gives a number that grows whenever any process adds, changes or removes a cluster. It is cheap to ask.
func (s *Store) ClustersRevision(ctx context.Context) (int64, error) {
	return s.revision(ctx, topicClusters)
}

// ContainersRevision gives a number that grows whenever any process changes what TrackedContainers lists. It is cheap to ask.
func (s *Store) ContainersRevision(ctx context.Context) (int64, error) {
	return s.revision(ctx, topicContainers)
}

func (s *Store) revision(ctx context.Context, topic string) (int64, error) {
	n, err := s.look().Revision(ctx, topic)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil // nothing was ever added
	}
	return n, explain("read the revision of the "+topic, err)
}

// ClusterByName gives one cluster; NotFound when there is none of that name.
func (s *Store) ClusterByName(ctx context.Context, name string) (berth.Cluster, error) {
	clusters, err := s.Clusters(ctx)
	if err != nil {
		return berth.Cluster{}, err
	}
	for _, c := range clusters {
		if c.Name == name {
			return c, nil
		}
	}
	return berth.Cluster{}, berth.Errorf(berth.NotFound, "There is no cluster named %s.", name)
}
