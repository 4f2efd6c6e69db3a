-- name: Track :execrows
INSERT INTO containers (id, cluster_id, vmid, node, hostname, lifecycle, template_id, created_at, updated_at)
VALUES (sqlc.arg(id), sqlc.arg(cluster_id), sqlc.arg(vmid), sqlc.arg(node), sqlc.arg(hostname), sqlc.arg(lifecycle),
        sqlc.arg(template_id), sqlc.arg(created_at), sqlc.arg(updated_at))
ON CONFLICT DO NOTHING;

-- name: TrackedContainers :many
SELECT c.id, c.cluster_id, c.vmid, c.node, c.hostname, c.lifecycle, COALESCE(t.name, '') AS template,
       COALESCE(t.description, '') AS template_description,
       c.created_at, c.updated_at, c.gone_at
FROM containers c LEFT JOIN templates t ON t.id = c.template_id
WHERE c.cluster_id = sqlc.arg(cluster_id) AND c.gone_at IS NULL
ORDER BY c.vmid;

-- name: TrackedContainer :one
SELECT c.id, c.cluster_id, c.vmid, c.node, c.hostname, c.lifecycle, COALESCE(t.name, '') AS template,
       COALESCE(t.description, '') AS template_description,
       c.created_at, c.updated_at, c.gone_at
FROM containers c LEFT JOIN templates t ON t.id = c.template_id
WHERE c.id = sqlc.arg(id);

-- name: ServicesOfCluster :many
SELECT s.id, s.container_id, s.name, s.kind, s.port, s.web_url, s.status
FROM services s JOIN containers c ON c.id = s.container_id
WHERE c.cluster_id = sqlc.arg(cluster_id) AND c.gone_at IS NULL
ORDER BY s.container_id, s.name;

-- name: ServicesOfContainer :many
SELECT id, container_id, name, kind, port, web_url, status
FROM services WHERE container_id = sqlc.arg(container_id) ORDER BY name;

-- name: Moved :execrows
UPDATE containers SET node = sqlc.arg(node), hostname = sqlc.arg(hostname), updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id);

-- name: SetLifecycle :execrows
UPDATE containers SET lifecycle = sqlc.arg(lifecycle), updated_at = sqlc.arg(updated_at) WHERE id = sqlc.arg(id);

-- name: MarkGone :execrows
UPDATE containers SET gone_at = sqlc.arg(gone_at), updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id) AND gone_at IS NULL;

-- name: SaveService :exec
INSERT INTO services (id, container_id, name, kind, port, web_url, status, created_at, updated_at)
VALUES (sqlc.arg(id), sqlc.arg(container_id), sqlc.arg(name), sqlc.arg(kind), sqlc.arg(port), sqlc.arg(web_url),
        sqlc.arg(status), sqlc.arg(saved_at), sqlc.arg(saved_at))
ON CONFLICT (container_id, name) DO UPDATE SET kind = excluded.kind, port = excluded.port,
    web_url = excluded.web_url, status = excluded.status, updated_at = excluded.updated_at;

-- name: RemoveService :exec
DELETE FROM services WHERE id = sqlc.arg(id);

-- name: SetCredentials :execrows
UPDATE services SET credentials = sqlc.arg(credentials), updated_at = sqlc.arg(updated_at) WHERE id = sqlc.arg(id);

-- name: Credentials :one
SELECT s.name AS service, s.credentials, c.id AS container_id, c.hostname, c.vmid, k.name AS cluster
FROM services s JOIN containers c ON c.id = s.container_id JOIN clusters k ON k.id = c.cluster_id
WHERE s.id = sqlc.arg(id);

-- name: TemplateID :one
SELECT id FROM templates WHERE name = sqlc.arg(name);

-- name: LivingContainer :one
SELECT id, lifecycle FROM containers
WHERE cluster_id = sqlc.arg(cluster_id) AND vmid = sqlc.arg(vmid) AND gone_at IS NULL;

-- name: SetSecrets :execrows
UPDATE containers SET secrets = sqlc.arg(secrets) WHERE id = sqlc.arg(id);

-- name: DropSecrets :exec
UPDATE containers SET secrets = NULL WHERE id = sqlc.arg(id);

-- name: Secrets :one
SELECT secrets FROM containers WHERE id = sqlc.arg(id);
