-- name: AddJob :execrows
INSERT INTO jobs (id, kind, action, subject, title, args, parent_id, actor, actor_id, source, state, step, done, total, checkpoint,
                  ref, message, attempts, worker, fence, seen_at, cancel_by, created_at)
VALUES (sqlc.arg(id), sqlc.arg(kind), sqlc.arg(action), sqlc.arg(subject), sqlc.arg(title), sqlc.arg(args), sqlc.arg(parent_id),
        sqlc.arg(actor), sqlc.arg(actor_id), sqlc.arg(source), 'queued', '', 0, sqlc.arg(total), '', '', '', 0, '', 0,
        sqlc.arg(created_at), '', sqlc.arg(created_at))
ON CONFLICT DO NOTHING;

-- name: Job :one
SELECT * FROM jobs WHERE id = sqlc.arg(id);

-- name: HolderOf :one
SELECT * FROM jobs WHERE subject = sqlc.arg(subject) AND ended_at IS NULL;

-- name: ActiveJobs :many
SELECT * FROM jobs WHERE ended_at IS NULL ORDER BY created_at, id;

-- name: Jobs :many
SELECT * FROM jobs
WHERE (created_at < sqlc.arg(older_than) OR (created_at = sqlc.arg(older_than) AND id < sqlc.arg(older_id)))
  AND (subject = sqlc.arg(subject) OR sqlc.arg(subject) = '')
  AND (state = sqlc.arg(state) OR sqlc.arg(state) = '')
  AND (actor = sqlc.arg(actor) OR sqlc.arg(actor) = '')
  AND parent_id = ''
ORDER BY created_at DESC, id DESC
LIMIT CAST(sqlc.arg(n) AS BIGINT);

-- name: JobsOfSubject :many
SELECT * FROM jobs WHERE subject = sqlc.arg(subject) ORDER BY created_at DESC, id DESC LIMIT CAST(sqlc.arg(n) AS BIGINT);

-- name: ChildJobs :many
SELECT * FROM jobs WHERE parent_id = sqlc.arg(parent_id) AND parent_id <> '' ORDER BY created_at, id;

-- name: ClaimJob :one
UPDATE jobs SET worker = sqlc.arg(worker), fence = fence + 1, state = 'running', seen_at = sqlc.arg(now),
       started_at = COALESCE(started_at, sqlc.arg(started_at))
WHERE id = sqlc.arg(id) AND ended_at IS NULL AND worker = ''
RETURNING *;

-- name: HoldJob :one
UPDATE jobs SET seen_at = sqlc.arg(now)
WHERE id = sqlc.arg(id) AND fence = sqlc.arg(fence) AND worker <> '' AND ended_at IS NULL
RETURNING cancel_at, cancel_by;

-- name: SetCheckpoint :exec
UPDATE jobs SET checkpoint = sqlc.arg(checkpoint), ref = sqlc.arg(ref) WHERE id = sqlc.arg(id);

-- name: SetStep :exec
UPDATE jobs SET step = sqlc.arg(step) WHERE id = sqlc.arg(id);

-- name: SetProgress :exec
UPDATE jobs SET done = sqlc.arg(done), total = sqlc.arg(total) WHERE id = sqlc.arg(id);

-- name: EndJob :one
UPDATE jobs SET state = sqlc.arg(state), message = sqlc.arg(message), ended_at = sqlc.arg(ended_at), worker = ''
WHERE id = sqlc.arg(id) AND ended_at IS NULL
RETURNING *;

-- name: ReleaseJob :execrows
UPDATE jobs SET worker = '', seen_at = sqlc.arg(again_at), attempts = sqlc.arg(attempts) WHERE id = sqlc.arg(id) AND fence = sqlc.arg(fence) AND worker <> '' AND ended_at IS NULL;

-- name: RequestCancel :one
UPDATE jobs SET cancel_by = sqlc.arg(cancel_by), cancel_at = COALESCE(cancel_at, sqlc.arg(cancel_at))
WHERE id = sqlc.arg(id) AND ended_at IS NULL
RETURNING *;

-- name: AdoptJobs :many
UPDATE jobs SET worker = '', seen_at = sqlc.arg(now)
WHERE ended_at IS NULL AND ((worker <> '' AND seen_at < sqlc.arg(silent_since)) OR (worker = '' AND seen_at < sqlc.arg(lost_since)))
RETURNING id, parent_id;

-- name: StartStep :exec
INSERT INTO job_steps (job_id, n, name, started_at) VALUES (sqlc.arg(job_id), sqlc.arg(n), sqlc.arg(name), sqlc.arg(started_at))
ON CONFLICT DO NOTHING;

-- name: EndSteps :exec
UPDATE job_steps SET ended_at = sqlc.arg(ended_at) WHERE job_id = sqlc.arg(job_id) AND ended_at IS NULL;

-- name: JobSteps :many
SELECT * FROM job_steps WHERE job_id = sqlc.arg(job_id) ORDER BY n;

-- name: AddJobLine :exec
INSERT INTO job_lines (job_id, n, at, text) VALUES (sqlc.arg(job_id), sqlc.arg(n), sqlc.arg(at), sqlc.arg(text))
ON CONFLICT DO NOTHING;

-- name: CountJobLines :one
SELECT COUNT(*) FROM job_lines WHERE job_id = sqlc.arg(job_id);

-- name: JobLines :many
SELECT * FROM job_lines WHERE job_id = sqlc.arg(job_id) AND n > sqlc.arg(after) ORDER BY n LIMIT CAST(sqlc.arg(rows) AS BIGINT);

-- name: DeleteJobs :execrows
DELETE FROM jobs WHERE ended_at < sqlc.arg(ended_before);
