-- What must hold before a mission is complete.
-- Cost: milliseconds, whatever the size of the database: a new table only.
-- Locks: of missions and users, for the moment in which the foreign keys to them are made.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- The items of a mission's definition of done.
CREATE TABLE dod_items (
    dod_item_id  uuid        NOT NULL,
    mission_id   uuid        NOT NULL,
    text         text        NOT NULL,
    category     text        NOT NULL,
    completed    boolean     NOT NULL DEFAULT false,
    -- {"type": …, "id": …}: what shows that the item holds. No foreign key: it stays named for the record.
    evidence     jsonb,
    -- Null when open, and when the user has been deleted since.
    completed_by uuid,
    completed_at timestamptz,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    version      bigint      NOT NULL DEFAULT 1,
    CONSTRAINT dod_items_pkey PRIMARY KEY (dod_item_id),
    CONSTRAINT dod_items_mission_fkey FOREIGN KEY (mission_id) REFERENCES missions (mission_id) ON DELETE CASCADE,
    CONSTRAINT dod_items_completed_by_fkey
        FOREIGN KEY (completed_by) REFERENCES users (user_id) ON DELETE SET NULL,
    CONSTRAINT dod_items_text_check CHECK (length(text) BETWEEN 1 AND 4096),
    CONSTRAINT dod_items_category_check CHECK (category IN ('FUNCTIONAL', 'NON_FUNCTIONAL', 'TESTS')),
    CONSTRAINT dod_items_completed_at_check CHECK (completed = (completed_at IS NOT NULL)),
    CONSTRAINT dod_items_completed_by_check CHECK (completed OR completed_by IS NULL),
    CONSTRAINT dod_items_evidence_check
        CHECK (evidence IS NULL OR (completed AND jsonb_typeof(evidence) = 'object')),
    CONSTRAINT dod_items_version_check CHECK (version > 0)
);
-- Serves the list of a mission's items and the foreign key.
CREATE INDEX dod_items_mission_idx ON dod_items (mission_id, created_at, dod_item_id);
-- Serves the foreign key.
CREATE INDEX dod_items_completed_by_idx ON dod_items (completed_by);
