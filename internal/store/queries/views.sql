-- name: SetPreference :exec
INSERT INTO preferences (user_id, name, value) VALUES (sqlc.arg(user_id), sqlc.arg(name), sqlc.arg(value))
ON CONFLICT (user_id, name) DO UPDATE SET value = excluded.value;

-- name: Preferences :many
SELECT name, value FROM preferences WHERE user_id = sqlc.arg(user_id);

-- name: SaveView :exec
INSERT INTO saved_views (id, user_id, name, params, shared, created_at)
VALUES (sqlc.arg(id), sqlc.arg(user_id), sqlc.arg(name), sqlc.arg(params), sqlc.arg(shared), sqlc.arg(created_at))
ON CONFLICT (user_id, name) DO UPDATE SET params = excluded.params, shared = excluded.shared;

-- name: OtherViews :one
SELECT COUNT(*) FROM saved_views WHERE user_id = sqlc.arg(user_id) AND name <> sqlc.arg(name);

-- name: SavedViews :many
SELECT v.id, v.user_id, v.name, v.params, v.shared, u.name AS owner
FROM saved_views v JOIN users u ON u.id = v.user_id
WHERE v.user_id = sqlc.arg(user_id) OR v.shared
ORDER BY lower(v.name), u.name;

-- name: RemoveView :execrows
DELETE FROM saved_views WHERE id = sqlc.arg(id) AND user_id = sqlc.arg(user_id);
