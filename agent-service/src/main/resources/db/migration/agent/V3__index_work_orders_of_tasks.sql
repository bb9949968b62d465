-- Serves the list of a task's orders.
-- Cost: reads work_orders once; the index itself is empty at first.
-- Locks: nothing that reads or writes waits for it; it waits for transactions that are open.
-- If it stops: drop the index work_orders_task_idx, which is invalid then, and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY work_orders_task_idx ON work_orders (task_id, work_order_id) WHERE task_id IS NOT NULL;
