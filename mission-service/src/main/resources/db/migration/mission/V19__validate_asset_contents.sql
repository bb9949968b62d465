-- Makes sure of what was said of the contents of assets before there were streamed ones.
-- Cost: reads the assets table once.
-- Locks: none that readers or writers wait for.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '30min';

ALTER TABLE assets VALIDATE CONSTRAINT assets_content_check;
ALTER TABLE assets VALIDATE CONSTRAINT assets_content_info_check;
