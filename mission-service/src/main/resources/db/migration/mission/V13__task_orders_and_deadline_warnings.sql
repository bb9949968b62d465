-- What is still to be told to agent-service can concern tasks, too; and missions remember what was said of their
-- deadlines.
-- Cost: milliseconds, whatever the size of the tables: the columns are empty or have one value, and no row is read.
-- Locks: outbox, tasks and missions, exclusively, for that moment.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

ALTER TABLE outbox ADD COLUMN task_id uuid;
ALTER TABLE outbox ALTER COLUMN tool_step_id DROP NOT NULL;
ALTER TABLE outbox
    ADD CONSTRAINT outbox_subject_check CHECK ((tool_step_id IS NULL) <> (task_id IS NULL)) NOT VALID;

-- How far the order of the current attempt is known: news of an earlier version are none.
ALTER TABLE tasks ADD COLUMN work_order_version bigint NOT NULL DEFAULT 0;

-- When it was last said that the deadline is near or has passed. Null when it was not, for this deadline.
ALTER TABLE missions ADD COLUMN deadline_warned_at timestamptz;
