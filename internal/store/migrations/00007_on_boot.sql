-- Whether a container starts with its node. The configurations are read again, so that it is known of all.

-- +goose Up
ALTER TABLE facts ADD COLUMN on_boot BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE facts SET config_at = 0;

-- +goose Down
ALTER TABLE facts DROP COLUMN on_boot;
