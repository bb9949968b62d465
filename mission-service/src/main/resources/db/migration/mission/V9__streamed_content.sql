-- Content of assets that comes as a stream of bytes, in pieces.
-- Cost: milliseconds, whatever the size of the database: new tables, and columns of assets without values.
-- Locks: of assets, exclusively, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds the table for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

ALTER TABLE assets
    -- What the streamed content is: {size, sha256, media_type, file_name}. Null while there is none or it is inline.
    ADD COLUMN content_info jsonb,
    -- How often content has been written or taken away: what an upload compares.
    ADD COLUMN content_changes bigint NOT NULL DEFAULT 0;
-- Content is inline or streamed.
ALTER TABLE assets DROP CONSTRAINT assets_content_check;
ALTER TABLE assets
    ADD CONSTRAINT assets_content_check CHECK (
        (content IS NULL OR content_info IS NULL)
        AND CASE status
            WHEN 'READY' THEN content IS NOT NULL OR content_info IS NOT NULL
            WHEN 'PENDING' THEN content IS NULL AND content_info IS NULL
            ELSE true
        END
    ) NOT VALID;
ALTER TABLE assets
    ADD CONSTRAINT assets_content_info_check CHECK (jsonb_typeof(content_info) = 'object') NOT VALID;

-- The streamed contents of assets, and those that are on their way.
CREATE TABLE asset_contents (
    content_id uuid        NOT NULL,
    -- Null when nobody needs it any more: its pieces then go, some at a time, and it with the last ones.
    asset_id   uuid,
    status     text        NOT NULL DEFAULT 'UPLOADING',
    media_type text        NOT NULL,
    file_name  text        NOT NULL DEFAULT '',
    size       bigint,
    sha256     bytea,
    created_at timestamptz NOT NULL,
    -- While it is on its way: when the upload was last heard of.
    updated_at timestamptz NOT NULL,
    CONSTRAINT asset_contents_pkey PRIMARY KEY (content_id),
    -- The many pieces of a content are not for the transaction that deletes its asset.
    CONSTRAINT asset_contents_asset_fkey FOREIGN KEY (asset_id) REFERENCES assets (asset_id) ON DELETE SET NULL,
    CONSTRAINT asset_contents_status_check CHECK (status IN ('UPLOADING', 'COMPLETE')),
    CONSTRAINT asset_contents_complete_check
        CHECK ((size IS NOT NULL) = (status = 'COMPLETE') AND (sha256 IS NOT NULL) = (status = 'COMPLETE')),
    CONSTRAINT asset_contents_media_type_check CHECK (length(media_type) BETWEEN 1 AND 255),
    CONSTRAINT asset_contents_file_name_check CHECK (length(file_name) <= 255),
    CONSTRAINT asset_contents_size_check CHECK (size BETWEEN 0 AND 1073741824),
    CONSTRAINT asset_contents_sha256_check CHECK (length(sha256) = 32)
);
-- An asset has one content.
CREATE UNIQUE INDEX asset_contents_asset_key ON asset_contents (asset_id) WHERE status = 'COMPLETE';
-- Serves the foreign key.
CREATE INDEX asset_contents_asset_idx ON asset_contents (asset_id);
-- Serves the search for what nobody needs any more: contents without an asset, and uploads that are heard of no more.
CREATE INDEX asset_contents_unneeded_idx ON asset_contents (content_id) WHERE asset_id IS NULL;
CREATE INDEX asset_contents_uploading_idx ON asset_contents (updated_at) WHERE status = 'UPLOADING';

-- The pieces of contents: 256 KiB each, but for the last one.
CREATE TABLE asset_chunks (
    content_id uuid        NOT NULL,
    position   integer     NOT NULL,
    -- As it is: most of what is large is compressed already.
    data       bytea       STORAGE EXTERNAL NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT asset_chunks_pkey PRIMARY KEY (content_id, position),
    CONSTRAINT asset_chunks_content_fkey
        FOREIGN KEY (content_id) REFERENCES asset_contents (content_id) ON DELETE CASCADE,
    CONSTRAINT asset_chunks_position_check CHECK (position BETWEEN 0 AND 4095),
    CONSTRAINT asset_chunks_data_check CHECK (length(data) BETWEEN 1 AND 262144)
);
