-- What has become of the records of older systems.
-- Cost: milliseconds, whatever the size of the database: a new table only.
-- Locks: none that anybody waits for.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- A row outlives what the record became, so that importing it again does not bring back what was deleted: hence no
-- foreign key.
CREATE TABLE imported_records (
    -- Which system the id is of.
    source        text        NOT NULL,
    source_table  text        NOT NULL,
    source_id     text        NOT NULL,
    resource_type text        NOT NULL,
    resource_id   uuid        NOT NULL,
    -- SHA-256 of the record. Null while it is only referred to and still awaited.
    content_hash  bytea,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT imported_records_pkey PRIMARY KEY (source, source_table, source_id),
    CONSTRAINT imported_records_source_check CHECK (length(source) BETWEEN 1 AND 100),
    CONSTRAINT imported_records_source_table_check CHECK (length(source_table) BETWEEN 1 AND 50),
    CONSTRAINT imported_records_source_id_check CHECK (length(source_id) BETWEEN 1 AND 255),
    CONSTRAINT imported_records_resource_type_check CHECK (
        resource_type IN ('user', 'mission', 'hop', 'tool_step', 'asset', 'dod_item', 'test_run', 'task', 'task_dependency')
    ),
    CONSTRAINT imported_records_content_hash_check CHECK (octet_length(content_hash) = 32)
);
