-- A table for tests.
-- Cost: none.
-- Locks: none.
-- If it stops: run it again.
SET lock_timeout = '5s';
SET statement_timeout = '30s';

CREATE TABLE things (
    id      uuid        NOT NULL,
    name    text        NOT NULL,
    number  bigint      NOT NULL DEFAULT 0,
    state   text        NOT NULL DEFAULT 'OPEN',
    tags    text[]      NOT NULL DEFAULT '{}',
    body    jsonb       NOT NULL DEFAULT '{}',
    bytes   bytea,
    at      timestamptz,
    CONSTRAINT things_pkey PRIMARY KEY (id),
    CONSTRAINT things_name_key UNIQUE (name),
    CONSTRAINT things_number_check CHECK (number >= 0)
);
