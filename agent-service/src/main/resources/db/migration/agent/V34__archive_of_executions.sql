-- Lets old executions be kept in files: what is written of them where, and what is still said of them here.
-- Cost: milliseconds; everything is new and empty.
-- Locks: none that anybody else could wait for.
-- If it stops: it has left nothing behind; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- A file is WRITING until its content is durable and its executions are gone from the tables: both are said in one
-- transaction. Whoever takes longer than was thought is no longer believed; its file is ABANDONED, and removed.
CREATE TABLE archive_files (
    file_id         uuid        NOT NULL,
    name            text        NOT NULL,
    status          text        NOT NULL,
    written_until   timestamptz NOT NULL,
    execution_count integer,
    size_bytes      bigint,
    sha256          bytea,
    created_at      timestamptz NOT NULL,
    stored_at       timestamptz,
    CONSTRAINT archive_files_pkey PRIMARY KEY (file_id),
    CONSTRAINT archive_files_name_key UNIQUE (name),
    CONSTRAINT archive_files_status_check CHECK (status IN ('WRITING', 'STORED', 'ABANDONED')),
    CONSTRAINT archive_files_stored_check CHECK (
        status <> 'STORED'
        OR (execution_count IS NOT NULL AND size_bytes IS NOT NULL AND sha256 IS NOT NULL AND stored_at IS NOT NULL))
);
-- One server writes at a time.
CREATE UNIQUE INDEX archive_files_writing_key ON archive_files (status) WHERE status = 'WRITING';
CREATE INDEX archive_files_abandoned_idx ON archive_files (file_id) WHERE status = 'ABANDONED';

-- What is said of executions whose rows are in a file, and where in it.
CREATE TABLE archived_executions (
    execution_id    uuid        NOT NULL,
    work_order_id   uuid        NOT NULL,
    worker_id       uuid        NOT NULL,
    status          text        NOT NULL,
    attempt         integer     NOT NULL,
    exit_code       integer,
    has_late_report boolean     NOT NULL,
    started_at      timestamptz NOT NULL,
    completed_at    timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    archived_at     timestamptz NOT NULL,
    file_id         uuid        NOT NULL,
    position        bigint      NOT NULL,
    length          integer     NOT NULL,
    CONSTRAINT archived_executions_pkey PRIMARY KEY (execution_id),
    CONSTRAINT archived_executions_work_order_fkey FOREIGN KEY (work_order_id) REFERENCES work_orders,
    CONSTRAINT archived_executions_worker_fkey FOREIGN KEY (worker_id) REFERENCES workers,
    CONSTRAINT archived_executions_file_fkey FOREIGN KEY (file_id) REFERENCES archive_files,
    CONSTRAINT archived_executions_status_check CHECK (status IN ('COMPLETED', 'FAILED', 'TIMEOUT', 'CANCELLED')),
    CONSTRAINT archived_executions_place_check CHECK (position >= 0 AND length > 0)
);
CREATE INDEX archived_executions_work_order_idx ON archived_executions (work_order_id, execution_id);
CREATE INDEX archived_executions_worker_idx ON archived_executions (worker_id, execution_id);
CREATE INDEX archived_executions_status_idx ON archived_executions (status, execution_id);
CREATE INDEX archived_executions_file_idx ON archived_executions (file_id, position);
