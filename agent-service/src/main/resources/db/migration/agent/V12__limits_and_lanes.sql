-- Limits of queues, keys and required capabilities of orders, and what workers can do. Servers of the release before
-- know nothing of them: use them when all are updated.
-- Cost: milliseconds, whatever the size of the tables.
-- Locks: queues, work_orders and work_order_states, exclusively, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds the tables for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- in_turn: its orders are claimed by one transaction at a time. Once true, it stays: orders with keys may be there.
ALTER TABLE queues
    ADD COLUMN in_turn boolean NOT NULL DEFAULT false,
    ADD COLUMN concurrency_limit integer NOT NULL DEFAULT 0,
    ADD COLUMN concurrency_limit_per_key integer NOT NULL DEFAULT 0,
    ADD COLUMN rate_orders integer NOT NULL DEFAULT 0,
    ADD COLUMN rate_interval_ms bigint NOT NULL DEFAULT 0,
    ADD COLUMN rate_burst integer NOT NULL DEFAULT 0,
    ADD COLUMN fairness_keys text[] NOT NULL DEFAULT '{}',
    ADD COLUMN fairness_weights double precision[] NOT NULL DEFAULT '{}';
ALTER TABLE queues
    ADD CONSTRAINT queues_limits_check CHECK (
        concurrency_limit >= 0 AND concurrency_limit_per_key >= 0 AND rate_orders >= 0 AND rate_burst >= 0
        AND (rate_orders = 0) = (rate_interval_ms = 0)
        AND cardinality(fairness_keys) = cardinality(fairness_weights)) NOT VALID;

ALTER TABLE work_orders
    ADD COLUMN fairness_key text NOT NULL DEFAULT '',
    ADD COLUMN concurrency_key text NOT NULL DEFAULT '',
    ADD COLUMN required_capabilities text[] NOT NULL DEFAULT '{}'; -- each a level, a space, and the name
-- Which of the queue's lanes the order stands in: those with the same keys and capabilities. Without any, none.
ALTER TABLE work_order_states ADD COLUMN lane_id uuid;

-- Who has its row locked may claim from the queue, and knows what nobody else changes meanwhile.
CREATE TABLE queue_turns (
    queue_name   text             NOT NULL,
    tokens       double precision,
    refilled_at  timestamptz,
    virtual_time double precision NOT NULL DEFAULT 0,
    CONSTRAINT queue_turns_pkey PRIMARY KEY (queue_name)
) WITH (fillfactor = 20);

-- The lanes in which orders stand, or lately stood.
CREATE TABLE queue_lanes (
    queue_name            text        NOT NULL,
    lane_id               uuid        NOT NULL,
    fairness_key          text        NOT NULL,
    concurrency_key       text        NOT NULL,
    required_capabilities text[]      NOT NULL,
    used_at               timestamptz NOT NULL,
    CONSTRAINT queue_lanes_pkey PRIMARY KEY (queue_name, lane_id)
) WITH (fillfactor = 50);

-- How much each fairness key has had. What lies before its queue's virtual time says nothing any more.
CREATE TABLE queue_shares (
    queue_name   text             NOT NULL,
    fairness_key text             NOT NULL,
    virtual_time double precision NOT NULL,
    CONSTRAINT queue_shares_pkey PRIMARY KEY (queue_name, fairness_key)
) WITH (fillfactor = 50);

CREATE TABLE worker_capabilities (
    worker_id  uuid        NOT NULL,
    name       text        NOT NULL,
    level      text        NOT NULL,
    metadata   jsonb       NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT worker_capabilities_pkey PRIMARY KEY (worker_id, name),
    CONSTRAINT worker_capabilities_worker_fkey FOREIGN KEY (worker_id) REFERENCES workers,
    CONSTRAINT worker_capabilities_name_check CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT worker_capabilities_level_check CHECK (level IN ('BEGINNER', 'INTERMEDIATE', 'ADVANCED', 'EXPERT'))
);
