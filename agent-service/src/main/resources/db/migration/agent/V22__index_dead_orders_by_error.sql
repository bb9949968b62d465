-- The same of dead orders by the type of error that they died with.
-- Cost: reads work_order_states once; the index has as many entries as there are dead orders with a type of error.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index work_order_states_dead_error_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY work_order_states_dead_error_idx
    ON work_order_states (queue_name, error_type, status, completed_at, work_order_id)
    WHERE status IN ('FAILED', 'EXPIRED') AND error_type IS NOT NULL;
