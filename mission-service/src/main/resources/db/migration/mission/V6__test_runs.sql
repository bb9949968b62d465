-- The runs of a mission's tests, with their results and logs.
-- Cost: milliseconds, whatever the size of the database: new tables only.
-- Locks: of missions, for the moment in which the foreign key to it is made.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

CREATE TABLE test_runs (
    test_run_id     uuid        NOT NULL,
    mission_id      uuid        NOT NULL,
    status          text        NOT NULL DEFAULT 'RUNNING',
    -- [{"category", "passed", "failed", "skipped", "micros"}], by category: written once, when the run is finished.
    summary         jsonb,
    -- The categories of its results; how many results and pieces of log there are.
    categories      text[]      NOT NULL DEFAULT '{}',
    result_count    integer     NOT NULL DEFAULT 0,
    log_chunk_count integer     NOT NULL DEFAULT 0,
    finished_at     timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    version         bigint      NOT NULL DEFAULT 1,
    CONSTRAINT test_runs_pkey PRIMARY KEY (test_run_id),
    CONSTRAINT test_runs_mission_fkey FOREIGN KEY (mission_id) REFERENCES missions (mission_id) ON DELETE CASCADE,
    CONSTRAINT test_runs_status_check CHECK (status IN ('RUNNING', 'PASSED', 'FAILED')),
    CONSTRAINT test_runs_summary_check CHECK (jsonb_typeof(summary) = 'array'),
    CONSTRAINT test_runs_finished_check
        CHECK ((finished_at IS NOT NULL) = (status <> 'RUNNING') AND (summary IS NOT NULL) = (status <> 'RUNNING')),
    CONSTRAINT test_runs_categories_check CHECK (cardinality(categories) <= 100),
    CONSTRAINT test_runs_result_count_check CHECK (result_count BETWEEN 0 AND 50000),
    CONSTRAINT test_runs_log_chunk_count_check CHECK (log_chunk_count BETWEEN 0 AND 10000),
    CONSTRAINT test_runs_version_check CHECK (version > 0)
);
-- Serves the list of a mission's runs, newest first, and the foreign key.
CREATE INDEX test_runs_mission_idx ON test_runs (mission_id, created_at DESC, test_run_id DESC);

-- What came of each test. The key serves the list, and the foreign key.
CREATE TABLE test_results (
    test_run_id     uuid        NOT NULL,
    category        text        NOT NULL,
    name            text        NOT NULL,
    status          text        NOT NULL,
    duration_micros bigint      NOT NULL,
    error           text        NOT NULL DEFAULT '',
    traceback       text        NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT test_results_pkey PRIMARY KEY (test_run_id, category, name),
    CONSTRAINT test_results_run_fkey FOREIGN KEY (test_run_id) REFERENCES test_runs (test_run_id) ON DELETE CASCADE,
    CONSTRAINT test_results_category_check CHECK (length(category) BETWEEN 1 AND 50),
    CONSTRAINT test_results_name_check CHECK (length(name) BETWEEN 1 AND 512),
    CONSTRAINT test_results_status_check CHECK (status IN ('PASSED', 'FAILED', 'SKIPPED')),
    CONSTRAINT test_results_duration_check CHECK (duration_micros BETWEEN 0 AND 604800000000),
    CONSTRAINT test_results_error_check CHECK (length(error) <= 4096),
    CONSTRAINT test_results_traceback_check CHECK (length(traceback) <= 32768)
);
-- Serves the list of a run's results in one status.
CREATE INDEX test_results_status_idx ON test_results (test_run_id, status, category, name);

-- What the tests wrote, in pieces. The key serves the list, and the foreign key.
CREATE TABLE test_log_chunks (
    test_run_id uuid        NOT NULL,
    sequence    bigint      NOT NULL,
    text        text        NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    CONSTRAINT test_log_chunks_pkey PRIMARY KEY (test_run_id, sequence),
    CONSTRAINT test_log_chunks_run_fkey
        FOREIGN KEY (test_run_id) REFERENCES test_runs (test_run_id) ON DELETE CASCADE,
    CONSTRAINT test_log_chunks_sequence_check CHECK (sequence >= 1),
    CONSTRAINT test_log_chunks_text_check CHECK (length(text) BETWEEN 1 AND 65536)
);
