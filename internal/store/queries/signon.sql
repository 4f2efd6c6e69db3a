-- name: AddSignOn :execrows
INSERT INTO sign_on (id, name, issuer, client_id, client_secret, groups_claim, mapping, created_at)
VALUES (sqlc.arg(id), sqlc.arg(name), sqlc.arg(issuer), sqlc.arg(client_id), sqlc.arg(client_secret), sqlc.arg(groups_claim), sqlc.arg(mapping), sqlc.arg(created_at))
ON CONFLICT DO NOTHING;

-- name: SignOns :many
SELECT * FROM sign_on ORDER BY lower(name);

-- name: SignOnByName :one
SELECT * FROM sign_on WHERE lower(name) = lower(sqlc.arg(name));

-- name: RemoveSignOn :execrows
DELETE FROM sign_on WHERE id = sqlc.arg(id);

-- name: RemoveMembersOf :exec
DELETE FROM group_members WHERE source = sqlc.arg(source);

-- name: UserOfIdentity :one
SELECT user_id FROM identities WHERE provider_id = sqlc.arg(provider_id) AND subject = sqlc.arg(subject);

-- name: AddIdentity :exec
INSERT INTO identities (provider_id, subject, user_id) VALUES (sqlc.arg(provider_id), sqlc.arg(subject), sqlc.arg(user_id));
