package dev.sortie.runtime.change;

import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Database;
import dev.sortie.runtime.sql.Rows;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The table. A row is read only once every transaction with a lower id has ended, so that none is ever passed over. */
final class ChangeLog {
    /** The most changes that one look finds. */
    static final int MAX_ROWS = 500;

    // One statement, hence one snapshot: the horizon, the epoch and the rows belong together. With a limit that is
    // known
    // beforehand it is planned once, and not each time.
    private static final String READ = """
            SELECT e.epoch, e.trimmed_xid::text AS trimmed_xid, e.trimmed_seq, h.horizon::text AS horizon,
                   (SELECT p.change_time FROM change_log p WHERE p.xid >= h.horizon ORDER BY p.xid, p.seq LIMIT 1)
                       AS pending_time,
                   c.xid::text AS xid, c.seq, c.resource_type, c.resource_id, c.kind, c.version, c.actor,
                   c.attributes::text AS attributes, c.change_time
            FROM change_epoch e
            CROSS JOIN (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS horizon) h
            LEFT JOIN LATERAL (
                SELECT l.xid, l.seq, l.resource_type, l.resource_id, l.kind, l.version, l.actor, l.attributes, l.change_time
                FROM change_log l
                WHERE (l.xid, l.seq) > ($1::text::xid8, $2::bigint) AND l.xid < h.horizon
                ORDER BY l.xid, l.seq
                LIMIT %d) c ON true
            ORDER BY c.xid, c.seq
            """.formatted(MAX_ROWS);
    private static final String OLDEST = "SELECT change_time FROM change_log ORDER BY xid, seq LIMIT 1";
    private static final String TRIM = """
            WITH head AS (
                SELECT h.xid, h.seq, bool_and(h.change_time < $1::timestamptz) OVER (ORDER BY h.xid, h.seq) AS old
                FROM (SELECT xid, seq, change_time FROM change_log ORDER BY xid, seq LIMIT $2::int) h),
            gone AS (
                DELETE FROM change_log l USING head h WHERE h.old AND l.xid = h.xid AND l.seq = h.seq
                RETURNING l.xid, l.seq),
            last AS (SELECT xid, seq FROM gone ORDER BY xid DESC, seq DESC LIMIT 1)
            UPDATE change_epoch e SET trimmed_xid = last.xid, trimmed_seq = last.seq
            FROM last WHERE (e.trimmed_xid, e.trimmed_seq) < (last.xid, last.seq)
            RETURNING (SELECT count(*) FROM gone) AS trimmed
            """;

    private final Database database;

    ChangeLog(Database database) {
        this.database = database;
    }

    /**
     * What one look at the log found.
     *
     * @param trimmed everything up to here is gone
     * @param horizon everything before here has been read, if it is not full
     * @param pendingSince when the oldest change that must still wait was begun; null when none waits
     */
    record Slice(
            UUID epoch,
            Position trimmed,
            Position horizon,
            @Nullable Instant pendingSince,
            List<LoggedChange> changes) {

        /** Where to go on. */
        Position end() {
            return isFull() ? changes.getLast().position() : horizon;
        }

        /** Whether there may be more. */
        boolean isFull() {
            return changes.size() == MAX_ROWS;
        }
    }

    Slice read(Position after) {
        var rows = database.queries().list(READ, row -> row, Long.toUnsignedString(after.xid()), after.seq());
        if (rows.isEmpty()) {
            throw new IllegalStateException("change_epoch has no row");
        }
        var first = rows.getFirst();
        var changes = new ArrayList<LoggedChange>(rows.size());
        for (var row : rows) {
            if (row.getString("xid") != null) {
                changes.add(change(row));
            }
        }
        return new Slice(
                first.getUUID("epoch"),
                new Position(xid(first, "trimmed_xid"), first.getLong("trimmed_seq")),
                new Position(xid(first, "horizon"), 0),
                Rows.nullableInstant(first, "pending_time"),
                changes);
    }

    @Nullable
    Instant oldestTime() {
        return database.queries()
                .find(OLDEST, row -> Rows.instant(row, "change_time"))
                .orElse(null);
    }

    /** Deletes a bounded number of changes from the start, as far as they are older than a time. */
    long trim(Instant before, int limit) {
        return database.queries()
                .find(TRIM, row -> row.getLong("trimmed"), before, limit)
                .orElse(0L);
    }

    private static LoggedChange change(Row row) {
        return new LoggedChange(
                new Position(xid(row, "xid"), row.getLong("seq")),
                row.getString("resource_type"),
                row.getUUID("resource_id"),
                Rows.value(row, "kind", Change.Kind.class),
                row.getLong("version"),
                row.getString("actor"),
                row.getString("attributes"),
                Rows.instant(row, "change_time"));
    }

    private static long xid(Row row, String column) {
        return Long.parseUnsignedLong(row.getString(column));
    }
}
