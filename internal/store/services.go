package store

import (
	"context"
	"fmt"

	"berth"
	"berth/internal/store/sqlc"
)

// SaveServices replaces what is known of the services that run in a container. A service of the same name stays the same
// service: it keeps its id and credentials. Returns NotFound if the container is unknown.
func (s *Store) SaveServices(ctx context.Context, containerID string, services []berth.Service) error {
	now := millis(s.now())
	return s.change(ctx, "save the services of container "+containerID, func(q *sqlc.Queries) error {
		if _, err := q.TrackedContainer(ctx, containerID); err != nil {
			return missing(err, "There is no such container.")
		}
		for _, v := range services {
			err := q.SaveService(ctx, sqlc.SaveServiceParams{
				ID: newID(), ContainerID: containerID, Name: v.Name, Kind: string(v.Kind), Port: int64(v.Port),
				WebURL: v.WebURL, Status: string(v.Status), SavedAt: now,
			})
			if err != nil {
				return err
			}
		}
		if err := removeOthers(ctx, q, containerID, services); err != nil {
			return err
		}
		return q.BumpRevision(ctx, topicContainers)
	})
}

// removeOthers removes the container's services that are not among those to keep.
func removeOthers(ctx context.Context, q *sqlc.Queries, containerID string, keep []berth.Service) error {
	names := make(map[string]bool, len(keep))
	for _, v := range keep {
		names[v.Name] = true
	}
	rows, err := q.ServicesOfContainer(ctx, containerID)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if names[r.Name] {
			continue
		}
		if err := q.RemoveService(ctx, r.ID); err != nil {
			return err
		}
	}
	return nil
}

// SetCredentials seals and keeps the credentials of a service. Returns NotFound if the service is unknown.
func (s *Store) SetCredentials(ctx context.Context, actor berth.Actor, serviceID, credentials string) error {
	return s.change(ctx, "set the credentials of service "+serviceID, func(q *sqlc.Queries) error {
		row, err := q.Credentials(ctx, serviceID)
		if err != nil {
			return missing(err, "There is no such service.")
		}
		sealed, err := s.seal(ctx, q, placeCredentials, serviceID, credentials)
		if err != nil {
			return err
		}
		rows, err := q.SetCredentials(ctx, sqlc.SetCredentialsParams{ID: serviceID, Credentials: sealed, UpdatedAt: millis(s.now())})
		if err := exactly(rows, err, berth.NotFound, "There is no such service."); err != nil {
			return err
		}
		return s.record(ctx, q, actor, credentialsEvent("service.set-credentials", row))
	})
}

// RevealCredentials gives the credentials of a service and notes who saw them. Returns NotFound if the service is unknown
// or has none.
func (s *Store) RevealCredentials(ctx context.Context, actor berth.Actor, serviceID string) (string, error) {
	var secret string
	err := s.change(ctx, "reveal the credentials of service "+serviceID, func(q *sqlc.Queries) error {
		row, err := q.Credentials(ctx, serviceID)
		if err != nil {
			return missing(err, "There is no such service.")
		}
		if row.Credentials == nil {
			return berth.Errorf(berth.NotFound, "No credentials are kept for service %s.", row.Service)
		}
		if secret, err = s.unseal(placeCredentials, serviceID, row.Credentials); err != nil {
			return err
		}
		return s.record(ctx, q, actor, credentialsEvent("service.reveal-credentials", row))
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

func credentialsEvent(action string, r sqlc.CredentialsRow) berth.Event {
	return berth.Event{
		Action: action, Cluster: r.Cluster, ContainerID: r.ContainerID, VMID: int(r.VMID),
		Subject: fmt.Sprintf("service %s of container %s", r.Service, r.Hostname),
	}
}

func serviceOf(r sqlc.ServicesOfContainerRow) berth.Service {
	return berth.Service{
		ID: r.ID, ContainerID: r.ContainerID, Name: r.Name, Kind: berth.ServiceKind(r.Kind),
		Port: int(r.Port), WebURL: r.WebURL, Status: berth.ServiceStatus(r.Status),
	}
}
