-- Serves claims, in exactly their order, in each lane of a queue and among the orders that are in none.
-- Cost: reads work_order_states once and sorts the orders that are in line.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index work_order_states_lane_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY work_order_states_lane_idx
    ON work_order_states (queue_name, lane_id, claim_rank, work_order_id)
    WHERE status = 'PENDING' AND claim_rank IS NOT NULL;
