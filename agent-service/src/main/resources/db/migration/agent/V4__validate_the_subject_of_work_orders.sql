-- Confirms of the orders from before V2 that none is for two things.
-- Cost: reads work_orders once.
-- Locks: nothing that reads or writes waits for it.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '30min';

ALTER TABLE work_orders VALIDATE CONSTRAINT work_orders_subject_check;
