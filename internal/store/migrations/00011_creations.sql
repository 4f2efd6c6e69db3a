-- What a creation needs to know and nobody else may, and the configurations that containers had.

-- +goose Up
ALTER TABLE containers ADD COLUMN secrets BYTEA; -- sealed; password and keys while a creation needs them

CREATE TABLE configs (
    id         TEXT   NOT NULL PRIMARY KEY,
    cluster_id TEXT   NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    vmid       BIGINT NOT NULL,
    at         BIGINT NOT NULL, -- when it was first seen
    actor      TEXT   NOT NULL, -- who made it so; empty: not known
    digest     TEXT   NOT NULL,
    body       TEXT   NOT NULL  -- JSON: key to value, as Proxmox writes them
);
CREATE INDEX configs_container ON configs (cluster_id, vmid, id);

-- +goose Down
DROP TABLE configs;
ALTER TABLE containers DROP COLUMN secrets;
