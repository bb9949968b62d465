-- Context documents and their versions.
-- Cost: new tables only, a few milliseconds.
-- Locks: none that anybody else waits for.
-- If it stops: nothing of it stays; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- A document as it is now.
CREATE TABLE context_documents (
    id             uuid        NOT NULL,
    title          text        NOT NULL,
    document_type  text        NOT NULL,
    content        text        NOT NULL,
    repository_url text,
    tags           text[]      NOT NULL DEFAULT '{}',
    metadata       jsonb       NOT NULL DEFAULT '{}',
    -- A user of mission-service. NULL when that user is gone.
    created_by     uuid,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    -- When it was hidden. NULL while it is not.
    deleted_at     timestamptz,
    -- The number of its versions so far.
    version_number integer     NOT NULL DEFAULT 1,
    -- Grows with every change of the row, hiding and bringing back included.
    version        bigint      NOT NULL DEFAULT 1,
    CONSTRAINT context_documents_pkey PRIMARY KEY (id),
    CONSTRAINT context_documents_title_check CHECK (char_length(title) BETWEEN 1 AND 255),
    CONSTRAINT context_documents_document_type_check
        CHECK (document_type IN ('DESIGN', 'PLAN', 'SPECIFICATION', 'GUIDE', 'REFERENCE')),
    CONSTRAINT context_documents_content_check CHECK (char_length(content) BETWEEN 1 AND 1048576),
    CONSTRAINT context_documents_repository_url_check CHECK (char_length(repository_url) BETWEEN 1 AND 500),
    CONSTRAINT context_documents_tags_check CHECK (cardinality(tags) <= 50),
    CONSTRAINT context_documents_metadata_check CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT context_documents_version_number_check CHECK (version_number >= 1),
    CONSTRAINT context_documents_version_check CHECK (version >= version_number)
);
-- The order of lists, alone and under each filter.
CREATE INDEX context_documents_created_idx ON context_documents (created_at DESC, id DESC);
CREATE INDEX context_documents_type_idx ON context_documents (document_type, created_at DESC, id DESC);
CREATE INDEX context_documents_repository_idx ON context_documents (repository_url, created_at DESC, id DESC);
CREATE INDEX context_documents_tags_idx ON context_documents USING gin (tags);
-- Serves the removal of a user.
CREATE INDEX context_documents_created_by_idx ON context_documents (created_by);
-- Serves the purge.
CREATE INDEX context_documents_deleted_idx ON context_documents (deleted_at) WHERE deleted_at IS NOT NULL;

-- A document as it was from one change to the next; the newest version is what the document is now. Never changed.
CREATE TABLE context_document_versions (
    context_document_id uuid        NOT NULL,
    version_number      integer     NOT NULL,
    title               text        NOT NULL,
    document_type       text        NOT NULL,
    content             text        NOT NULL,
    repository_url      text,
    tags                text[]      NOT NULL,
    metadata            jsonb       NOT NULL,
    -- A user of mission-service. NULL when that user is gone.
    author_id           uuid,
    -- The version that this one brought back. NULL for any other change.
    restored_version    integer,
    created_at          timestamptz NOT NULL,
    CONSTRAINT context_document_versions_pkey PRIMARY KEY (context_document_id, version_number),
    CONSTRAINT context_document_versions_document_fkey
        FOREIGN KEY (context_document_id) REFERENCES context_documents (id) ON DELETE CASCADE,
    CONSTRAINT context_document_versions_document_type_check
        CHECK (document_type IN ('DESIGN', 'PLAN', 'SPECIFICATION', 'GUIDE', 'REFERENCE')),
    CONSTRAINT context_document_versions_version_number_check CHECK (version_number >= 1),
    CONSTRAINT context_document_versions_restored_version_check
        CHECK (restored_version BETWEEN 1 AND version_number - 1)
);
-- Serves the removal of a user.
CREATE INDEX context_document_versions_author_idx ON context_document_versions (author_id);
