-- What hops do step by step, the orders that go from here to agent-service, and how far its feed has been read.
--
-- Cost: milliseconds; new tables only.
-- Locks: of hops, for the moment in which the foreign key to it is made.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- One use of a tool within a hop.
CREATE TABLE tool_steps (
    tool_step_id      uuid        NOT NULL,
    hop_id            uuid        NOT NULL,
    -- May name a tool that is not there yet, hence no foreign key.
    tool_id           text        NOT NULL,
    name              text        NOT NULL,
    description       text        NOT NULL DEFAULT '',
    status            text        NOT NULL,
    sequence_order    integer     NOT NULL,
    -- {parameter: {"type": "asset_field", "asset_id": …} | {"type": "literal_value", "value": …}
    --           | {"type": "config_value", "config_key": …}}
    parameter_mapping jsonb       NOT NULL DEFAULT '{}',
    -- {result field: {"type": "asset_field", "asset_id": …} | {"type": "ignore"}}
    result_mapping    jsonb       NOT NULL DEFAULT '{}',
    resource_configs  jsonb       NOT NULL DEFAULT '{}',
    -- [{"field": …, "message": …}]; not empty means that the step cannot be executed.
    validation_errors jsonb       NOT NULL DEFAULT '[]',
    execution_result  jsonb,
    error_message     text        NOT NULL DEFAULT '',
    -- How often the step has been executed.
    attempt           integer     NOT NULL DEFAULT 0,
    -- The order of the current attempt in agent-service, once that is known.
    work_order_id     uuid,
    -- Which run the step's failure stopped, so that a retry takes it up again.
    stopped_run       text        NOT NULL DEFAULT 'NONE',
    started_at        timestamptz,
    completed_at      timestamptz,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    version           bigint      NOT NULL DEFAULT 1,
    CONSTRAINT tool_steps_pkey PRIMARY KEY (tool_step_id),
    CONSTRAINT tool_steps_hop_fkey FOREIGN KEY (hop_id) REFERENCES hops (hop_id) ON DELETE CASCADE,
    -- Serves the list of a hop's steps too. Checked at the end of a statement, so that one can move many steps on.
    CONSTRAINT tool_steps_hop_order_key UNIQUE (hop_id, sequence_order) DEFERRABLE INITIALLY IMMEDIATE,
    CONSTRAINT tool_steps_tool_id_check CHECK (length(tool_id) BETWEEN 1 AND 255),
    CONSTRAINT tool_steps_name_check CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT tool_steps_description_check CHECK (length(description) <= 65536),
    CONSTRAINT tool_steps_status_check CHECK (status IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    CONSTRAINT tool_steps_sequence_order_check CHECK (sequence_order BETWEEN 0 AND 999),
    CONSTRAINT tool_steps_parameter_mapping_check CHECK (jsonb_typeof(parameter_mapping) = 'object'),
    CONSTRAINT tool_steps_result_mapping_check CHECK (jsonb_typeof(result_mapping) = 'object'),
    CONSTRAINT tool_steps_resource_configs_check CHECK (jsonb_typeof(resource_configs) = 'object'),
    CONSTRAINT tool_steps_validation_errors_check CHECK (jsonb_typeof(validation_errors) = 'array'),
    CONSTRAINT tool_steps_execution_result_check CHECK (jsonb_typeof(execution_result) = 'object'),
    CONSTRAINT tool_steps_attempt_check CHECK (attempt >= 0),
    CONSTRAINT tool_steps_stopped_run_check CHECK (stopped_run IN ('NONE', 'HOP', 'MISSION')),
    CONSTRAINT tool_steps_started_check CHECK (status <> 'RUNNING' OR (started_at IS NOT NULL AND attempt > 0)),
    CONSTRAINT tool_steps_completed_check
        CHECK ((completed_at IS NOT NULL) = (status IN ('COMPLETED', 'FAILED', 'CANCELLED'))),
    CONSTRAINT tool_steps_version_check CHECK (version > 0)
);
-- Serves the list of a hop's steps in one status.
CREATE INDEX tool_steps_hop_status_idx ON tool_steps (hop_id, status, sequence_order);
-- Serves the reconciliation, which looks at every running step.
CREATE INDEX tool_steps_status_idx ON tool_steps (status, tool_step_id);
-- Serves the question whether a tool is in use.
CREATE INDEX tool_steps_tool_idx ON tool_steps (tool_id, status);
-- No order executes two steps.
CREATE UNIQUE INDEX tool_steps_work_order_key ON tool_steps (work_order_id) WHERE work_order_id IS NOT NULL;

-- What is still to be told to agent-service: written with the change that asks for it, deleted when it has been said.
-- A row outlives its step on purpose: the order of a deleted step is cancelled all the same.
CREATE TABLE outbox (
    outbox_id     uuid        NOT NULL,
    kind          text        NOT NULL,
    tool_step_id  uuid        NOT NULL,
    attempt       integer     NOT NULL,
    -- Which order to cancel. Null when it may not have been placed yet: then it is looked up by placing it again.
    work_order_id uuid,
    -- The order to place. Null for the cancellation of an order whose id is known.
    work_order    jsonb,
    reason        text        NOT NULL DEFAULT '',
    -- How often it has been sent, or begun to be.
    sends         integer     NOT NULL DEFAULT 0,
    -- When it may be sent (again). Whoever sends it moves this on first, so that nobody else does meanwhile.
    due_at        timestamptz NOT NULL,
    last_error    text        NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (outbox_id),
    CONSTRAINT outbox_step_attempt_key UNIQUE (tool_step_id, attempt, kind),
    CONSTRAINT outbox_kind_check CHECK (kind IN ('ENQUEUE', 'CANCEL')),
    CONSTRAINT outbox_content_check CHECK (work_order IS NOT NULL OR (kind = 'CANCEL' AND work_order_id IS NOT NULL)),
    CONSTRAINT outbox_sends_check CHECK (sends >= 0)
);
-- Serves the dispatcher.
CREATE INDEX outbox_due_idx ON outbox (due_at, outbox_id);

-- How far the feeds of other services have been dealt with. Moved on in the transaction of what is dealt with.
CREATE TABLE feed_cursors (
    feed       text        NOT NULL,
    cursor     text        NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT feed_cursors_pkey PRIMARY KEY (feed),
    CONSTRAINT feed_cursors_cursor_check CHECK (length(cursor) BETWEEN 1 AND 256)
);
