-- The lists of the plans that somebody made, or is responsible for, by deadline and by priority.
-- Cost: reads plans four times; a minute for millions of rows.
-- Locks: none that readers or writers wait for.
-- If it stops: run it again; it makes each index anew.
SET lock_timeout = '5s';

DROP INDEX CONCURRENTLY IF EXISTS plans_created_by_deadline_idx;
CREATE INDEX CONCURRENTLY plans_created_by_deadline_idx ON plans (created_by, deadline, plan_id)
    WHERE deadline IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS plans_created_by_urgency_idx;
CREATE INDEX CONCURRENTLY plans_created_by_urgency_idx ON plans (created_by, urgency, created_at, plan_id);
DROP INDEX CONCURRENTLY IF EXISTS plans_assigned_to_deadline_idx;
CREATE INDEX CONCURRENTLY plans_assigned_to_deadline_idx ON plans (assigned_to, deadline, plan_id)
    WHERE deadline IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS plans_assigned_to_urgency_idx;
CREATE INDEX CONCURRENTLY plans_assigned_to_urgency_idx ON plans (assigned_to, urgency, created_at, plan_id);
