-- name: AddUser :execrows
INSERT INTO users (id, name, created_at, updated_at)
VALUES (sqlc.arg(id), sqlc.arg(name), sqlc.arg(created_at), sqlc.arg(updated_at))
ON CONFLICT DO NOTHING;

-- name: Users :many
SELECT u.id, u.name, COALESCE(g.role, '') AS role, u.created_at
FROM users u LEFT JOIN grants g ON g.user_id = u.id AND g.scope = ''
ORDER BY lower(u.name);

-- name: UserByName :one
SELECT u.id, u.name, COALESCE(g.role, '') AS role, u.created_at
FROM users u LEFT JOIN grants g ON g.user_id = u.id AND g.scope = ''
WHERE lower(u.name) = lower(sqlc.arg(name));

-- name: UserByID :one
SELECT u.id, u.name, COALESCE(g.role, '') AS role, u.created_at
FROM users u LEFT JOIN grants g ON g.user_id = u.id AND g.scope = ''
WHERE u.id = sqlc.arg(id);

-- name: RemoveUser :execrows
DELETE FROM users WHERE id = sqlc.arg(id);

-- name: AddSignInLink :execrows
INSERT INTO sign_in_links (token_hash, user_id, created_at, expires_at)
SELECT sqlc.arg(token_hash), id, sqlc.arg(created_at), sqlc.arg(expires_at) FROM users WHERE id = sqlc.arg(user_id);

-- name: UseSignInLink :one
UPDATE sign_in_links SET used_at = sqlc.arg(now)
WHERE token_hash = sqlc.arg(token_hash) AND used_at IS NULL AND expires_at > sqlc.arg(now)
RETURNING user_id;

-- name: SignInLink :one
SELECT expires_at, used_at FROM sign_in_links WHERE token_hash = sqlc.arg(token_hash);

-- name: DeleteSignInLinks :execrows
DELETE FROM sign_in_links WHERE expires_at < sqlc.arg(before);

-- name: CommitSession :exec
INSERT INTO sessions (token_hash, user_id, data, expires_at, created_at, last_seen_at, address, browser)
VALUES (sqlc.arg(token_hash), sqlc.arg(user_id), sqlc.arg(data), sqlc.arg(expires_at), sqlc.arg(now), sqlc.arg(now), sqlc.arg(address), sqlc.arg(browser))
ON CONFLICT (token_hash) DO UPDATE SET user_id = excluded.user_id, data = excluded.data,
    expires_at = excluded.expires_at, last_seen_at = excluded.last_seen_at, address = excluded.address, browser = excluded.browser;

-- name: ContinueSession :execrows
UPDATE sessions SET user_id = sqlc.arg(user_id), data = sqlc.arg(data), expires_at = sqlc.arg(expires_at), last_seen_at = sqlc.arg(now),
    address = sqlc.arg(address), browser = sqlc.arg(browser)
WHERE token_hash = sqlc.arg(token_hash);

-- name: FindSession :one
SELECT data FROM sessions WHERE token_hash = sqlc.arg(token_hash) AND expires_at > sqlc.arg(now);

-- name: DeleteSession :exec
DELETE FROM sessions WHERE token_hash = sqlc.arg(token_hash);

-- name: Sessions :many
SELECT token_hash, data FROM sessions WHERE expires_at > sqlc.arg(now);

-- name: DeleteSessions :execrows
DELETE FROM sessions WHERE expires_at <= sqlc.arg(now);
