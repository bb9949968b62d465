-- Lets workers finish what they hold and get nothing more.
-- Cost: milliseconds, whatever the size of the table.
-- Locks: workers, exclusively, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds the table for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

ALTER TABLE workers ADD COLUMN drain_at timestamptz; -- since when
