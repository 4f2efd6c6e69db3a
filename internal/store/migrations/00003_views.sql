-- What each user chose for the pages, and the views that people keep.

-- +goose Up
CREATE TABLE preferences (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (user_id, name)
);

-- params is the query part of the dashboard's address. A shared view is seen by everybody, changed by its owner.
CREATE TABLE saved_views (
    id         TEXT    NOT NULL PRIMARY KEY,
    user_id    TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    params     TEXT    NOT NULL,
    shared     BOOLEAN NOT NULL,
    created_at BIGINT  NOT NULL,
    UNIQUE (user_id, name)
);

-- +goose Down
DROP TABLE saved_views;
DROP TABLE preferences;
