-- Serves the search for orders whose time has come, queue by queue.
-- Cost: reads work_order_states once and sorts the pending orders in it.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index work_order_states_due_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY work_order_states_due_idx
    ON work_order_states (queue_name, run_at, work_order_id)
    WHERE status = 'PENDING' AND claim_rank IS NULL;
