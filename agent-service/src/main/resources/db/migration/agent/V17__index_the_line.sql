-- Serves claims, in exactly their order, of orders that are in no lane. It does not ask for the status but for what
-- follows from it: with the status, an index that serves lists would seem as good, and have every waiting order sorted.
-- Cost: reads work_order_states once and sorts the orders that are in line.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index work_order_states_line_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY work_order_states_line_idx
    ON work_order_states (queue_name, claim_rank, work_order_id)
    WHERE claim_rank IS NOT NULL AND lease_expires_at IS NULL AND completed_at IS NULL AND lane_id IS NULL;
