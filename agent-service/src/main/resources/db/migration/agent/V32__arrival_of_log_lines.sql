-- Log lines know with which batch they came, so that who follows a log hears of every line, whatever its number; and
-- partitions that are no longer kept go without keeping anybody waiting.
-- Cost: milliseconds, whatever the size of the tables. Lines that are there belong to batch 0. Those that servers of
-- the release before write meanwhile, too: who follows the log hears of them when the log is followed anew.
-- Locks: execution_logs and its partitions, exclusively, for that moment.
-- If it stops: nothing has happened; run it again when nobody holds the tables for long.
SET lock_timeout = '5s';
SET statement_timeout = '60s';

-- Numbers are taken under the lock of the claim, which is held to the commit: those of one execution become visible in
-- their order. Hence no cache, of which each session would have its own.
CREATE SEQUENCE execution_log_batches_seq CACHE 1;

ALTER TABLE execution_logs ADD COLUMN batch bigint NOT NULL DEFAULT 0;

-- What came together. An index of the lines by their batches would cost each of them; this is a row for up to a
-- thousand.
CREATE TABLE execution_log_batches (
    execution_id   uuid    NOT NULL,
    batch          bigint  NOT NULL,
    first_sequence bigint  NOT NULL,
    last_sequence  bigint  NOT NULL,
    line_count     integer NOT NULL,
    CONSTRAINT execution_log_batches_pkey PRIMARY KEY (execution_id, batch)
) PARTITION BY RANGE (execution_id);

-- Makes the log partitions of some days, where they are missing, and drops those of the oldest day before another one.
-- To drop a partition, everybody else must be out of the whole table for a moment: it is one day at a time, and who
-- finds the table in use for longer than the moment leaves it for the next time, so that nobody queues up behind. The
-- days that are made stay made all the same.
CREATE OR REPLACE FUNCTION keep_log_partitions(first_day date, last_day date, keep_from date) RETURNS integer
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '20s'
AS $body$
DECLARE
    day       date;
    parent    text;
    partition text;
    oldest    text;
BEGIN
    -- Others are at it for as long as it takes to make a week of tables; nobody else waits for them or for this one.
    PERFORM pg_advisory_xact_lock(hashtextextended('keep_log_partitions', 0));
    SET LOCAL lock_timeout = '2s';
    FOREACH parent IN ARRAY ARRAY['execution_logs', 'execution_log_batches'] LOOP
        FOR day IN SELECT first_day + n FROM generate_series(0, last_day - first_day) AS n LOOP
            partition := parent || '_' || to_char(day, 'YYYYMMDD');
            IF to_regclass('public.' || partition) IS NULL THEN
                -- Lines are only ever added: a vacuum would find nothing to do before they are dropped.
                EXECUTE format(
                    'CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)'
                        || ' WITH (autovacuum_vacuum_insert_threshold = -1)',
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
    WHERE i.inhparent IN ('public.execution_logs'::regclass, 'public.execution_log_batches'::regclass);
    IF oldest IS NULL OR oldest >= to_char(keep_from, 'YYYYMMDD') THEN
        RETURN 0;
    END IF;
    BEGIN
        SET LOCAL lock_timeout = '100ms';
        FOREACH parent IN ARRAY ARRAY['execution_logs', 'execution_log_batches'] LOOP
            EXECUTE format('DROP TABLE IF EXISTS public.%I', parent || '_' || oldest);
        END LOOP;
    EXCEPTION WHEN lock_not_available THEN
        RETURN 0;
    END;
    RETURN 1;
END
$body$;
