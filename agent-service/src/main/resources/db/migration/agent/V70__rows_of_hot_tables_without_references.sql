-- Has the rows that each claim and each end of one writes refer to their order and worker without having that checked.
-- Nothing deletes an order or a worker, and whoever writes holds the lock of the order's state, which came with the order in
-- one statement. The checks took a third of what PostgreSQL did for an attempt, and locked the rows they found, which
-- wrote them anew.
-- Cost: milliseconds, whatever the size of the tables.
-- Locks: the four tables and those they refer to, exclusively, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds the tables for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

ALTER TABLE work_order_states DROP CONSTRAINT work_order_states_work_order_fkey;
ALTER TABLE work_order_results DROP CONSTRAINT work_order_results_work_order_fkey;
ALTER TABLE executions
    DROP CONSTRAINT executions_work_order_fkey,
    DROP CONSTRAINT executions_worker_fkey;
