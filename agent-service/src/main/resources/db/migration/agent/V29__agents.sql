-- Agents: the identities as which workers work, and what has come of their attempts.
-- Cost: milliseconds, whatever the size of the tables: the new ones are empty, and the new column of workers is, too.
-- Locks: workers, exclusively, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds workers for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- status is what heartbeats say. That an agent is BUSY with the claims of its workers, and the task that it is at, are
-- looked up with those: nothing of an agent is written when its workers claim. success_rate and average_response_time
-- (in milliseconds) follow from what they are calculated from, so neither can contradict it.
CREATE TABLE agents (
    agent_id              uuid        NOT NULL,
    name                  text        COLLATE "C" NOT NULL,
    type                  text        NOT NULL,
    status                text        NOT NULL DEFAULT 'OFFLINE',
    capabilities          jsonb       NOT NULL DEFAULT '[]',
    configuration         jsonb       NOT NULL DEFAULT '{}',
    mobile_capable        boolean     NOT NULL DEFAULT false,
    device_affinity       text        NOT NULL DEFAULT '',
    location_enabled      boolean     NOT NULL DEFAULT false,
    battery_aware         boolean     NOT NULL DEFAULT false,
    total_tasks_completed bigint      NOT NULL DEFAULT 0,
    failed_executions     bigint      NOT NULL DEFAULT 0,
    timed_out_executions  bigint      NOT NULL DEFAULT 0,
    response_time_us      bigint      NOT NULL DEFAULT 0,
    success_rate          numeric(5, 4) NOT NULL GENERATED ALWAYS AS (
        CASE WHEN total_tasks_completed = 0 THEN 0
             ELSE round(total_tasks_completed::numeric
                        / (total_tasks_completed + failed_executions + timed_out_executions), 4) END) STORED,
    average_response_time numeric(11, 3) GENERATED ALWAYS AS (
        CASE WHEN total_tasks_completed + failed_executions > 0
             THEN round(response_time_us / 1000.0 / (total_tasks_completed + failed_executions), 3) END) STORED,
    last_heartbeat_at     timestamptz,
    ip_address            inet,
    host_name             text        NOT NULL DEFAULT '',
    deactivated_at        timestamptz,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    version               bigint      NOT NULL DEFAULT 1,
    CONSTRAINT agents_pkey PRIMARY KEY (agent_id),
    CONSTRAINT agents_name_key UNIQUE (name),
    CONSTRAINT agents_name_check CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT agents_type_check
        CHECK (type IN ('CODEGEN', 'TESTING', 'DOCUMENTATION', 'ARCHON', 'MOBILE_CONTROLLER')),
    CONSTRAINT agents_status_check CHECK (status IN ('OFFLINE', 'ONLINE', 'BUSY', 'MAINTENANCE')),
    CONSTRAINT agents_capabilities_check CHECK (jsonb_typeof(capabilities) = 'array'),
    CONSTRAINT agents_configuration_check CHECK (jsonb_typeof(configuration) = 'object'),
    CONSTRAINT agents_device_affinity_check CHECK (length(device_affinity) <= 255),
    CONSTRAINT agents_host_name_check CHECK (length(host_name) <= 255),
    CONSTRAINT agents_executions_check CHECK (
        total_tasks_completed >= 0 AND failed_executions >= 0 AND timed_out_executions >= 0
        AND response_time_us >= 0),
    CONSTRAINT agents_success_rate_check CHECK (success_rate BETWEEN 0 AND 1),
    CONSTRAINT agents_deactivated_check CHECK (deactivated_at IS NULL OR status = 'OFFLINE')
) WITH (fillfactor = 50); -- heartbeats and figures are written in place
CREATE INDEX agents_status_idx ON agents (status, agent_id);
CREATE INDEX agents_type_idx ON agents (type, agent_id);
CREATE INDEX agents_mobile_capable_idx ON agents (agent_id) WHERE mobile_capable;
CREATE INDEX agents_capabilities_idx ON agents USING gin (capabilities jsonb_path_ops);

-- What has come of attempts, by agent and day of their claims, and is not yet added to those: written in the transaction
-- that ends the attempts, one row for all that an agent's workers end in it, named by one of them. Nobody waits for
-- anybody: the rows of agents, which many would want at once, are written by one job.
CREATE TABLE agent_figures (
    agent_id             uuid   NOT NULL,
    execution_id         uuid   NOT NULL,
    day                  date   NOT NULL,
    completed_executions bigint NOT NULL,
    failed_executions    bigint NOT NULL,
    timed_out_executions bigint NOT NULL,
    response_time_us     bigint NOT NULL,
    CONSTRAINT agent_figures_pkey PRIMARY KEY (agent_id, execution_id)
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);

-- The same, added up. A day can be counted anew, also when the executions of others are no longer there.
CREATE TABLE agent_days (
    agent_id             uuid   NOT NULL,
    day                  date   NOT NULL,
    completed_executions bigint NOT NULL,
    failed_executions    bigint NOT NULL,
    timed_out_executions bigint NOT NULL,
    response_time_us     bigint NOT NULL,
    CONSTRAINT agent_days_pkey PRIMARY KEY (agent_id, day),
    CONSTRAINT agent_days_agent_fkey FOREIGN KEY (agent_id) REFERENCES agents ON DELETE CASCADE
) WITH (fillfactor = 50);

-- Which days have been counted anew, and for how many agents that made a difference.
CREATE TABLE agent_recounts (
    day          date        NOT NULL,
    mended       integer     NOT NULL,
    recounted_at timestamptz NOT NULL,
    CONSTRAINT agent_recounts_pkey PRIMARY KEY (day)
);

ALTER TABLE workers ADD COLUMN agent_id uuid;
ALTER TABLE workers ADD CONSTRAINT workers_agent_fkey FOREIGN KEY (agent_id) REFERENCES agents NOT VALID;
