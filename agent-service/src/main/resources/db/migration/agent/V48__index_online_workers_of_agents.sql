-- Serves what an agent's workers are at. Those that are gone pile up beside it.
-- Cost: reads workers once.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index workers_agent_online_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY workers_agent_online_idx ON workers (agent_id, worker_id)
    WHERE offline_at IS NULL AND agent_id IS NOT NULL;
