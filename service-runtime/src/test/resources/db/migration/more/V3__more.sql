-- As released before.
-- Cost: none.
-- Locks: none.
-- If it stops: run it again.
SET lock_timeout = '5s';
SET statement_timeout = '30s';
