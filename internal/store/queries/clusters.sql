-- name: Clusters :many
SELECT id, name, endpoints, fingerprint, token_id, created_at, updated_at FROM clusters ORDER BY name;

-- name: ClusterName :one
SELECT name FROM clusters WHERE id = sqlc.arg(id);

-- name: ClusterSecret :one
SELECT token_secret FROM clusters WHERE id = sqlc.arg(id);

-- name: AddCluster :execrows
INSERT INTO clusters (id, name, endpoints, fingerprint, token_id, token_secret, created_at, updated_at)
VALUES (sqlc.arg(id), sqlc.arg(name), sqlc.arg(endpoints), sqlc.arg(fingerprint), sqlc.arg(token_id),
        sqlc.arg(token_secret), sqlc.arg(created_at), sqlc.arg(updated_at))
ON CONFLICT DO NOTHING;

-- name: ChangeCluster :execrows
UPDATE clusters SET endpoints = sqlc.arg(endpoints), fingerprint = sqlc.arg(fingerprint), token_id = sqlc.arg(token_id), updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id) AND updated_at = sqlc.arg(was_updated_at);

-- name: ChangeClusterSecret :exec
UPDATE clusters SET token_secret = sqlc.arg(token_secret) WHERE id = sqlc.arg(id);

-- name: RemoveCluster :execrows
DELETE FROM clusters WHERE name = sqlc.arg(name);

-- name: SaveAnswer :exec
INSERT INTO answers (cluster_id, answered_at, body)
VALUES (sqlc.arg(cluster_id), sqlc.arg(answered_at), sqlc.arg(body))
ON CONFLICT (cluster_id) DO UPDATE SET answered_at = excluded.answered_at, body = excluded.body
WHERE answers.answered_at <= excluded.answered_at;

-- name: LastAnswer :one
SELECT answered_at, body FROM answers WHERE cluster_id = sqlc.arg(cluster_id);

-- name: SawNode :exec
INSERT INTO nodes (cluster_id, name, first_seen_at, last_seen_at)
VALUES (sqlc.arg(cluster_id), sqlc.arg(name), sqlc.arg(seen_at), sqlc.arg(seen_at))
ON CONFLICT (cluster_id, name) DO UPDATE SET last_seen_at = excluded.last_seen_at
WHERE nodes.last_seen_at < excluded.last_seen_at;

-- name: Nodes :many
SELECT name, first_seen_at, last_seen_at FROM nodes WHERE cluster_id = sqlc.arg(cluster_id) ORDER BY name;

-- name: BumpRevision :exec
INSERT INTO revisions (topic, n) VALUES (sqlc.arg(topic), 1)
ON CONFLICT (topic) DO UPDATE SET n = revisions.n + 1;

-- name: Revision :one
SELECT n FROM revisions WHERE topic = sqlc.arg(topic);

-- name: AddKeyCheck :exec
-- Holds the row until the end of the transaction, also when it is there already: see RotateKey.
INSERT INTO key_check (id, sealed) VALUES (1, sqlc.arg(sealed)) ON CONFLICT (id) DO UPDATE SET id = excluded.id;

-- name: KeyCheck :one
SELECT sealed FROM key_check WHERE id = 1;
