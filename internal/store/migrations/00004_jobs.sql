-- Durable work. The row of a job that has not ended is also the lease on its subject: the index jobs_lease lets there be
-- only one, over all processes. fence grows each time a worker takes the job, and every write of a worker names it, so
-- that a worker that was given up cannot write any more.

-- +goose Up
CREATE TABLE jobs (
    id         TEXT   NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL,
    action     TEXT   NOT NULL,
    subject    TEXT   NOT NULL, -- what it holds; empty: nothing
    title      TEXT   NOT NULL,
    args       TEXT   NOT NULL,
    parent_id  TEXT   NOT NULL,
    actor      TEXT   NOT NULL,
    actor_id   TEXT   NOT NULL,
    source     TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    step       TEXT   NOT NULL,
    done       BIGINT NOT NULL,
    total      BIGINT NOT NULL,
    checkpoint TEXT   NOT NULL, -- what its kind keeps for going on after a crash
    ref        TEXT   NOT NULL, -- of the work outside Berth that it waits for
    message    TEXT   NOT NULL,
    attempts   BIGINT NOT NULL,
    worker     TEXT   NOT NULL, -- the process that works on it; empty: none
    fence      BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL, -- the last sign of life of the worker
    cancel_by  TEXT   NOT NULL,
    cancel_at  BIGINT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at   BIGINT
);
CREATE UNIQUE INDEX jobs_lease ON jobs (subject) WHERE ended_at IS NULL AND subject <> '';
CREATE UNIQUE INDEX jobs_child ON jobs (parent_id, subject) WHERE parent_id <> '';
CREATE INDEX jobs_active ON jobs (created_at) WHERE ended_at IS NULL;
CREATE INDEX jobs_created ON jobs (created_at, id);
CREATE INDEX jobs_subject ON jobs (subject, created_at);

CREATE TABLE job_steps (
    job_id     TEXT   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    n          BIGINT NOT NULL,
    name       TEXT   NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT,
    PRIMARY KEY (job_id, n)
);

CREATE TABLE job_lines (
    job_id TEXT   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    n      BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    text   TEXT   NOT NULL,
    PRIMARY KEY (job_id, n)
);

-- +goose Down
DROP TABLE job_lines;
DROP TABLE job_steps;
DROP TABLE jobs;
