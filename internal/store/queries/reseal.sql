-- name: SealedValues :many
SELECT 'clusters/token_secret' AS place, id, token_secret AS sealed FROM clusters
UNION ALL SELECT 'services/credentials' AS place, id, credentials AS sealed FROM services WHERE credentials IS NOT NULL
UNION ALL SELECT 'passwords/totp' AS place, user_id AS id, totp AS sealed FROM passwords WHERE totp IS NOT NULL
UNION ALL SELECT 'passwords/totp_new' AS place, user_id AS id, totp_new AS sealed FROM passwords WHERE totp_new IS NOT NULL
UNION ALL SELECT 'sign_on/client_secret' AS place, id, client_secret AS sealed FROM sign_on
UNION ALL SELECT 'cluster_ssh/private_key' AS place, cluster_id AS id, private_key AS sealed FROM cluster_ssh
UNION ALL SELECT 'containers/secrets' AS place, id, secrets AS sealed FROM containers WHERE secrets IS NOT NULL;

-- name: ResealCluster :execrows
UPDATE clusters SET token_secret = sqlc.arg(sealed) WHERE id = sqlc.arg(id) AND token_secret = sqlc.arg(before);

-- name: ResealCredentials :execrows
UPDATE services SET credentials = sqlc.arg(sealed) WHERE id = sqlc.arg(id) AND credentials = sqlc.arg(before);

-- name: ResealTOTP :execrows
UPDATE passwords SET totp = sqlc.arg(sealed) WHERE user_id = sqlc.arg(id) AND totp = sqlc.arg(before);

-- name: ResealNewTOTP :execrows
UPDATE passwords SET totp_new = sqlc.arg(sealed) WHERE user_id = sqlc.arg(id) AND totp_new = sqlc.arg(before);

-- name: ResealSignOn :execrows
UPDATE sign_on SET client_secret = sqlc.arg(sealed) WHERE id = sqlc.arg(id) AND client_secret = sqlc.arg(before);

-- name: ResealSSH :execrows
UPDATE cluster_ssh SET private_key = sqlc.arg(sealed) WHERE cluster_id = sqlc.arg(id) AND private_key = sqlc.arg(before);

-- name: ResealCreation :execrows
UPDATE containers SET secrets = sqlc.arg(sealed) WHERE id = sqlc.arg(id) AND secrets = sqlc.arg(before);

-- name: ResealKeyCheck :exec
UPDATE key_check SET sealed = sqlc.arg(sealed) WHERE id = 1;
