-- Who may do what, and how people show who they are.

-- +goose Up
CREATE TABLE user_groups (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX user_groups_name ON user_groups (lower(name));

CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    user_id  TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    source   TEXT NOT NULL, -- id of the provider that says so at each sign-in; empty: an admin said so
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_members_user ON group_members (user_id);

-- A role that a user or a group was given. scope is a query; empty: everywhere.
CREATE TABLE grants (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   REFERENCES users (id) ON DELETE CASCADE,
    group_id   TEXT   REFERENCES user_groups (id) ON DELETE CASCADE,
    role       TEXT   NOT NULL,
    scope      TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX grants_user ON grants (user_id, scope) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX grants_group ON grants (group_id, scope) WHERE group_id IS NOT NULL;
INSERT INTO grants (id, user_id, role, scope, created_at) SELECT id, id, role, '', created_at FROM users;
ALTER TABLE users DROP COLUMN role;

-- One row: the link by which the first account is made. Each start without accounts replaces it.
CREATE TABLE setup_links (
    id         BIGINT NOT NULL PRIMARY KEY,
    token_hash TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

-- How a user signs in with a password. totp is the sealed seed of the second factor; NULL: there is none. totp_step is
-- the latest time step that was used, so that no code works twice.
CREATE TABLE passwords (
    user_id    TEXT   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    hash       TEXT   NOT NULL, -- argon2id in PHC form; empty: none
    totp       BYTEA,
    totp_new   BYTEA, -- sealed; a seed that no code has proved yet
    totp_step  BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE recovery_codes (
    user_id   TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash TEXT NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN browser TEXT NOT NULL DEFAULT '';

CREATE TABLE api_tokens (
    id           TEXT   NOT NULL PRIMARY KEY,
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT   NOT NULL,
    token_hash   TEXT   NOT NULL UNIQUE,
    role         TEXT   NOT NULL,
    scope        TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT, -- NULL: never
    last_used_at BIGINT,
    last_address TEXT   NOT NULL,
    UNIQUE (user_id, name)
);

-- Others whose word is taken for who somebody is: providers of OpenID Connect.
CREATE TABLE sign_on (
    id            TEXT   NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    issuer        TEXT   NOT NULL,
    client_id     TEXT   NOT NULL,
    client_secret BYTEA  NOT NULL, -- sealed
    groups_claim  TEXT   NOT NULL,
    mapping       TEXT   NOT NULL, -- JSON: names of their groups to names of ours
    created_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX sign_on_name ON sign_on (lower(name));

CREATE TABLE identities (
    provider_id TEXT NOT NULL REFERENCES sign_on (id) ON DELETE CASCADE,
    subject     TEXT NOT NULL,
    user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (provider_id, subject)
);
CREATE INDEX identities_user ON identities (user_id);

-- +goose Down
DROP TABLE identities;
DROP TABLE sign_on;
DROP TABLE api_tokens;
ALTER TABLE sessions DROP COLUMN browser;
ALTER TABLE sessions DROP COLUMN address;
DROP TABLE recovery_codes;
DROP TABLE passwords;
DROP TABLE setup_links;
ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'viewer';
UPDATE users SET role = COALESCE((SELECT role FROM grants WHERE grants.user_id = users.id AND grants.scope = ''), 'viewer');
DROP TABLE grants;
DROP TABLE group_members;
DROP TABLE user_groups;
