-- Keeps since when a queue is paused, and by whom.
-- Cost: milliseconds.
-- Locks: queues, exclusively, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds the table for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- Null where the queue is not paused, or was paused by the release before.
ALTER TABLE queues
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN paused_by text;
