-- Serves lists of workers by whether they drain.
-- Cost: reads workers once.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index workers_drain_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY workers_drain_idx
    ON workers (worker_id)
    WHERE drain_at IS NOT NULL AND deregistered_at IS NULL;
