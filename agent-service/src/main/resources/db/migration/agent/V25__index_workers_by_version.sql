-- Serves lists of workers by the version of their software.
-- Cost: reads workers once.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index workers_version_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY workers_version_idx
    ON workers (software_version, worker_id);
