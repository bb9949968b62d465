-- Drops the indexes that V60 and V61 replace: while they are there, each heartbeat writes to all indexes.
-- Cost: milliseconds. Servers of the release before claim correctly without them, but slowly where many orders wait.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: run it again.
SET lock_timeout = '5s';

DROP INDEX CONCURRENTLY IF EXISTS work_order_states_line_idx;
DROP INDEX CONCURRENTLY IF EXISTS work_order_states_laned_idx;
