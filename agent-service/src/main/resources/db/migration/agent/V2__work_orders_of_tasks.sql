-- Orders can be for tasks of mission-service, too.
-- Cost: milliseconds, whatever the size of the table: the column is empty, and no row is read.
-- Locks: work_orders, exclusively, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds the table for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

ALTER TABLE work_orders ADD COLUMN task_id uuid;
ALTER TABLE work_orders
    ADD CONSTRAINT work_orders_subject_check CHECK (tool_step_id IS NULL OR task_id IS NULL) NOT VALID;
