-- Drops the indexes that V6 to V8 replace: each write of an order's state kept them up to date.
-- Cost: milliseconds. Servers of the release before claim and list correctly without them, but slowly where many
-- orders wait: update those soon.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: run it again.
SET lock_timeout = '5s';

DROP INDEX CONCURRENTLY IF EXISTS work_order_states_claim_idx;
DROP INDEX CONCURRENTLY IF EXISTS work_order_states_status_idx;
