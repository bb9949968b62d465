package dev.sortie.agent.store;

import static dev.sortie.agent.store.WorkOrderStore.column;

import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Which executions are in which files, and which files are being written. */
public final class ArchiveStore {
    private static final int MAX_ABANDONED = 100;

    private static final String BEGIN = """
            INSERT INTO archive_files (file_id, name, status, written_until, created_at)
            VALUES ($1::uuid, $2::text, 'WRITING', $3::timestamptz, $4::timestamptz)
            ON CONFLICT (status) WHERE status = 'WRITING' DO NOTHING
            """;
    private static final String ABANDON =
            "UPDATE archive_files SET status = 'ABANDONED' WHERE file_id = $1::uuid AND status = 'WRITING'";
    private static final String ABANDON_OVERDUE = """
            UPDATE archive_files SET status = 'ABANDONED'
            WHERE status = 'WRITING' AND written_until <= $1::timestamptz
            """;
    private static final String LIST_ABANDONED =
            "SELECT file_id, name FROM archive_files WHERE status = 'ABANDONED' ORDER BY file_id LIMIT $1::integer";
    private static final String FORGET = "DELETE FROM archive_files WHERE file_id = $1::uuid AND status = 'ABANDONED'";
    private static final String HOLD = """
            SELECT file_id FROM archive_files WHERE file_id = $1::uuid AND status = 'WRITING' FOR NO KEY UPDATE
            """;
    private static final String STORED = """
            UPDATE archive_files
            SET status = 'STORED', execution_count = $2::integer, size_bytes = $3::bigint, sha256 = $4::bytea,
                stored_at = $5::timestamptz
            WHERE file_id = $1::uuid AND status = 'WRITING'
            """;
    // Ids begin with the time of the claim: who is not yet that old by its id need not be looked at.
    private static final String OLD = """
            SELECT x.execution_id, x.updated_at, l.reported_at,
                jsonb_build_object('execution', to_jsonb(x) - 'claim_hash', 'late_report', to_jsonb(l))::text AS line
            FROM executions x
            LEFT JOIN late_reports l ON l.execution_id = x.execution_id
            WHERE x.execution_id > $1::uuid AND x.execution_id < $2::uuid AND x.status <> 'RUNNING'
              AND x.completed_at < $3::timestamptz
            ORDER BY x.execution_id LIMIT $4::integer
            """;
    private static final String HAS_OLD = """
            SELECT 1 FROM executions x
            WHERE x.execution_id < $1::uuid AND x.status <> 'RUNNING' AND x.completed_at < $2::timestamptz
            ORDER BY x.execution_id LIMIT 1
            """;
    // What has changed since it was written to the file stays, for the next one.
    private static final String MOVE = """
            WITH gone AS (
                DELETE FROM executions x
                USING unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::integer[])
                    AS w (execution_id, updated_at, reported_at, position, length)
                WHERE x.execution_id = w.execution_id AND x.updated_at = w.updated_at
                  AND (SELECT l.reported_at FROM late_reports l WHERE l.execution_id = x.execution_id)
                      IS NOT DISTINCT FROM w.reported_at
                RETURNING x.execution_id, x.work_order_id, x.worker_id, x.status, x.attempt, x.exit_code, x.started_at,
                    x.completed_at, x.updated_at, w.reported_at, w.position, w.length
            )
            INSERT INTO archived_executions (execution_id, work_order_id, worker_id, status, attempt, exit_code,
                has_late_report, started_at, completed_at, updated_at, archived_at, file_id, position, length)
            SELECT g.execution_id, g.work_order_id, g.worker_id, g.status, g.attempt, g.exit_code,
                g.reported_at IS NOT NULL, g.started_at, g.completed_at, g.updated_at, $6::timestamptz, $7::uuid,
                g.position, g.length
            FROM gone g
            """;
    private static final String PLACE = """
            SELECT a.archived_at, f.name, a.position, a.length
            FROM archived_executions a
            JOIN archive_files f ON f.file_id = a.file_id
            WHERE a.execution_id = $1::uuid
            """;

    /**
     * An execution that goes to a file.
     *
     * @param reportedAt when its late report came; null without one
     * @param line all that is known of it, as JSON
     */
    public record Old(
            UUID executionId, Instant updatedAt, @Nullable Instant reportedAt, String line) {}

    /** An execution that has been written, and where in its file. */
    public record Archived(
            UUID executionId, Instant updatedAt, @Nullable Instant reportedAt, long position, int length) {
        public Archived(Old old, long position, int length) {
            this(old.executionId(), old.updatedAt(), old.reportedAt(), position, length);
        }
    }

    /** Where an execution is. */
    public record Place(Instant archivedAt, String fileName, long position, int length) {}

    /** A file that is to be removed. */
    public record Abandoned(UUID fileId, String name) {}

    /** Begins a file, unless another one is being written. */
    public boolean begin(Tx tx, UUID fileId, String name, Instant until) {
        return tx.update(BEGIN, fileId, name, until, tx.now()) == 1;
    }

    /** Gives a file up that is not stored. */
    public int abandon(Tx tx, UUID fileId) {
        return tx.update(ABANDON, fileId);
    }

    /** Gives the file up whose writer has taken too long. */
    public int abandonOverdue(Tx tx) {
        return tx.update(ABANDON_OVERDUE, tx.now());
    }

    public List<Abandoned> abandoned(Queries queries) {
        return queries.list(
                LIST_ABANDONED, row -> new Abandoned(row.getUUID("file_id"), row.getString("name")), MAX_ABANDONED);
    }

    /** Forgets a file that has been removed. */
    public int forget(Tx tx, UUID fileId) {
        return tx.update(FORGET, fileId);
    }

    /** Locks a file that is still being written; false when it was given up meanwhile. */
    public boolean holds(Tx tx, UUID fileId) {
        return tx.find(HOLD, row -> row.getUUID("file_id"), fileId).isPresent();
    }

    /** A file has become part of the archive. */
    public void stored(Tx tx, UUID fileId, int executions, long size, byte[] sha256) {
        tx.update(STORED, fileId, executions, size, sha256, tx.now());
    }

    public boolean hasOld(Queries queries, Instant before) {
        return queries.find(HAS_OLD, _ -> true, firstIdAt(before), before).isPresent();
    }

    /** Executions that ended before a time, by their ids. */
    public List<Old> old(Queries queries, UUID after, Instant before, int limit) {
        return queries.list(OLD, ArchiveStore::old, after, firstIdAt(before), before, limit);
    }

    /**
     * Says of executions that they are in a file, and removes their rows, unless they have changed.
     *
     * @return how many
     */
    public int move(Tx tx, UUID fileId, List<Archived> archived) {
        return tx.update(
                MOVE,
                column(UUID.class, archived, Archived::executionId),
                column(Instant.class, archived, Archived::updatedAt),
                column(Instant.class, archived, Archived::reportedAt),
                column(Long.class, archived, Archived::position),
                column(Integer.class, archived, Archived::length),
                tx.now(),
                fileId);
    }

    public Optional<Place> place(Queries queries, UUID executionId) {
        return queries.find(
                PLACE,
                row -> new Place(
                        Rows.instant(row, "archived_at"),
                        row.getString("name"),
                        row.getLong("position"),
                        row.getInteger("length")),
                executionId);
    }

    /** The least UUIDv7 of a time. */
    private static UUID firstIdAt(Instant time) {
        return new UUID(time.toEpochMilli() << 16, 0);
    }

    private static Old old(Row row) {
        return new Old(
                row.getUUID("execution_id"),
                Rows.instant(row, "updated_at"),
                Rows.nullableInstant(row, "reported_at"),
                row.getString("line"));
    }
}
