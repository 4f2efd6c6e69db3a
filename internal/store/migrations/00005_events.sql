-- The history is looked through by container, also one that is gone or was never tracked, and by any words in it.
-- vmid is 0 where no container is concerned; search holds what people look for, in small letters. What changes outside Berth
-- is an entry once: noted holds how each container was when that was last looked at, and whoever changes its row adds it.

-- +goose Up
ALTER TABLE events ADD COLUMN vmid BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN search TEXT NOT NULL DEFAULT '';
UPDATE events SET
    vmid = COALESCE((SELECT containers.vmid FROM containers WHERE containers.id = events.container_id), 0),
    search = lower(subject || ' ' || actor || ' ' || action || ' ' || cluster || ' ' || details);
CREATE INDEX events_vmid ON events (cluster, vmid, at, id);
CREATE INDEX events_actor ON events (actor);
CREATE INDEX events_action ON events (action);

CREATE TABLE noted (
    cluster_id TEXT   NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    vmid       BIGINT NOT NULL,
    at         BIGINT NOT NULL, -- of the look
    live       TEXT   NOT NULL, -- running or stopped; empty while Proxmox VE has not said
    node       TEXT   NOT NULL,
    config     TEXT   NOT NULL, -- a short sum of each key of its configuration; empty before the first look
    PRIMARY KEY (cluster_id, vmid)
);

-- +goose Down
DROP TABLE noted;
DROP INDEX events_action;
DROP INDEX events_actor;
DROP INDEX events_vmid;
ALTER TABLE events DROP COLUMN search;
ALTER TABLE events DROP COLUMN vmid;
