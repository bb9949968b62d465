-- An index for each list of a scope's assets and of plans that had to go through others' rows.
-- Cost: reads assets twice and plans six times; a minute for millions of rows.
-- Locks: none that readers or writers wait for.
-- If it stops: run it again; it makes each index anew.
SET lock_timeout = '5s';

-- A scope's assets in one status, and in one role: else PostgreSQL goes through all assets in it, whosesoever they are.
DROP INDEX CONCURRENTLY IF EXISTS assets_scope_status_idx;
CREATE INDEX CONCURRENTLY assets_scope_status_idx ON assets (scope_type, scope_id, status, created_at, asset_id);
DROP INDEX CONCURRENTLY IF EXISTS assets_scope_role_idx;
CREATE INDEX CONCURRENTLY assets_scope_role_idx ON assets (scope_type, scope_id, role, created_at, asset_id);

-- The lists of plans in one status and of one priority, by deadline and by priority.
DROP INDEX CONCURRENTLY IF EXISTS plans_status_deadline_idx;
CREATE INDEX CONCURRENTLY plans_status_deadline_idx ON plans (status, deadline, plan_id) WHERE deadline IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS plans_status_urgency_idx;
CREATE INDEX CONCURRENTLY plans_status_urgency_idx ON plans (status, urgency, created_at, plan_id);
DROP INDEX CONCURRENTLY IF EXISTS plans_priority_deadline_idx;
CREATE INDEX CONCURRENTLY plans_priority_deadline_idx ON plans (priority, deadline, plan_id) WHERE deadline IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS plans_priority_urgency_idx;
CREATE INDEX CONCURRENTLY plans_priority_urgency_idx ON plans (priority, urgency, created_at, plan_id);
-- The same of plans that phones keep.
DROP INDEX CONCURRENTLY IF EXISTS plans_mobile_sync_deadline_idx;
CREATE INDEX CONCURRENTLY plans_mobile_sync_deadline_idx ON plans (deadline, plan_id)
    WHERE mobile_sync_enabled AND deadline IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS plans_mobile_sync_urgency_idx;
CREATE INDEX CONCURRENTLY plans_mobile_sync_urgency_idx ON plans (urgency, created_at, plan_id) WHERE mobile_sync_enabled;
