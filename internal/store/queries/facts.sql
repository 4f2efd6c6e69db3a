-- name: Facts :many
SELECT vmid, config_at, digest, nics, protected, on_boot, os_type, network_at, addresses
FROM facts WHERE cluster_id = sqlc.arg(cluster_id) ORDER BY vmid;

-- name: SaveFacts :exec
INSERT INTO facts (cluster_id, vmid, config_at, digest, nics, protected, on_boot, os_type, network_at, addresses)
VALUES (sqlc.arg(cluster_id), sqlc.arg(vmid), sqlc.arg(config_at), sqlc.arg(digest), sqlc.arg(nics), sqlc.arg(protected), sqlc.arg(on_boot),
        sqlc.arg(os_type), sqlc.arg(network_at), sqlc.arg(addresses))
ON CONFLICT (cluster_id, vmid) DO UPDATE SET config_at = excluded.config_at, digest = excluded.digest, nics = excluded.nics,
    protected = excluded.protected, on_boot = excluded.on_boot, os_type = excluded.os_type, network_at = excluded.network_at, addresses = excluded.addresses;

-- name: RemoveFacts :exec
DELETE FROM facts WHERE cluster_id = sqlc.arg(cluster_id) AND vmid = sqlc.arg(vmid);
