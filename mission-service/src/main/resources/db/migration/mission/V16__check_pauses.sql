-- Looks at the missions and hops that were there before the constraints on pauses.
-- Cost: reads both tables once: about a second for a million rows.
-- Locks: none that reading or writing of rows waits for.
-- If it stops: a constraint stays unchecked and holds for new rows all the same; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '10min';

ALTER TABLE missions VALIDATE CONSTRAINT missions_paused_check;
ALTER TABLE hops VALIDATE CONSTRAINT hops_paused_check;
