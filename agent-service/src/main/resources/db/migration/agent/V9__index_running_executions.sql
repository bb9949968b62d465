-- Serves executions that run, by their ids: log lines are stored by them. Small: as many entries as there are claims.
-- Cost: reads work_order_states once.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index work_order_states_execution_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY work_order_states_execution_idx
    ON work_order_states (execution_id) WHERE status = 'CLAIMED';
