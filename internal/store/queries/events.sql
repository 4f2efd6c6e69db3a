-- name: AddEvent :exec
INSERT INTO events (id, at, actor, actor_id, source, action, cluster, container_id, subject, details)
VALUES (sqlc.arg(id), sqlc.arg(at), sqlc.arg(actor), sqlc.arg(actor_id), sqlc.arg(source), sqlc.arg(action),
        sqlc.arg(cluster), sqlc.arg(container_id), sqlc.arg(subject), sqlc.arg(details));

-- name: Events :many
SELECT id, at, actor, actor_id, source, action, cluster, container_id, subject, details
FROM events
WHERE (at < sqlc.arg(older_than) OR (at = sqlc.arg(older_than) AND id < sqlc.arg(older_id)))
  AND (actor = sqlc.arg(actor) OR sqlc.arg(actor) = '')
  AND (action = sqlc.arg(action) OR sqlc.arg(action) = '')
  AND (cluster = sqlc.arg(cluster) OR sqlc.arg(cluster) = '')
ORDER BY at DESC, id DESC
LIMIT CAST(sqlc.arg(n) AS BIGINT);

-- name: EventsOfContainer :many
SELECT id, at, actor, actor_id, source, action, cluster, container_id, subject, details
FROM events
WHERE container_id = sqlc.arg(container_id)
  AND (cluster = sqlc.arg(cluster) OR sqlc.arg(cluster) = '')
  AND (at < sqlc.arg(older_than) OR (at = sqlc.arg(older_than) AND id < sqlc.arg(older_id)))
  AND (actor = sqlc.arg(actor) OR sqlc.arg(actor) = '')
  AND (action = sqlc.arg(action) OR sqlc.arg(action) = '')
ORDER BY at DESC, id DESC
LIMIT CAST(sqlc.arg(n) AS BIGINT);
