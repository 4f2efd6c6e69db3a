-- Every statement here runs on PostgreSQL and on SQLite. Ids are UUIDv7 in text, times are Unix milliseconds, lists and
-- maps are JSON in text, and sealed values are bytes that only the key file opens.

-- +goose Up
CREATE TABLE clusters (
    id           TEXT   NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL UNIQUE,
    endpoints    TEXT   NOT NULL,
    fingerprint  TEXT   NOT NULL,
    token_id     TEXT   NOT NULL,
    token_secret BYTEA  NOT NULL, -- sealed
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL
);

-- The last good answer of /cluster/resources. A table of its own keeps these large values out of every look at a cluster.
CREATE TABLE answers (
    cluster_id  TEXT   NOT NULL PRIMARY KEY REFERENCES clusters (id) ON DELETE CASCADE,
    answered_at BIGINT NOT NULL,
    body        BYTEA  NOT NULL -- gzip
);

CREATE TABLE nodes (
    cluster_id    TEXT   NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    name          TEXT   NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    PRIMARY KEY (cluster_id, name)
);

CREATE TABLE templates (
    id          TEXT   NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL UNIQUE,
    description TEXT   NOT NULL,
    tags        TEXT   NOT NULL,
    recipe      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);

-- gone_at is NULL while the container lives. VMIDs are reused, so only living rows are unique.
CREATE TABLE containers (
    id          TEXT   NOT NULL PRIMARY KEY,
    cluster_id  TEXT   NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    vmid        BIGINT NOT NULL,
    node        TEXT   NOT NULL,
    hostname    TEXT   NOT NULL,
    lifecycle   TEXT   NOT NULL,
    template_id TEXT   REFERENCES templates (id) ON DELETE SET NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    gone_at     BIGINT
);
CREATE UNIQUE INDEX containers_living ON containers (cluster_id, vmid) WHERE gone_at IS NULL;
CREATE INDEX containers_cluster ON containers (cluster_id);
CREATE INDEX containers_template ON containers (template_id);

CREATE TABLE services (
    id           TEXT   NOT NULL PRIMARY KEY,
    container_id TEXT   NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    name         TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    port         BIGINT NOT NULL,
    web_url      TEXT   NOT NULL,
    status       TEXT   NOT NULL,
    credentials  BYTEA, -- sealed; NULL: none
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    UNIQUE (container_id, name)
);

-- Events name clusters and containers in words and refer to no row, so that they outlive what they tell of.
CREATE TABLE events (
    id           TEXT   NOT NULL PRIMARY KEY,
    at           BIGINT NOT NULL,
    actor        TEXT   NOT NULL,
    actor_id     TEXT   NOT NULL,
    source       TEXT   NOT NULL,
    action       TEXT   NOT NULL,
    cluster      TEXT   NOT NULL,
    container_id TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    details      TEXT   NOT NULL
);
CREATE INDEX events_at ON events (at, id);
CREATE INDEX events_container ON events (container_id, at, id);

CREATE TABLE users (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_name ON users (lower(name));

CREATE TABLE sign_in_links (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX sign_in_links_user ON sign_in_links (user_id);

-- user_id is NULL until somebody signs in.
CREATE TABLE sessions (
    token_hash   TEXT   NOT NULL PRIMARY KEY,
    user_id      TEXT   REFERENCES users (id) ON DELETE CASCADE,
    data         BYTEA  NOT NULL,
    expires_at   BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires_at);

-- A number per topic that grows with every change, so that other processes notice.
CREATE TABLE revisions (
    topic TEXT   NOT NULL PRIMARY KEY,
    n     BIGINT NOT NULL
);

-- One row, sealed with the key that seals everything else: tells a wrong key file at once.
CREATE TABLE key_check (
    id     BIGINT NOT NULL PRIMARY KEY,
    sealed BYTEA  NOT NULL
);
