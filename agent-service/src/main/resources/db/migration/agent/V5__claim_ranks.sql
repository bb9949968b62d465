-- Gives claimable orders a place in line that never changes: the time at which they became claimable, later by the
-- queue's aging interval for each step of priority. Who waits moves up by itself, so nobody starves.
-- Cost: milliseconds, whatever the size of the tables. Orders that are there get their ranks from the servers, in
-- small batches, as soon as these have been updated.
-- Locks: queues, workers and work_order_states, exclusively, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds the tables for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

ALTER TABLE queues ADD COLUMN priority_aging_ms bigint NOT NULL DEFAULT 300000;
ALTER TABLE queues
    ADD CONSTRAINT queues_priority_aging_check CHECK (priority_aging_ms BETWEEN 0 AND 86400000) NOT VALID;

-- Set while the order is claimable, and kept while it is claimed, so that what is given back has its old place. Orders
-- whose time has not come have none and stand in no line: a million of them cost a claim nothing.
ALTER TABLE work_order_states ADD COLUMN claim_rank timestamptz;

-- Attempts are in executions from their end on; while they run, all there is to say of them stands with their orders.
-- These are written no more: the release before still writes them, the one after drops them.
ALTER TABLE workers DROP CONSTRAINT workers_held_claims_check; -- the release before counts what others did not
COMMENT ON TABLE worker_assignments IS 'no longer written or read; kept for the release before';
COMMENT ON COLUMN workers.held_claims IS 'no longer written or read; kept for the release before';
COMMENT ON COLUMN workers.status IS 'no longer read; kept for the release before';
