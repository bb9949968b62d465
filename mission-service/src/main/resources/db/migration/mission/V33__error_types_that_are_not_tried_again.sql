-- Types of errors that a tool's retry policy does not try again.
-- Cost: milliseconds, whatever the size of the table.
-- Locks: tools, exclusively, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds the table for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

ALTER TABLE tools ADD COLUMN non_retryable_error_types text[] NOT NULL DEFAULT '{}';
