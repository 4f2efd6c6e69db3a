-- The history is looked through by container, also one that is gone or was never tracked, and by any words in it.
-- vmid is 0 where no container is concerned; search holds what people look for, in small letters.

-- +goose Up
ALTER TABLE events ADD COLUMN vmid BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN search TEXT NOT NULL DEFAULT '';
UPDATE events SET
    vmid = COALESCE((SELECT containers.vmid FROM containers WHERE containers.id = events.container_id), 0),
    search = lower(subject || ' ' || actor || ' ' || action || ' ' || cluster || ' ' || details);
CREATE INDEX events_vmid ON events (cluster, vmid, at, id);
CREATE INDEX events_actor ON events (actor);
CREATE INDEX events_action ON events (action);

-- +goose Down
DROP INDEX events_action;
DROP INDEX events_actor;
DROP INDEX events_vmid;
ALTER TABLE events DROP COLUMN search;
ALTER TABLE events DROP COLUMN vmid;
