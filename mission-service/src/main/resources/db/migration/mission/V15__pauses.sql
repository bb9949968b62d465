-- Where a run waits for a person.
-- Cost: milliseconds, whatever the size of the database: columns that are empty at first.
-- Locks: of missions, hops and tool_steps, for the moment in which the columns are made.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- A run stops before what a person has marked, and waits there.
ALTER TABLE hops ADD COLUMN pause_before boolean NOT NULL DEFAULT false;
ALTER TABLE tool_steps ADD COLUMN pause_before boolean NOT NULL DEFAULT false;
-- Where the run waits, and since when. Whoever begins or deletes what it waits before clears them, under the lock of the
-- mission.
ALTER TABLE missions ADD COLUMN paused_at timestamptz;
ALTER TABLE missions ADD COLUMN paused_hop_id uuid;
ALTER TABLE missions ADD COLUMN paused_step_id uuid;
ALTER TABLE missions ADD CONSTRAINT missions_paused_check CHECK (
    (paused_at IS NOT NULL) = (paused_hop_id IS NOT NULL)
    AND (paused_step_id IS NULL OR paused_hop_id IS NOT NULL)
    AND (paused_at IS NULL OR (status IN ('READY_TO_DESIGN', 'ACTIVE') AND NOT running AND deleted_at IS NULL))
) NOT VALID;
ALTER TABLE hops ADD COLUMN paused_at timestamptz;
ALTER TABLE hops ADD COLUMN paused_step_id uuid;
ALTER TABLE hops ADD CONSTRAINT hops_paused_check CHECK (
    (paused_at IS NOT NULL) = (paused_step_id IS NOT NULL)
    AND (paused_at IS NULL OR (status = 'ACTIVE' AND NOT running))
) NOT VALID;
