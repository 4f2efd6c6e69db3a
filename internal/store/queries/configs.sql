-- name: Configs :many
SELECT id, at, actor, digest, body FROM configs
WHERE cluster_id = sqlc.arg(cluster_id) AND vmid = sqlc.arg(vmid) ORDER BY id DESC;

-- name: LatestConfig :one
SELECT id, at, actor, digest, body FROM configs
WHERE cluster_id = sqlc.arg(cluster_id) AND vmid = sqlc.arg(vmid) ORDER BY id DESC LIMIT 1;

-- name: AddConfig :exec
INSERT INTO configs (id, cluster_id, vmid, at, actor, digest, body)
VALUES (sqlc.arg(id), sqlc.arg(cluster_id), sqlc.arg(vmid), sqlc.arg(at), sqlc.arg(actor), sqlc.arg(digest), sqlc.arg(body));

-- name: NthConfig :one
SELECT id FROM configs WHERE cluster_id = sqlc.arg(cluster_id) AND vmid = sqlc.arg(vmid)
ORDER BY id DESC LIMIT 1 OFFSET CAST(sqlc.arg(n) AS BIGINT);

-- name: TrimConfigs :exec
DELETE FROM configs WHERE cluster_id = sqlc.arg(cluster_id) AND vmid = sqlc.arg(vmid) AND id <= sqlc.arg(newest);

-- name: DropConfigs :exec
DELETE FROM configs WHERE cluster_id = sqlc.arg(cluster_id) AND vmid = sqlc.arg(vmid);

-- name: NameConfigActor :exec
UPDATE configs SET actor = sqlc.arg(actor) WHERE id = sqlc.arg(id) AND actor = '';
