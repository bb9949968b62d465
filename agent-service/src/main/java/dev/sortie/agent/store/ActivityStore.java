package dev.sortie.agent.store;

import dev.sortie.agent.domain.Activity;
import dev.sortie.agent.domain.Histogram;
import dev.sortie.agent.domain.Tallies.Slot;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What went on in queues, slot by slot. Nobody watches it: it is in no change log. */
public final class ActivityStore {
    // In one order for everybody, so that no two servers wait for each other. Nothing is kept for a queue that is not
    // there: anybody can ask for work of any name.
    private static final String ADD = """
            INSERT INTO queue_activity AS a (queue_name, slot_at, enqueued, claimed, completed, failed, timed_out, asked,
                waits, runs)
            SELECT n.queue_name, n.slot_at, n.enqueued, n.claimed, n.completed, n.failed, n.timed_out, n.asked,
                n.waits::integer[], n.runs::integer[]
            FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                $7::bigint[], $8::bigint[], $9::text[], $10::text[])
                AS n (queue_name, slot_at, enqueued, claimed, completed, failed, timed_out, asked, waits, runs)
            JOIN queues q ON q.queue_name = n.queue_name
            ORDER BY n.queue_name, n.slot_at
            ON CONFLICT (queue_name, slot_at) DO UPDATE
            SET enqueued = a.enqueued + excluded.enqueued, claimed = a.claimed + excluded.claimed,
                completed = a.completed + excluded.completed, failed = a.failed + excluded.failed,
                timed_out = a.timed_out + excluded.timed_out, asked = a.asked + excluded.asked,
                waits = (
                    SELECT coalesce(array_agg(coalesce(u.one, 0) + coalesce(u.other, 0) ORDER BY u.step), '{}')
                    FROM unnest(a.waits, excluded.waits) WITH ORDINALITY AS u (one, other, step)),
                runs = (
                    SELECT coalesce(array_agg(coalesce(u.one, 0) + coalesce(u.other, 0) ORDER BY u.step), '{}')
                    FROM unnest(a.runs, excluded.runs) WITH ORDINALITY AS u (one, other, step))
            """;
    private static final String LIST = """
            SELECT slot_at, enqueued, claimed, completed, failed, timed_out, asked, waits, runs
            FROM queue_activity
            WHERE queue_name = $1::text AND slot_at >= $2::timestamptz
            """;
    private static final String LAST_ASKED = """
            SELECT slot_at FROM queue_activity
            WHERE queue_name = $1::text AND asked > 0
            ORDER BY slot_at DESC
            LIMIT 1
            """;
    private static final String FORGET = """
            DELETE FROM queue_activity
            WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM queue_activity
                WHERE slot_at < $1::timestamptz
                ORDER BY slot_at
                LIMIT $2::integer
                FOR UPDATE SKIP LOCKED))
            """;

    /** Adds what one server has counted. */
    public void add(Queries queries, Map<Slot, Activity> counted) {
        var rows = List.copyOf(counted.entrySet());
        queries.update(
                ADD,
                WorkOrderStore.column(String.class, rows, row -> row.getKey().queueName()),
                WorkOrderStore.column(Instant.class, rows, row -> row.getKey().at()),
                WorkOrderStore.column(Long.class, rows, row -> row.getValue().enqueued()),
                WorkOrderStore.column(Long.class, rows, row -> row.getValue().claimed()),
                WorkOrderStore.column(Long.class, rows, row -> row.getValue().completed()),
                WorkOrderStore.column(Long.class, rows, row -> row.getValue().failed()),
                WorkOrderStore.column(Long.class, rows, row -> row.getValue().timedOut()),
                WorkOrderStore.column(Long.class, rows, row -> row.getValue().asked()),
                WorkOrderStore.column(
                        String.class, rows, row -> text(row.getValue().waits())),
                WorkOrderStore.column(
                        String.class, rows, row -> text(row.getValue().runs())));
    }

    /** What went on in a queue since a time, by the beginnings of slots. */
    public Map<Instant, Activity> list(Queries queries, String queueName, Instant since) {
        var found = new TreeMap<Instant, Activity>();
        queries.list(LIST, row -> found.put(Rows.instant(row, "slot_at"), map(row)), queueName, since);
        return found;
    }

    /** The beginning of the last slot in which a worker asked for work of a queue; null when none has, as far as is known. */
    public @Nullable Instant lastAsked(Queries queries, String queueName) {
        return queries.find(LAST_ASKED, row -> Rows.instant(row, "slot_at"), queueName)
                .orElse(null);
    }

    /** Forgets some of what was before a time; how much. */
    public int forget(Queries queries, Instant before, int most) {
        return queries.update(FORGET, before, most);
    }

    private static String text(Histogram histogram) {
        return histogram.counts().stream().map(String::valueOf).collect(Collectors.joining(",", "{", "}"));
    }

    private static Activity map(Row row) {
        return new Activity(
                row.getLong("enqueued"),
                row.getLong("claimed"),
                row.getLong("completed"),
                row.getLong("failed"),
                row.getLong("timed_out"),
                row.getLong("asked"),
                Histogram.of(List.of(row.getArrayOfIntegers("waits"))),
                Histogram.of(List.of(row.getArrayOfIntegers("runs"))));
    }
}
