-- Confirms of the entries from before V13 that each concerns one thing.
-- Cost: reads the outbox once, which is short.
-- Locks: nothing that reads or writes waits for it.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

ALTER TABLE outbox VALIDATE CONSTRAINT outbox_subject_check;
