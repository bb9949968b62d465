-- Confirms the reference of V29 for the workers that are there.
-- Cost: reads workers once.
-- Locks: nothing that reads or writes waits for it.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

ALTER TABLE workers VALIDATE CONSTRAINT workers_agent_fkey;
