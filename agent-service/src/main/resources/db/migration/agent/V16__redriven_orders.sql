-- Lets dead orders be put back with all their retries before them.
-- Cost: milliseconds, whatever the size of the table.
-- Locks: work_order_states, exclusively, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds the table for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- How many retries the order had had when it was last put back; those do not count against its retry policy.
ALTER TABLE work_order_states ADD COLUMN forgiven_retries integer NOT NULL DEFAULT 0;
