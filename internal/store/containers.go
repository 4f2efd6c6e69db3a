package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"berth"
	"berth/internal/store/sqlc"
)

// Tracked is what the database holds of a container; what Proxmox VE says of it now is not part of it.
type Tracked struct {
	ID                  string
	ClusterID           string
	VMID                int
	Node                string
	Hostname            string
	Lifecycle           berth.Lifecycle
	Template            string // name of the template it was made from, if any
	TemplateDescription string // what that template says of itself
	Services            []berth.Service
	CreatedAt           time.Time
	UpdatedAt           time.Time
	GoneAt              time.Time // zero while the container lives
}

// TrackedContainers lists the living containers of a cluster by VMID, with their services, in two queries.
func (s *Store) TrackedContainers(ctx context.Context, clusterID string) ([]Tracked, error) {
	rows, err := s.look().TrackedContainers(ctx, clusterID)
	if err != nil {
		return nil, explain("list the containers of cluster "+clusterID, err)
	}
	containers := make([]Tracked, len(rows))
	index := make(map[string]int, len(rows))
	for i, r := range rows {
		containers[i] = trackedOf(sqlc.TrackedContainerRow(r))
		index[r.ID] = i
	}
	services, err := s.look().ServicesOfCluster(ctx, clusterID)
	if err != nil {
		return nil, explain("list the services of cluster "+clusterID, err)
	}
	for _, r := range services {
		if i, ok := index[r.ContainerID]; ok { // not of a container that was tracked between the two queries
			containers[i].Services = append(containers[i].Services, serviceOf(sqlc.ServicesOfContainerRow(r)))
		}
	}
	return containers, nil
}

// TrackedContainer gives one container, living or gone. Returns NotFound if the id is unknown.
func (s *Store) TrackedContainer(ctx context.Context, id string) (Tracked, error) {
	row, err := s.look().TrackedContainer(ctx, id)
	if err != nil {
		return Tracked{}, explain("read container "+id, missing(err, "There is no such container."))
	}
	t := trackedOf(row)
	services, err := s.look().ServicesOfContainer(ctx, id)
	if err != nil {
		return Tracked{}, explain("list the services of container "+id, err)
	}
	for _, r := range services {
		t.Services = append(t.Services, serviceOf(r))
	}
	return t, nil
}

// Track begins to keep a container: its cluster, VMID, node, hostname, lifecycle and the name of its template.
// It returns the row with id and times set. Returns Conflict if a living container has the VMID already.
func (s *Store) Track(ctx context.Context, t Tracked) (Tracked, error) {
	now := millis(s.now())
	t.ID, t.CreatedAt, t.UpdatedAt, t.GoneAt, t.Services = newID(), fromMillis(now), fromMillis(now), time.Time{}, nil
	err := s.change(ctx, fmt.Sprintf("track container %d of cluster %s", t.VMID, t.ClusterID), func(q *sqlc.Queries) error {
		cluster, err := q.ClusterName(ctx, t.ClusterID)
		if err != nil {
			return missing(err, "This cluster is no longer connected.")
		}
		template, err := templateID(ctx, q, t.Template)
		if err != nil {
			return err
		}
		rows, err := q.Track(ctx, sqlc.TrackParams{
			ID: t.ID, ClusterID: t.ClusterID, VMID: int64(t.VMID), Node: t.Node, Hostname: t.Hostname,
			Lifecycle: string(t.Lifecycle), TemplateID: template, CreatedAt: now, UpdatedAt: now,
		})
		return containersChanged(ctx, q, rows, err, berth.Conflict, "Container %d of cluster %s is already known.", t.VMID, cluster)
	})
	if err != nil {
		return Tracked{}, err
	}
	return t, nil
}

// Track is Store.Track as part of a transaction; a living container that has the VMID already is fine, and its id is given.
func (tx *Tx) Track(ctx context.Context, t Tracked) (id string, err error) {
	now := millis(tx.store.now())
	_, err = tx.q.Track(ctx, sqlc.TrackParams{ID: newID(), ClusterID: t.ClusterID, VMID: int64(t.VMID), Node: t.Node, Hostname: t.Hostname,
		Lifecycle: string(t.Lifecycle), CreatedAt: now, UpdatedAt: now})
	if tx.change(topicContainers, err) != nil {
		return "", err
	}
	row, err := tx.q.LivingContainer(ctx, sqlc.LivingContainerParams{ClusterID: t.ClusterID, VMID: int64(t.VMID)})
	return row.ID, err
}

// MarkGone notes that the container does not exist any more, and frees its VMID for another one; its history stays.
// Returns NotFound if the id is unknown or somebody else has noted it before.
func (tx *Tx) MarkGone(ctx context.Context, id string) error {
	now := millis(tx.store.now())
	rows, err := tx.q.MarkGone(ctx, sqlc.MarkGoneParams{ID: id, GoneAt: sql.NullInt64{Int64: now, Valid: true}, UpdatedAt: now})
	return tx.change(topicContainers, exactly(rows, err, berth.NotFound, "There is no such container."))
}

func templateID(ctx context.Context, q *sqlc.Queries, name string) (sql.NullString, error) {
	if name == "" {
		return sql.NullString{}, nil
	}
	id, err := q.TemplateID(ctx, name)
	if err != nil {
		return sql.NullString{}, missing(err, "There is no template called %s.", name)
	}
	return sql.NullString{String: id, Valid: true}, nil
}

// Moved notes the node and hostname that Proxmox VE now gives for the container. Returns NotFound if the id is unknown.
func (s *Store) Moved(ctx context.Context, id, node, hostname string) error {
	return s.change(ctx, "note where container "+id+" is", func(q *sqlc.Queries) error {
		rows, err := q.Moved(ctx, sqlc.MovedParams{ID: id, Node: node, Hostname: hostname, UpdatedAt: millis(s.now())})
		return containersChanged(ctx, q, rows, err, berth.NotFound, "There is no such container.")
	})
}

// SetLifecycle changes the container's lifecycle. Returns NotFound if the id is unknown.
func (s *Store) SetLifecycle(ctx context.Context, id string, l berth.Lifecycle) error {
	return s.change(ctx, "set the lifecycle of container "+id, func(q *sqlc.Queries) error {
		rows, err := q.SetLifecycle(ctx, sqlc.SetLifecycleParams{ID: id, Lifecycle: string(l), UpdatedAt: millis(s.now())})
		return containersChanged(ctx, q, rows, err, berth.NotFound, "There is no such container.")
	})
}

// containersChanged is exactly, and tells other processes if there was a change.
func containersChanged(ctx context.Context, q *sqlc.Queries, rows int64, err error, code berth.Code, format string, args ...any) error {
	if err := exactly(rows, err, code, format, args...); err != nil {
		return err
	}
	return q.BumpRevision(ctx, topicContainers)
}

func trackedOf(r sqlc.TrackedContainerRow) Tracked {
	t := Tracked{
		ID: r.ID, ClusterID: r.ClusterID, VMID: int(r.VMID), Node: r.Node, Hostname: r.Hostname,
		Lifecycle: berth.Lifecycle(r.Lifecycle), Template: r.Template, TemplateDescription: r.TemplateDescription,
		CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt),
	}
	if r.GoneAt.Valid {
		t.GoneAt = fromMillis(r.GoneAt.Int64)
	}
	return t
}
