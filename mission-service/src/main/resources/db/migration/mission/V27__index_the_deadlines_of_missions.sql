-- Serves whoever warns of deadlines: before them, and once more when they pass.
-- Cost: reads missions once.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index missions_deadline_warning_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY missions_deadline_warning_idx ON missions (deadline)
    WHERE (deadline_warned_at IS NULL OR deadline_warned_at < deadline)
        AND status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED');
