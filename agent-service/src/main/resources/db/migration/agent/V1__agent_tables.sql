-- The tables of agent-service: workers, queues, work orders, claims, executions and their logs.
-- Cost: milliseconds; everything is new and empty.
-- Locks: none that anybody else could wait for.
-- If it stops: it has left nothing behind; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- Processes that claim work. A claim and its end write here too (held_claims), hence the room for updates in place and
-- no index on what such a write changes.
CREATE TABLE workers (
    worker_id            uuid        NOT NULL,
    name                 text        NOT NULL,
    worker_type          text        NOT NULL,
    software_version     text        NOT NULL,
    max_concurrent_tasks integer     NOT NULL,
    lease_duration_ms    bigint      NOT NULL,
    context_window_size  bigint      NOT NULL,
    config               jsonb       NOT NULL,
    held_claims          integer     NOT NULL DEFAULT 0,
    last_heartbeat_at    timestamptz NOT NULL,
    offline_at           timestamptz,
    deregistered_at      timestamptz,
    status               text        NOT NULL GENERATED ALWAYS AS (
        CASE WHEN offline_at IS NOT NULL THEN 'OFFLINE' WHEN held_claims > 0 THEN 'BUSY' ELSE 'IDLE' END) STORED,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    version              bigint      NOT NULL DEFAULT 1,
    CONSTRAINT workers_pkey PRIMARY KEY (worker_id),
    CONSTRAINT workers_name_check CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT workers_worker_type_check
        CHECK (worker_type IN ('FEATURE', 'BUGFIX', 'TEST', 'DOCS', 'REFACTOR', 'REVIEW')),
    CONSTRAINT workers_status_check CHECK (status IN ('IDLE', 'BUSY', 'OFFLINE')),
    CONSTRAINT workers_max_concurrent_tasks_check CHECK (max_concurrent_tasks BETWEEN 1 AND 1000),
    CONSTRAINT workers_held_claims_check CHECK (held_claims >= 0),
    CONSTRAINT workers_deregistered_check CHECK (deregistered_at IS NULL OR offline_at IS NOT NULL)
) WITH (fillfactor = 50);
-- Serves the search for silent workers and the lists of workers that are there; offline ones pile up beside it.
CREATE INDEX workers_online_idx ON workers (worker_id) WHERE offline_at IS NULL;
CREATE INDEX workers_type_idx ON workers (worker_type, worker_id);

-- Lines of orders. The id names the queue in the change log.
CREATE TABLE queues (
    queue_name         text             NOT NULL,
    queue_id           uuid             NOT NULL,
    description        text             NOT NULL,
    paused             boolean          NOT NULL DEFAULT false,
    default_timeout_ms bigint           NOT NULL,
    max_retries        integer          NOT NULL,
    initial_backoff_ms bigint           NOT NULL,
    max_backoff_ms     bigint           NOT NULL,
    backoff_multiplier double precision NOT NULL,
    created_at         timestamptz      NOT NULL,
    updated_at         timestamptz      NOT NULL,
    version            bigint           NOT NULL DEFAULT 1,
    CONSTRAINT queues_pkey PRIMARY KEY (queue_name),
    CONSTRAINT queues_queue_id_key UNIQUE (queue_id),
    CONSTRAINT queues_queue_name_check CHECK (queue_name ~ '^[a-z0-9][a-z0-9._-]{0,49}$'),
    CONSTRAINT queues_default_timeout_check CHECK (default_timeout_ms BETWEEN 1000 AND 86400000),
    CONSTRAINT queues_max_retries_check CHECK (max_retries BETWEEN 0 AND 100)
);

-- What an order asks for: written once. Has no foreign key to queues, which would lock the one row of a queue with
-- every order; queues are not deleted, and made in the transaction of their first order.
CREATE TABLE work_orders (
    work_order_id      uuid             NOT NULL,
    queue_name         text             NOT NULL,
    tool_step_id       uuid,
    priority           smallint         NOT NULL,
    payload            jsonb            NOT NULL,
    max_retries        integer          NOT NULL,
    initial_backoff_ms bigint           NOT NULL,
    max_backoff_ms     bigint           NOT NULL,
    backoff_multiplier double precision NOT NULL,
    timeout_ms         bigint           NOT NULL,
    dedupe_key         text,
    content_hash       bytea            NOT NULL,
    enqueued_at        timestamptz      NOT NULL,
    expires_at         timestamptz,
    CONSTRAINT work_orders_pkey PRIMARY KEY (work_order_id),
    CONSTRAINT work_orders_priority_check CHECK (priority BETWEEN 1 AND 5),
    CONSTRAINT work_orders_max_retries_check CHECK (max_retries BETWEEN 0 AND 100),
    CONSTRAINT work_orders_timeout_check CHECK (timeout_ms BETWEEN 1000 AND 86400000),
    CONSTRAINT work_orders_dedupe_key_check CHECK (length(dedupe_key) BETWEEN 1 AND 255)
);
CREATE UNIQUE INDEX work_orders_dedupe_key ON work_orders (queue_name, dedupe_key) WHERE dedupe_key IS NOT NULL;
CREATE INDEX work_orders_queue_idx ON work_orders (queue_name, work_order_id);
CREATE INDEX work_orders_tool_step_idx ON work_orders (tool_step_id, work_order_id) WHERE tool_step_id IS NOT NULL;

-- Where an order stands: narrow, because each claim, heartbeat and end writes it anew. Heartbeats touch no index.
CREATE TABLE work_order_states (
    work_order_id    uuid        NOT NULL,
    queue_name       text        NOT NULL,
    priority         smallint    NOT NULL,
    status           text        NOT NULL,
    run_at           timestamptz NOT NULL,
    expires_at       timestamptz,
    retry_count      integer     NOT NULL DEFAULT 0,
    worker_id        uuid,
    execution_id     uuid,
    claim_hash       bytea,
    claimed_at       timestamptz,
    attempt_ends_at  timestamptz,
    lease_expires_at timestamptz,
    cancel_requested boolean     NOT NULL DEFAULT false,
    completed_at     timestamptz,
    updated_at       timestamptz NOT NULL,
    version          bigint      NOT NULL DEFAULT 1,
    CONSTRAINT work_order_states_pkey PRIMARY KEY (work_order_id),
    CONSTRAINT work_order_states_work_order_fkey FOREIGN KEY (work_order_id) REFERENCES work_orders,
    CONSTRAINT work_order_states_status_check
        CHECK (status IN ('PENDING', 'CLAIMED', 'COMPLETED', 'FAILED', 'EXPIRED', 'CANCELLED')),
    CONSTRAINT work_order_states_priority_check CHECK (priority BETWEEN 1 AND 5),
    CONSTRAINT work_order_states_retry_count_check CHECK (retry_count >= 0),
    CONSTRAINT work_order_states_claim_check CHECK (
        status <> 'CLAIMED'
        OR (worker_id IS NOT NULL AND execution_id IS NOT NULL AND claim_hash IS NOT NULL AND claimed_at IS NOT NULL
            AND lease_expires_at <= attempt_ends_at)),
    -- So that a lease that runs says by itself that the order is claimed.
    CONSTRAINT work_order_states_lease_check CHECK ((status = 'CLAIMED') = (lease_expires_at IS NOT NULL)),
    CONSTRAINT work_order_states_completed_check CHECK ((status IN ('PENDING', 'CLAIMED')) = (completed_at IS NULL))
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.02,
    autovacuum_analyze_threshold = 1000
);
-- Serves claims, in exactly their order.
CREATE INDEX work_order_states_claim_idx ON work_order_states (queue_name, priority, run_at, work_order_id)
    WHERE status = 'PENDING';
-- Serves the end of leases, and the claims of a worker. Small: as many entries as there are claims.
CREATE INDEX work_order_states_claimed_idx ON work_order_states (worker_id) WHERE status = 'CLAIMED';
-- Serves the expiry of orders that nobody claims.
CREATE INDEX work_order_states_expiry_idx ON work_order_states (expires_at)
    WHERE status = 'PENDING' AND expires_at IS NOT NULL;
-- Serves lists by status.
CREATE INDEX work_order_states_status_idx ON work_order_states (status, work_order_id);

-- What an order has come to. A row appears with the first result or failure.
CREATE TABLE work_order_results (
    work_order_id uuid NOT NULL,
    result        jsonb,
    error_message text NOT NULL,
    CONSTRAINT work_order_results_pkey PRIMARY KEY (work_order_id),
    CONSTRAINT work_order_results_work_order_fkey FOREIGN KEY (work_order_id) REFERENCES work_orders
);

-- Attempts: one per claim.
CREATE TABLE executions (
    execution_id  uuid        NOT NULL,
    work_order_id uuid        NOT NULL,
    worker_id     uuid        NOT NULL,
    status        text        NOT NULL,
    attempt       integer     NOT NULL,
    claim_hash    bytea       NOT NULL,
    given_back    boolean     NOT NULL DEFAULT false,
    exit_code     integer,
    stdout        text        NOT NULL DEFAULT '',
    stderr        text        NOT NULL DEFAULT '',
    metrics       jsonb,
    error_message text        NOT NULL DEFAULT '',
    started_at    timestamptz NOT NULL,
    completed_at  timestamptz,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT executions_pkey PRIMARY KEY (execution_id),
    CONSTRAINT executions_work_order_fkey FOREIGN KEY (work_order_id) REFERENCES work_orders,
    CONSTRAINT executions_worker_fkey FOREIGN KEY (worker_id) REFERENCES workers,
    CONSTRAINT executions_status_check CHECK (status IN ('RUNNING', 'COMPLETED', 'FAILED', 'TIMEOUT', 'CANCELLED')),
    CONSTRAINT executions_attempt_check CHECK (attempt >= 1),
    CONSTRAINT executions_completed_check CHECK ((status = 'RUNNING') = (completed_at IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX executions_work_order_idx ON executions (work_order_id, execution_id);
CREATE INDEX executions_worker_idx ON executions (worker_id, execution_id);
CREATE INDEX executions_status_idx ON executions (status, execution_id);

-- Who holds, or held, which order. What is given back untouched leaves no row: it did not count.
CREATE TABLE worker_assignments (
    assignment_id uuid        NOT NULL,
    worker_id     uuid        NOT NULL,
    work_order_id uuid        NOT NULL,
    attempt       integer     NOT NULL,
    status        text        NOT NULL,
    assigned_at   timestamptz NOT NULL,
    completed_at  timestamptz,
    CONSTRAINT worker_assignments_pkey PRIMARY KEY (assignment_id),
    CONSTRAINT worker_assignments_attempt_key UNIQUE (worker_id, work_order_id, attempt),
    CONSTRAINT worker_assignments_worker_fkey FOREIGN KEY (worker_id) REFERENCES workers,
    CONSTRAINT worker_assignments_work_order_fkey FOREIGN KEY (work_order_id) REFERENCES work_orders,
    CONSTRAINT worker_assignments_status_check
        CHECK (status IN ('ACTIVE', 'COMPLETED', 'FAILED', 'TIMEOUT', 'CANCELLED')),
    CONSTRAINT worker_assignments_completed_check CHECK ((status = 'ACTIVE') = (completed_at IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX worker_assignments_work_order_idx ON worker_assignments (work_order_id);
CREATE INDEX worker_assignments_status_idx ON worker_assignments (status);

-- What workers wrote. An execution's id begins with the time of its claim (UUIDv7), so a range of ids is a range of
-- days, all lines of an execution lie in one partition, and the key keeps each line from being stored twice. Has no
-- foreign key: a line is stored by a statement that has found its execution and holds the claim.
CREATE TABLE execution_logs (
    execution_id uuid        NOT NULL,
    sequence     bigint      NOT NULL,
    level        text        NOT NULL,
    message      text        NOT NULL,
    metadata     jsonb,
    logged_at    timestamptz NOT NULL,
    CONSTRAINT execution_logs_pkey PRIMARY KEY (execution_id, sequence),
    CONSTRAINT execution_logs_level_check CHECK (level IN ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')),
    CONSTRAINT execution_logs_sequence_check CHECK (sequence >= 1)
) PARTITION BY RANGE (execution_id);

-- Makes the log partitions of some days, where they are missing, and drops those of the days before others. The
-- server's role may change no table, hence with the rights of the owner. A partition is attached rather than created
-- in place, and whoever waits for a lock for long gives up: nobody who writes lines is kept waiting, and the next run
-- makes good what this one left.
CREATE FUNCTION keep_log_partitions(first_day date, last_day date, keep_from date) RETURNS integer
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '2s'
AS $body$
DECLARE
    day       date;
    partition text;
    dropped   integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('keep_log_partitions', 0));
    FOR day IN SELECT first_day + n FROM generate_series(0, last_day - first_day) AS n LOOP
        partition := 'execution_logs_' || to_char(day, 'YYYYMMDD');
        IF to_regclass('public.' || partition) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE public.%I (LIKE public.execution_logs INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                partition);
            EXECUTE format(
                'ALTER TABLE public.execution_logs ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                partition,
                public.first_id_of_day(day),
                public.first_id_of_day(day + 1));
        END IF;
    END LOOP;
    FOR partition IN
        SELECT c.relname
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.execution_logs'::regclass
          AND c.relname < 'execution_logs_' || to_char(keep_from, 'YYYYMMDD')
    LOOP
        EXECUTE format('DROP TABLE public.%I', partition);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$body$;

-- The least UUIDv7 of a day (UTC).
CREATE FUNCTION first_id_of_day(day date) RETURNS uuid
    LANGUAGE sql
    IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $body$
    SELECT (lpad(to_hex((day - date '1970-01-01')::bigint * 86400000), 12, '0') || '00000000000000000000')::uuid
$body$;

REVOKE EXECUTE ON FUNCTION keep_log_partitions(date, date, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keep_log_partitions(date, date, date) TO ${runtimeRole};
