-- What every service keeps beside its own tables.
-- Cost: milliseconds; new tables only.
-- Locks: none that anybody waits for.
-- If it stops: nothing has changed; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '30s';

-- The one feed of everything that changes. Read in (xid, seq) order below pg_snapshot_xmin(pg_current_snapshot()), so
-- that nothing in flight is ever passed over. Trimmed from its start. xid is the writing transaction's, or that of the
-- newest transaction that had ended when the row was written: later transactions on a resource stand later. Rows are
-- written by the runtime, in a statement of their own at the end of the transaction.
CREATE TABLE change_log (
    xid           xid8        NOT NULL DEFAULT pg_current_xact_id(),
    seq           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    resource_type text        NOT NULL,
    resource_id   uuid        NOT NULL,
    kind          text        NOT NULL,
    version       bigint      NOT NULL,
    actor         text        NOT NULL,
    attributes    jsonb       NOT NULL,
    change_time   timestamptz NOT NULL,
    CONSTRAINT change_log_pkey PRIMARY KEY (xid, seq),
    CONSTRAINT change_log_kind_check CHECK (kind IN ('CREATED', 'UPDATED', 'DELETED')),
    CONSTRAINT change_log_resource_type_check CHECK (length(resource_type) BETWEEN 1 AND 50)
);

-- Which history the log belongs to, and up to where it has been trimmed. One row.
CREATE TABLE change_epoch (
    singleton    boolean NOT NULL DEFAULT true,
    epoch        uuid    NOT NULL DEFAULT gen_random_uuid(),
    trimmed_xid  xid8    NOT NULL DEFAULT '0',
    trimmed_seq  bigint  NOT NULL DEFAULT 0,
    CONSTRAINT change_epoch_pkey PRIMARY KEY (singleton),
    CONSTRAINT change_epoch_singleton_check CHECK (singleton)
);
INSERT INTO change_epoch DEFAULT VALUES;

-- The answers to requests that carried a request id, written with what the request changed.
CREATE TABLE idempotency_keys (
    principal    text        NOT NULL,
    method       text        NOT NULL,
    request_id   uuid        NOT NULL,
    request_hash bytea       NOT NULL,
    response     bytea       NOT NULL,
    create_time  timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (principal, method, request_id)
);
-- Serves the purge of old keys.
CREATE INDEX idempotency_keys_create_time_idx ON idempotency_keys (create_time);

-- Who did what needs to be accounted for.
CREATE TABLE audit_log (
    audit_id      bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    audit_time    timestamptz NOT NULL,
    user_id       uuid        NOT NULL,
    acting_for    uuid,
    credential_id uuid,
    action        text        NOT NULL,
    resource_type text        NOT NULL,
    resource_id   uuid,
    detail        jsonb       NOT NULL,
    CONSTRAINT audit_log_pkey PRIMARY KEY (audit_id)
);
CREATE INDEX audit_log_resource_idx ON audit_log (resource_type, resource_id, audit_time DESC);
CREATE INDEX audit_log_user_idx ON audit_log (user_id, audit_time DESC);

-- Keys that all replicas of a service share and nobody else knows.
CREATE TABLE service_secrets (
    name   text  NOT NULL,
    secret bytea NOT NULL,
    CONSTRAINT service_secrets_pkey PRIMARY KEY (name),
    CONSTRAINT service_secrets_secret_check CHECK (length(secret) >= 32)
);
-- Two random UUIDs are 244 random bits.
INSERT INTO service_secrets (name, secret)
VALUES ('page_token', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
