-- What went through queues lately, as servers have counted it in memory.
-- Cost: milliseconds; the table is new and empty.
-- Locks: none that anybody else could wait for.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- A row for each ten seconds in which something happened, written every few seconds by each server that has something to
-- add, hence the room for updates in place; kept for two hours. waits and runs: how many cases took how long, by the
-- steps of the servers' histograms.
CREATE TABLE queue_activity (
    queue_name text        NOT NULL,
    slot_at    timestamptz NOT NULL,
    enqueued   bigint      NOT NULL,
    claimed    bigint      NOT NULL,
    completed  bigint      NOT NULL,
    failed     bigint      NOT NULL,
    timed_out  bigint      NOT NULL,
    asked      bigint      NOT NULL,
    waits      integer[]   NOT NULL,
    runs       integer[]   NOT NULL,
    CONSTRAINT queue_activity_pkey PRIMARY KEY (queue_name, slot_at)
) WITH (fillfactor = 50);
-- Serves the end of what is kept.
CREATE INDEX queue_activity_slot_idx ON queue_activity (slot_at);
