package store

import (
	"context"
	"encoding/json"
	"fmt"

	"berth"
	"berth/internal/store/sqlc"
)

// SetSSH keeps how to log in to the nodes of a cluster, with the private key sealed. Pinned host keys stay.
func (s *Store) SetSSH(ctx context.Context, actor berth.Actor, c berth.Cluster, ssh berth.SSH, privateKey string) error {
	if err := ssh.Validate(); err != nil {
		return err
	}
	return s.change(ctx, "set up SSH of cluster "+c.Name, func(q *sqlc.Queries) error {
		sealed, err := s.seal(ctx, q, placeSSHKey, c.ID, privateKey)
		if err != nil {
			return err
		}
		if err := q.SetSSH(ctx, sqlc.SetSSHParams{ClusterID: c.ID, Login: ssh.Login, PublicKey: ssh.PublicKey, PrivateKey: sealed, UpdatedAt: millis(s.now())}); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "cluster.ssh", Cluster: c.Name, Subject: "cluster " + c.Name, Details: map[string]string{"after": "new key for " + ssh.Login}})
	})
}

// SSH gives how to log in to the nodes of a cluster, and the private key. Returns NotFound if it is not set up.
func (s *Store) SSH(ctx context.Context, c berth.Cluster) (ssh berth.SSH, privateKey string, err error) {
	row, err := s.look().SSH(ctx, c.ID)
	if err != nil {
		return ssh, "", explain("read SSH of cluster "+c.Name, missing(err, "SSH is not set up for cluster %s.", c.Name))
	}
	ssh = berth.SSH{Login: row.Login, PublicKey: row.PublicKey, UpdatedAt: fromMillis(row.UpdatedAt)}
	if err := json.Unmarshal([]byte(row.Hosts), &ssh.Hosts); err != nil {
		return ssh, "", fmt.Errorf("read the SSH hosts of cluster %s: %w", c.Name, err)
	}
	privateKey, err = s.unseal(placeSSHKey, c.ID, row.PrivateKey)
	return ssh, privateKey, err
}

// PinSSHHosts keeps which key each node must show, in place of those before. Returns NotFound if SSH is not set up.
func (s *Store) PinSSHHosts(ctx context.Context, actor berth.Actor, c berth.Cluster, hosts []berth.SSHHost) error {
	text, err := json.Marshal(hosts)
	if err != nil {
		return err
	}
	return s.change(ctx, "pin the hosts of cluster "+c.Name, func(q *sqlc.Queries) error {
		rows, err := q.PinSSHHosts(ctx, sqlc.PinSSHHostsParams{ClusterID: c.ID, Hosts: string(text), UpdatedAt: millis(s.now())})
		if err := exactly(rows, err, berth.NotFound, "SSH is not set up for cluster %s.", c.Name); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "cluster.ssh-pin", Cluster: c.Name, Subject: "cluster " + c.Name})
	})
}

// RemoveSSH forgets key and hosts. Returns NotFound if SSH is not set up.
func (s *Store) RemoveSSH(ctx context.Context, actor berth.Actor, c berth.Cluster) error {
	return s.change(ctx, "remove SSH of cluster "+c.Name, func(q *sqlc.Queries) error {
		rows, err := q.RemoveSSH(ctx, c.ID)
		if err := exactly(rows, err, berth.NotFound, "SSH is not set up for cluster %s.", c.Name); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "cluster.ssh-remove", Cluster: c.Name, Subject: "cluster " + c.Name})
	})
}
