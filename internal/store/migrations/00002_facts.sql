-- +goose Up
-- What a container itself told: its addresses and what matters of its configuration. It is here for every container, with a
-- row in containers or without, so that addresses are there after a restart.
CREATE TABLE facts (
    cluster_id TEXT    NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    vmid       BIGINT  NOT NULL,
    config_at  BIGINT  NOT NULL, -- when the configuration was read; 0: never
    digest     TEXT    NOT NULL, -- of the configuration
    nics       TEXT    NOT NULL,
    protected  BOOLEAN NOT NULL,
    os_type    TEXT    NOT NULL,
    network_at BIGINT  NOT NULL, -- when the addresses were read; 0: never
    addresses  TEXT    NOT NULL,
    PRIMARY KEY (cluster_id, vmid)
);
