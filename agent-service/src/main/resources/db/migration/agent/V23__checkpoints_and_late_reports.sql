-- Keeps how far work has got, and what workers handed in too late.
-- Cost: milliseconds, whatever the size of the tables.
-- Locks: work_orders and executions, against writes, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds the tables for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- How far an order's last attempt had got. Apart from where the order stands, for it may be large; written anew again and
-- again, and gone when the order is completed or cancelled.
CREATE TABLE work_order_checkpoints (
    work_order_id uuid        NOT NULL,
    checkpoint    jsonb       NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT work_order_checkpoints_pkey PRIMARY KEY (work_order_id),
    CONSTRAINT work_order_checkpoints_work_order_fkey FOREIGN KEY (work_order_id) REFERENCES work_orders
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_scale_factor = 0.02,
    toast.autovacuum_vacuum_threshold = 1000,
    toast.autovacuum_vacuum_cost_delay = 0
);

-- What came when the claim was no longer current: the last of an attempt. Goes with its execution.
CREATE TABLE late_reports (
    execution_id  uuid        NOT NULL,
    status        text        NOT NULL,
    result        jsonb,
    error_message text        NOT NULL,
    exit_code     integer,
    stdout        text        NOT NULL,
    stderr        text        NOT NULL,
    metrics       jsonb,
    reported_at   timestamptz NOT NULL,
    CONSTRAINT late_reports_pkey PRIMARY KEY (execution_id),
    CONSTRAINT late_reports_execution_fkey FOREIGN KEY (execution_id) REFERENCES executions ON DELETE CASCADE,
    CONSTRAINT late_reports_status_check CHECK (status IN ('COMPLETED', 'FAILED'))
);
