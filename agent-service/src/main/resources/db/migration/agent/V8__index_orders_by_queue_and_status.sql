-- Serves lists by status, of one queue and of all of them, queue by queue.
-- Cost: reads work_order_states once and sorts it.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index work_order_states_queue_status_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY work_order_states_queue_status_idx
    ON work_order_states (queue_name, status, work_order_id);
