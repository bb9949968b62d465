-- Serves lists of dead orders by the time of their death, and their return to the queue.
-- Cost: reads work_order_states once; the index has as many entries as there are dead orders.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index work_order_states_dead_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY work_order_states_dead_idx
    ON work_order_states (queue_name, status, completed_at, work_order_id)
    WHERE status IN ('FAILED', 'EXPIRED');
