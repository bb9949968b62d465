-- Lets workers work in sessions: of each worker, which of its sessions is the one that counts.
-- Cost: milliseconds, whatever the size of the tables.
-- Locks: workers, against writes, for that moment.
-- If it stops: nothing has happened; run it again when nobody writes to the table for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- A row of its own, and a narrow one: it changes with every session, and is locked with every claim that one makes.
CREATE TABLE worker_sessions (
    worker_id   uuid        NOT NULL,
    epoch       bigint      NOT NULL,
    attached_at timestamptz NOT NULL,
    CONSTRAINT worker_sessions_pkey PRIMARY KEY (worker_id),
    CONSTRAINT worker_sessions_worker_fkey FOREIGN KEY (worker_id) REFERENCES workers,
    CONSTRAINT worker_sessions_epoch_check CHECK (epoch >= 1)
) WITH (fillfactor = 50);
