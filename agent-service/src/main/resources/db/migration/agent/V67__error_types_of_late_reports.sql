-- Keeps what kind of error a failure was that was handed in too late.
-- Cost: milliseconds, whatever the size of the table.
-- Locks: late_reports, exclusively, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds the table for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

ALTER TABLE late_reports ADD COLUMN error_type text NOT NULL DEFAULT '';
