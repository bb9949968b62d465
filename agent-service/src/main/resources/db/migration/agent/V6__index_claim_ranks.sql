-- Serves claims, in exactly their order.
-- Cost: reads work_order_states once; the index itself is empty at first.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index work_order_states_ready_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY work_order_states_ready_idx
    ON work_order_states (queue_name, claim_rank, work_order_id)
    WHERE status = 'PENDING' AND claim_rank IS NOT NULL;
