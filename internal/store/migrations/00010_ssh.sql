-- How Berth runs commands on the nodes of a cluster. hosts is JSON: nodes with their pinned keys.

-- +goose Up
CREATE TABLE cluster_ssh (
    cluster_id  TEXT   NOT NULL PRIMARY KEY REFERENCES clusters (id) ON DELETE CASCADE,
    login       TEXT   NOT NULL,
    public_key  TEXT   NOT NULL,
    private_key BYTEA  NOT NULL, -- sealed
    hosts       TEXT   NOT NULL,
    updated_at  BIGINT NOT NULL
);

-- +goose Down
DROP TABLE cluster_ssh;
