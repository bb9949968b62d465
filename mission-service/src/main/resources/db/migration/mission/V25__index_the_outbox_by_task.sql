-- One entry of a kind for an attempt at a task, as there is one for an attempt at a step.
-- Cost: reads the outbox once, which is short; the index itself is empty at first.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index outbox_task_attempt_key, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE UNIQUE INDEX CONCURRENTLY outbox_task_attempt_key ON outbox (task_id, attempt, kind) WHERE task_id IS NOT NULL;
