-- Deadlines of orders, and types of errors, of which some are not tried again. Servers of the release before know nothing
-- of them: use them when all are updated.
-- Cost: milliseconds, whatever the size of the tables.
-- Locks: queues, work_orders, work_order_states and executions, exclusively, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds the tables for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

ALTER TABLE queues ADD COLUMN non_retryable_error_types text[] NOT NULL DEFAULT '{}';
ALTER TABLE work_orders
    ADD COLUMN deadline_at timestamptz,
    ADD COLUMN non_retryable_error_types text[] NOT NULL DEFAULT '{}';
-- Of the last failed attempt. NULL when none has failed, or had no type.
ALTER TABLE work_order_states ADD COLUMN error_type text;
COMMENT ON COLUMN work_order_states.expires_at
    IS 'until when it may be claimed: up to its expiry or its deadline, whichever is earlier; the deadline alone once an attempt has failed';
ALTER TABLE executions ADD COLUMN error_type text NOT NULL DEFAULT '';
