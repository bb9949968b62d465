-- The same of orders that are in lanes, lane by lane.
-- Cost: reads work_order_states once; the index itself is as large as there are such orders.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index work_order_states_waiting_in_lanes_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY work_order_states_waiting_in_lanes_idx
    ON work_order_states (queue_name, lane_id, claim_rank, work_order_id)
    WHERE claim_rank IS NOT NULL AND claim_hash IS NULL AND completed_at IS NULL AND lane_id IS NOT NULL;
