-- An index for each way to list missions, and for those lists of users, tools and test runs that had none.
-- Cost: reads missions some twelve times, the other tables once or twice; minutes for millions of rows.
-- Locks: none that readers or writers wait for.
-- If it stops: run it again; it makes each index anew.
SET lock_timeout = '5s';

-- Missions for a client, of a person, of a repository, newest first. Most missions name none.
DROP INDEX CONCURRENTLY IF EXISTS missions_client_idx;
CREATE INDEX CONCURRENTLY missions_client_idx ON missions (client, created_at DESC, mission_id DESC)
    WHERE client <> '';
DROP INDEX CONCURRENTLY IF EXISTS missions_assigned_to_idx;
CREATE INDEX CONCURRENTLY missions_assigned_to_idx ON missions (assigned_to, created_at DESC, mission_id DESC)
    WHERE assigned_to <> '';
DROP INDEX CONCURRENTLY IF EXISTS missions_github_url_idx;
CREATE INDEX CONCURRENTLY missions_github_url_idx ON missions (github_url, created_at DESC, mission_id DESC)
    WHERE github_url <> '';
-- The same lists and the others by deadline, those without one last.
DROP INDEX CONCURRENTLY IF EXISTS missions_deadline_idx;
CREATE INDEX CONCURRENTLY missions_deadline_idx ON missions
    (coalesce(deadline, '10000-01-01 00:00:00+00'::timestamptz), mission_id);
DROP INDEX CONCURRENTLY IF EXISTS missions_user_deadline_idx;
CREATE INDEX CONCURRENTLY missions_user_deadline_idx ON missions
    (user_id, coalesce(deadline, '10000-01-01 00:00:00+00'::timestamptz), mission_id);
DROP INDEX CONCURRENTLY IF EXISTS missions_status_deadline_idx;
CREATE INDEX CONCURRENTLY missions_status_deadline_idx ON missions
    (status, coalesce(deadline, '10000-01-01 00:00:00+00'::timestamptz), mission_id);
DROP INDEX CONCURRENTLY IF EXISTS missions_user_status_deadline_idx;
CREATE INDEX CONCURRENTLY missions_user_status_deadline_idx ON missions
    (user_id, status, coalesce(deadline, '10000-01-01 00:00:00+00'::timestamptz), mission_id);
DROP INDEX CONCURRENTLY IF EXISTS missions_client_deadline_idx;
CREATE INDEX CONCURRENTLY missions_client_deadline_idx ON missions
    (client, coalesce(deadline, '10000-01-01 00:00:00+00'::timestamptz), mission_id) WHERE client <> '';
DROP INDEX CONCURRENTLY IF EXISTS missions_assigned_to_deadline_idx;
CREATE INDEX CONCURRENTLY missions_assigned_to_deadline_idx ON missions
    (assigned_to, coalesce(deadline, '10000-01-01 00:00:00+00'::timestamptz), mission_id) WHERE assigned_to <> '';
DROP INDEX CONCURRENTLY IF EXISTS missions_github_url_deadline_idx;
CREATE INDEX CONCURRENTLY missions_github_url_deadline_idx ON missions
    (github_url, coalesce(deadline, '10000-01-01 00:00:00+00'::timestamptz), mission_id) WHERE github_url <> '';
-- Users by name.
DROP INDEX CONCURRENTLY IF EXISTS users_kind_idx;
CREATE INDEX CONCURRENTLY users_kind_idx ON users (kind, username);
DROP INDEX CONCURRENTLY IF EXISTS users_is_active_idx;
CREATE INDEX CONCURRENTLY users_is_active_idx ON users (is_active, username);
-- Tools of a queue by id.
DROP INDEX CONCURRENTLY IF EXISTS tools_queue_idx;
CREATE INDEX CONCURRENTLY tools_queue_idx ON tools (queue_name, tool_id);
-- A mission's test runs in one status, newest first.
DROP INDEX CONCURRENTLY IF EXISTS test_runs_mission_status_idx;
CREATE INDEX CONCURRENTLY test_runs_mission_status_idx ON test_runs
    (mission_id, status, created_at DESC, test_run_id DESC);
