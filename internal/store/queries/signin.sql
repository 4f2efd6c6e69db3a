-- name: CountUsers :one
SELECT COUNT(*) FROM users;

-- name: SetSetupLink :exec
INSERT INTO setup_links (id, token_hash, expires_at) VALUES (1, sqlc.arg(token_hash), sqlc.arg(expires_at))
ON CONFLICT (id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at;

-- name: SetupLink :one
SELECT expires_at FROM setup_links WHERE token_hash = sqlc.arg(token_hash);

-- name: UseSetupLink :execrows
DELETE FROM setup_links WHERE token_hash = sqlc.arg(token_hash) AND expires_at > sqlc.arg(now);

-- name: UserProof :one
SELECT u.id, u.name, COALESCE(p.hash, '') AS hash, p.totp, COALESCE(p.totp_step, 0) AS totp_step
FROM users u LEFT JOIN passwords p ON p.user_id = u.id
WHERE u.id = sqlc.arg(id);

-- name: SetPassword :exec
INSERT INTO passwords (user_id, hash, totp_step, updated_at) VALUES (sqlc.arg(user_id), sqlc.arg(hash), 0, sqlc.arg(updated_at))
ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, updated_at = excluded.updated_at;

-- name: SetTOTP :exec
INSERT INTO passwords (user_id, hash, totp, totp_step, updated_at) VALUES (sqlc.arg(user_id), '', sqlc.arg(totp), sqlc.arg(totp_step), sqlc.arg(updated_at))
ON CONFLICT (user_id) DO UPDATE SET totp = excluded.totp, totp_new = NULL, totp_step = excluded.totp_step, updated_at = excluded.updated_at;

-- name: SetNewTOTP :exec
INSERT INTO passwords (user_id, hash, totp_new, totp_step, updated_at) VALUES (sqlc.arg(user_id), '', sqlc.arg(totp_new), 0, sqlc.arg(updated_at))
ON CONFLICT (user_id) DO UPDATE SET totp_new = excluded.totp_new;

-- name: NewTOTP :one
SELECT totp_new FROM passwords WHERE user_id = sqlc.arg(user_id);

-- name: RemoveTOTP :execrows
UPDATE passwords SET totp = NULL, updated_at = sqlc.arg(updated_at) WHERE user_id = sqlc.arg(user_id) AND totp IS NOT NULL;

-- name: UseTOTPStep :execrows
UPDATE passwords SET totp_step = sqlc.arg(step) WHERE user_id = sqlc.arg(user_id) AND totp_step < sqlc.arg(step);

-- name: AddRecoveryCode :exec
INSERT INTO recovery_codes (user_id, code_hash) VALUES (sqlc.arg(user_id), sqlc.arg(code_hash)) ON CONFLICT DO NOTHING;

-- name: UseRecoveryCode :execrows
DELETE FROM recovery_codes WHERE user_id = sqlc.arg(user_id) AND code_hash = sqlc.arg(code_hash);

-- name: RemoveRecoveryCodes :exec
DELETE FROM recovery_codes WHERE user_id = sqlc.arg(user_id);

-- name: CountRecoveryCodes :one
SELECT COUNT(*) FROM recovery_codes WHERE user_id = sqlc.arg(user_id);

-- name: SessionsOf :many
SELECT token_hash, address, browser, created_at, last_seen_at FROM sessions
WHERE user_id = CAST(sqlc.arg(user_id) AS TEXT) AND expires_at > sqlc.arg(now)
ORDER BY last_seen_at DESC, token_hash;

-- name: EndSessionOf :execrows
DELETE FROM sessions WHERE user_id = CAST(sqlc.arg(user_id) AS TEXT) AND token_hash = sqlc.arg(token_hash);

-- name: EndOtherSessions :execrows
DELETE FROM sessions WHERE user_id = CAST(sqlc.arg(user_id) AS TEXT) AND token_hash <> sqlc.arg(token_hash);

