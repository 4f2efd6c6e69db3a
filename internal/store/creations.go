package store

import (
	"context"
	"encoding/json"

	"berth"
	"berth/internal/store/sqlc"
)

// Secrets are what a creation needs to know and nobody else may. They are sealed, and only there while they are needed.
type Secrets struct {
	Password string `json:"password,omitempty"`
	SSHKeys  string `json:"sshKeys,omitempty"`
}

// TrackNew is Store.Track as part of a transaction: a container that is to be there soon.
func (tx *Tx) TrackNew(ctx context.Context, t Tracked) (id string, err error) {
	now := millis(tx.store.now())
	id = newID()
	rows, err := tx.q.Track(ctx, sqlc.TrackParams{ID: id, ClusterID: t.ClusterID, VMID: int64(t.VMID), Node: t.Node, Hostname: t.Hostname,
		Lifecycle: string(t.Lifecycle), CreatedAt: now, UpdatedAt: now})
	return id, tx.change(topicContainers, exactly(rows, err, berth.Conflict, "VMID %d is taken.", t.VMID))
}

// SetLifecycle is Store.SetLifecycle as part of a transaction.
func (tx *Tx) SetLifecycle(ctx context.Context, id string, l berth.Lifecycle) error {
	rows, err := tx.q.SetLifecycle(ctx, sqlc.SetLifecycleParams{ID: id, Lifecycle: string(l), UpdatedAt: millis(tx.store.now())})
	return tx.change(topicContainers, exactly(rows, err, berth.NotFound, "There is no such container."))
}

// Lifecycle gives id and lifecycle of the living container with that VMID. Returns NotFound if there is none.
func (tx *Tx) Lifecycle(ctx context.Context, clusterID string, vmid int) (id string, l berth.Lifecycle, err error) {
	row, err := tx.q.LivingContainer(ctx, sqlc.LivingContainerParams{ClusterID: clusterID, VMID: int64(vmid)})
	return row.ID, berth.Lifecycle(row.Lifecycle), missing(err, "There is no such container.")
}

// KeepSecrets seals the secrets of a container that is to be created. Returns NotFound if the container is unknown.
func (tx *Tx) KeepSecrets(ctx context.Context, id string, secrets Secrets) error {
	text, err := json.Marshal(secrets)
	if err != nil {
		return err
	}
	sealed, err := tx.store.seal(ctx, tx.q, placeCreation, id, string(text))
	if err != nil {
		return err
	}
	rows, err := tx.q.SetSecrets(ctx, sqlc.SetSecretsParams{ID: id, Secrets: sealed})
	return exactly(rows, err, berth.NotFound, "There is no such container.")
}

// DropSecrets forgets the secrets of a creation that is over.
func (tx *Tx) DropSecrets(ctx context.Context, id string) error { return tx.q.DropSecrets(ctx, id) }

// Secrets opens the secrets of a container that is being created; empty if there are none. Returns NotFound if the
// container is unknown.
func (s *Store) Secrets(ctx context.Context, id string) (secrets Secrets, err error) {
	sealed, err := s.look().Secrets(ctx, id)
	if err != nil || sealed == nil {
		return secrets, explain("read the secrets of container "+id, missing(err, "There is no such container."))
	}
	text, err := s.unseal(placeCreation, id, sealed)
	if err != nil {
		return secrets, err
	}
	return secrets, json.Unmarshal([]byte(text), &secrets)
}
