-- Drops the index that V17 and V18 replace.
-- Cost: milliseconds. Servers of the release before claim correctly without it, but slowly where many orders wait.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: run it again.
SET lock_timeout = '5s';

DROP INDEX CONCURRENTLY IF EXISTS work_order_states_lane_idx;
