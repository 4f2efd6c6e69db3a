-- name: SetSSH :exec
INSERT INTO cluster_ssh (cluster_id, login, public_key, private_key, hosts, updated_at)
VALUES (sqlc.arg(cluster_id), sqlc.arg(login), sqlc.arg(public_key), sqlc.arg(private_key), '[]', sqlc.arg(updated_at))
ON CONFLICT (cluster_id) DO UPDATE SET login = excluded.login, public_key = excluded.public_key, private_key = excluded.private_key, updated_at = excluded.updated_at;

-- name: SSH :one
SELECT * FROM cluster_ssh WHERE cluster_id = sqlc.arg(cluster_id);

-- name: PinSSHHosts :execrows
UPDATE cluster_ssh SET hosts = sqlc.arg(hosts), updated_at = sqlc.arg(updated_at) WHERE cluster_id = sqlc.arg(cluster_id);

-- name: RemoveSSH :execrows
DELETE FROM cluster_ssh WHERE cluster_id = sqlc.arg(cluster_id);
