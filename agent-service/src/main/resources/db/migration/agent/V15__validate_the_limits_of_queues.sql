-- Confirms the bounds of V12 for the queues that are there.
-- Cost: reads queues once.
-- Locks: nothing that reads or writes waits for it.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

ALTER TABLE queues VALIDATE CONSTRAINT queues_limits_check;
