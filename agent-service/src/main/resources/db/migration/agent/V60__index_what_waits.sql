-- Serves claims, in exactly their order, of orders that are in no lane, as the index of V17 does, but asks for the claim
-- and not for its lease: whether a row is in an index must not depend on what a heartbeat writes, or each heartbeat
-- writes to all indexes.
-- Cost: reads work_order_states once and sorts the orders that are in line.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index work_order_states_waiting_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY work_order_states_waiting_idx
    ON work_order_states (queue_name, claim_rank, work_order_id)
    WHERE claim_rank IS NOT NULL AND claim_hash IS NULL AND completed_at IS NULL AND lane_id IS NULL;
