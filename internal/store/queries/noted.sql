-- name: Noted :many
SELECT vmid, at, live, node FROM noted WHERE cluster_id = sqlc.arg(cluster_id) ORDER BY vmid;

-- name: NoteNew :execrows
INSERT INTO noted (cluster_id, vmid, at, live, node, config)
VALUES (sqlc.arg(cluster_id), sqlc.arg(vmid), sqlc.arg(at), sqlc.arg(live), sqlc.arg(node), '')
ON CONFLICT DO NOTHING;

-- name: NoteChange :execrows
UPDATE noted SET at = sqlc.arg(at), live = sqlc.arg(live), node = sqlc.arg(node)
WHERE cluster_id = sqlc.arg(cluster_id) AND vmid = sqlc.arg(vmid) AND live = sqlc.arg(was_live) AND node = sqlc.arg(was_node)
  AND at <= sqlc.arg(at);

-- name: NoteGone :execrows
DELETE FROM noted
WHERE cluster_id = sqlc.arg(cluster_id) AND vmid = sqlc.arg(vmid) AND live = sqlc.arg(was_live) AND node = sqlc.arg(was_node)
  AND at <= sqlc.arg(at);

-- name: NotedConfig :one
SELECT config FROM noted WHERE cluster_id = sqlc.arg(cluster_id) AND vmid = sqlc.arg(vmid);

-- name: NoteConfig :execrows
UPDATE noted SET config = sqlc.arg(config)
WHERE cluster_id = sqlc.arg(cluster_id) AND vmid = sqlc.arg(vmid) AND config = sqlc.arg(was);
