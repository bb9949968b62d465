-- An index as it is added to a table with rows in it.
-- Cost: none.
-- Locks: none.
-- If it stops: drop the index and run it again.
SET lock_timeout = '5s';

CREATE INDEX CONCURRENTLY things_number_idx ON things (number);
