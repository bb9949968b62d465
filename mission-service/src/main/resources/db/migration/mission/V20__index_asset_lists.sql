-- An index for each way to list assets by creation: those by status, role and type go on from the ones there were.
-- Cost: reads the assets table some eight times; minutes for millions of rows. Lists by scope are not slowed.
-- Locks: none that readers or writers wait for.
-- If it stops: run it again; it makes each index anew.
SET lock_timeout = '5s';

DROP INDEX CONCURRENTLY IF EXISTS assets_status_idx;
CREATE INDEX CONCURRENTLY assets_status_idx ON assets (status, created_at, asset_id);
DROP INDEX CONCURRENTLY IF EXISTS assets_role_idx;
CREATE INDEX CONCURRENTLY assets_role_idx ON assets (role, created_at, asset_id);
DROP INDEX CONCURRENTLY IF EXISTS assets_type_idx;
CREATE INDEX CONCURRENTLY assets_type_idx ON assets (type, created_at, asset_id);
DROP INDEX CONCURRENTLY IF EXISTS assets_subtype_idx;
CREATE INDEX CONCURRENTLY assets_subtype_idx ON assets (subtype, created_at, asset_id);
DROP INDEX CONCURRENTLY IF EXISTS assets_user_idx;
CREATE INDEX CONCURRENTLY assets_user_idx ON assets (user_id, created_at, asset_id);
DROP INDEX CONCURRENTLY IF EXISTS assets_created_idx;
CREATE INDEX CONCURRENTLY assets_created_idx ON assets (created_at, asset_id);
DROP INDEX CONCURRENTLY IF EXISTS assets_tags_idx;
CREATE INDEX CONCURRENTLY assets_tags_idx ON assets USING gin ((asset_metadata -> 'tags') jsonb_path_ops);
DROP INDEX CONCURRENTLY IF EXISTS assets_name_idx;
CREATE INDEX CONCURRENTLY assets_name_idx ON assets (name text_pattern_ops);
