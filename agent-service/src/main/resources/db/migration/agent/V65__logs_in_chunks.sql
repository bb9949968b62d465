-- Log lines are stored in chunks, a row for what came together, where they continue their log; what comes late still has
-- a row for each line. A line then costs a fraction of a row, of an index entry and of a record in the write-ahead log.
-- Cost: milliseconds, whatever the size of the tables. Lines that are there stay where they are.
-- Servers of the release before run on; they do not list or tell lines that servers of this one have stored, and store
-- one of those again when it is sent to them again: have no more of them for longer than it takes to replace them.
-- Locks: nothing that holds lines.
-- If it stops: nothing has happened; run it again.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- Chunks of an execution begin after all lines that were there, so no two of them overlap, and their order by number is
-- that of their arrival.
CREATE TABLE execution_log_chunks (
    execution_id   uuid          NOT NULL,
    batch          bigint        NOT NULL,
    first_sequence bigint        NOT NULL,
    last_sequence  bigint        NOT NULL,
    line_count     integer       NOT NULL,
    -- About what the messages and metadata weigh, known without reading them.
    byte_count     integer       NOT NULL,
    -- Null where each number is the one after that before.
    sequences      bigint[],
    levels         text[]        NOT NULL,
    messages       text[]        NOT NULL,
    -- Null where no line has any.
    metadata       jsonb[],
    logged_at      timestamptz[] NOT NULL,
    CONSTRAINT execution_log_chunks_pkey PRIMARY KEY (execution_id, last_sequence),
    CONSTRAINT execution_log_chunks_batch_key UNIQUE (execution_id, batch),
    CONSTRAINT execution_log_chunks_levels_check
        CHECK (levels <@ ARRAY['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL']),
    CONSTRAINT execution_log_chunks_sequence_check CHECK (first_sequence BETWEEN 1 AND last_sequence),
    CONSTRAINT execution_log_chunks_count_check CHECK (line_count BETWEEN 1 AND 1000
        AND cardinality(levels) = line_count AND cardinality(messages) = line_count
        AND cardinality(logged_at) = line_count)
) PARTITION BY RANGE (execution_id);

-- To compress a line took five times as long as to store it, with the only method that every PostgreSQL has.
ALTER TABLE execution_log_chunks
    ALTER COLUMN messages SET STORAGE EXTERNAL,
    ALTER COLUMN metadata SET STORAGE EXTERNAL,
    ALTER COLUMN logged_at SET STORAGE EXTERNAL,
    ALTER COLUMN sequences SET STORAGE EXTERNAL;

-- As before (V32), with the chunks.
CREATE OR REPLACE FUNCTION keep_log_partitions(first_day date, last_day date, keep_from date) RETURNS integer
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '20s'
AS $body$
DECLARE
    parents   text[] := ARRAY['execution_logs', 'execution_log_batches', 'execution_log_chunks'];
    day       date;
    parent    text;
    partition text;
    oldest    text;
BEGIN
    -- Others are at it for as long as it takes to make a week of tables; nobody else waits for them or for this one.
    PERFORM pg_advisory_xact_lock(hashtextextended('keep_log_partitions', 0));
    SET LOCAL lock_timeout = '2s';
    FOREACH parent IN ARRAY parents LOOP
        FOR day IN SELECT first_day + n FROM generate_series(0, last_day - first_day) AS n LOOP
            partition := parent || '_' || to_char(day, 'YYYYMMDD');
            IF to_regclass('public.' || partition) IS NULL THEN
                -- Lines are only ever added: a vacuum would find nothing to do before they are dropped.
                EXECUTE format(
                    'CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS'
                        || ' INCLUDING STORAGE) WITH (autovacuum_vacuum_insert_threshold = -1)',
                    partition, parent);
                EXECUTE format(
                    'ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                    parent,
                    partition,
                    public.first_id_of_day(day),
                    public.first_id_of_day(day + 1));
            END IF;
        END LOOP;
    END LOOP;

    SELECT min(right(c.relname, 8)) INTO oldest
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = ANY (SELECT to_regclass('public.' || p) FROM unnest(parents) AS p);
    IF oldest IS NULL OR oldest >= to_char(keep_from, 'YYYYMMDD') THEN
        RETURN 0;
    END IF;
    BEGIN
        SET LOCAL lock_timeout = '100ms';
        FOREACH parent IN ARRAY parents LOOP
            EXECUTE format('DROP TABLE IF EXISTS public.%I', parent || '_' || oldest);
        END LOOP;
    EXCEPTION WHEN lock_not_available THEN
        RETURN 0;
    END;
    RETURN 1;
END
$body$;
