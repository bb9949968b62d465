-- Serves the reconciliation, which looks at every dispatched task, page by page.
-- Cost: reads tasks once; the index has as many entries as tasks are dispatched.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index tasks_dispatched_task_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY tasks_dispatched_task_idx ON tasks (task_id) WHERE dispatched;
