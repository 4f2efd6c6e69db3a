-- name: AddToken :execrows
INSERT INTO api_tokens (id, user_id, name, token_hash, role, scope, created_at, expires_at, last_address)
VALUES (sqlc.arg(id), sqlc.arg(user_id), sqlc.arg(name), sqlc.arg(token_hash), sqlc.arg(role), sqlc.arg(scope), sqlc.arg(created_at), sqlc.arg(expires_at), '')
ON CONFLICT DO NOTHING;

-- name: Tokens :many
SELECT t.id, t.user_id, t.name, t.role, t.scope, t.created_at, t.expires_at, t.last_used_at, t.last_address, u.name AS owner
FROM api_tokens t JOIN users u ON u.id = t.user_id
WHERE t.user_id = sqlc.arg(user_id) OR sqlc.arg(user_id) = ''
ORDER BY lower(u.name), lower(t.name);

-- name: TokenByHash :one
SELECT t.id, t.user_id, t.name, t.role, t.scope, t.created_at, t.expires_at, t.last_used_at, t.last_address, u.name AS owner
FROM api_tokens t JOIN users u ON u.id = t.user_id
WHERE t.token_hash = sqlc.arg(token_hash);

-- name: TokenUsed :exec
UPDATE api_tokens SET last_used_at = sqlc.arg(at), last_address = sqlc.arg(address) WHERE id = sqlc.arg(id);

-- name: RevokeToken :execrows
DELETE FROM api_tokens WHERE user_id = sqlc.arg(user_id) AND id = sqlc.arg(id);
