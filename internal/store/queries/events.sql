-- name: AddEvent :exec
INSERT INTO events (id, at, actor, actor_id, source, action, cluster, container_id, vmid, subject, details, search)
VALUES (sqlc.arg(id), sqlc.arg(at), sqlc.arg(actor), sqlc.arg(actor_id), sqlc.arg(source), sqlc.arg(action), sqlc.arg(cluster),
        sqlc.arg(container_id), sqlc.arg(vmid), sqlc.arg(subject), sqlc.arg(details), sqlc.arg(search))
ON CONFLICT DO NOTHING;

-- name: Events :many
SELECT * FROM events
WHERE (at < sqlc.arg(older_than) OR (at = sqlc.arg(older_than) AND id < sqlc.arg(older_id))) AND at >= sqlc.arg(since)
  AND (actor = sqlc.arg(actor) OR sqlc.arg(actor) = '')
  AND (action = sqlc.arg(action) OR sqlc.arg(action) = '')
  AND (source = sqlc.arg(source) OR sqlc.arg(source) = '')
  AND (cluster = sqlc.arg(cluster) OR sqlc.arg(cluster) = '')
  AND (search LIKE CAST(sqlc.arg(pattern) AS TEXT) ESCAPE '\' OR CAST(sqlc.arg(pattern) AS TEXT) = '')
ORDER BY at DESC, id DESC
LIMIT CAST(sqlc.arg(n) AS BIGINT);

-- name: EventsOfContainer :many
SELECT * FROM events
WHERE container_id = sqlc.arg(container_id)
  AND (at < sqlc.arg(older_than) OR (at = sqlc.arg(older_than) AND id < sqlc.arg(older_id))) AND at >= sqlc.arg(since)
  AND (actor = sqlc.arg(actor) OR sqlc.arg(actor) = '')
  AND (action = sqlc.arg(action) OR sqlc.arg(action) = '')
  AND (source = sqlc.arg(source) OR sqlc.arg(source) = '')
  AND (cluster = sqlc.arg(cluster) OR sqlc.arg(cluster) = '')
  AND (vmid = sqlc.arg(vmid) OR sqlc.arg(vmid) = 0)
  AND (search LIKE CAST(sqlc.arg(pattern) AS TEXT) ESCAPE '\' OR CAST(sqlc.arg(pattern) AS TEXT) = '')
ORDER BY at DESC, id DESC
LIMIT CAST(sqlc.arg(n) AS BIGINT);

-- name: EventsOfPlace :many
SELECT * FROM events
WHERE cluster = sqlc.arg(cluster) AND vmid = sqlc.arg(vmid)
  AND (at < sqlc.arg(older_than) OR (at = sqlc.arg(older_than) AND id < sqlc.arg(older_id))) AND at >= sqlc.arg(since)
  AND (actor = sqlc.arg(actor) OR sqlc.arg(actor) = '')
  AND (action = sqlc.arg(action) OR sqlc.arg(action) = '')
  AND (source = sqlc.arg(source) OR sqlc.arg(source) = '')
  AND (search LIKE CAST(sqlc.arg(pattern) AS TEXT) ESCAPE '\' OR CAST(sqlc.arg(pattern) AS TEXT) = '')
ORDER BY at DESC, id DESC
LIMIT CAST(sqlc.arg(n) AS BIGINT);

-- name: EventTime :one
SELECT at FROM events WHERE id = sqlc.arg(id);

-- name: EventActors :many
SELECT DISTINCT actor FROM events ORDER BY actor;

-- name: EventActions :many
SELECT DISTINCT action FROM events ORDER BY action;
