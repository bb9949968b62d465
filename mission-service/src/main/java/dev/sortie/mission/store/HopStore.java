package dev.sortie.mission.store;

import dev.sortie.mission.domain.Hop;
import dev.sortie.mission.domain.HopStatus;
import dev.sortie.mission.domain.MissionTree;
import dev.sortie.mission.domain.Pause;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The hops table. Whoever writes holds the lock of the mission, so that the order of its hops stays without gaps. */
public final class HopStore {
    private static final String COLUMNS = """
            hop_id, mission_id, name, description, rationale, status, sequence_order, is_final, is_resolved, error_message,
            pause_before, running, paused_at, paused_step_id, started_at, ended_at, created_at, updated_at, version
            """;
    private static final String INSERT = """
            INSERT INTO hops (hop_id, mission_id, name, description, rationale, status, sequence_order, is_final, is_resolved,
                              pause_before, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::int, $8::boolean, $9::boolean,
                    $10::boolean, $11::timestamptz, $11::timestamptz)
            RETURNING
            """ + COLUMNS;
    private static final String INSERT_AS_IT_WAS = """
            INSERT INTO hops (hop_id, mission_id, name, description, rationale, status, sequence_order, is_final, is_resolved,
                              pause_before, error_message, started_at, ended_at, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::int, $8::boolean, $9::boolean,
                    $10::boolean, $11::text, $12::timestamptz, $13::timestamptz, $14::timestamptz, $15::timestamptz)
            RETURNING
            """ + COLUMNS;
    private static final String FIND = "SELECT " + COLUMNS + "FROM hops WHERE hop_id = $1::uuid";
    // A hop goes into hiding with its mission.
    private static final String FIND_VISIBLE =
            FIND + " AND EXISTS (SELECT FROM missions m WHERE m.mission_id = hops.mission_id AND m.deleted_at IS NULL)";
    private static final String LOCK = FIND + " FOR NO KEY UPDATE";
    private static final String MISSION_OF = "SELECT mission_id FROM hops WHERE hop_id = $1::uuid";
    // Behind the hop where the page before ended, wherever that is by now; if it is gone, its place is another's.
    private static final String LIST = "SELECT " + COLUMNS + """
            FROM hops WHERE mission_id = $1::uuid AND sequence_order > coalesce(
                (SELECT h.sequence_order FROM hops h WHERE h.hop_id = $2::uuid AND h.mission_id = $1::uuid), $3::int - 1)
            ORDER BY sequence_order LIMIT $4::int
            """;
    private static final String LIST_BY_STATUS = "SELECT " + COLUMNS + """
            FROM hops WHERE mission_id = $1::uuid AND status = $5::text AND sequence_order > coalesce(
                (SELECT h.sequence_order FROM hops h WHERE h.hop_id = $2::uuid AND h.mission_id = $1::uuid), $3::int - 1)
            ORDER BY sequence_order LIMIT $4::int
            """;
    // Without what is long. From the hop where the page before ended, wherever that is by now; if it is gone, from its
    // place.
    private static final String LIST_OF_TREE = """
            SELECT hop_id, mission_id, name, left(description, $5::int) AS description, left(rationale, $5::int) AS rationale,
                   status, sequence_order, is_final, is_resolved, left(error_message, $5::int) AS error_message,
                   pause_before, running, paused_at, paused_step_id, started_at, ended_at, created_at, updated_at, version
            FROM hops WHERE mission_id = $1::uuid AND sequence_order >= coalesce(
                (SELECT h.sequence_order FROM hops h WHERE h.hop_id = $2::uuid AND h.mission_id = $1::uuid), $3::int)
            ORDER BY sequence_order LIMIT $4::int
            """;
    // Where a new hop may go: how many there are, and the first place behind everything that has begun.
    private static final String PLACES = """
            SELECT count(*)::int AS size,
                   coalesce(max(sequence_order) FILTER (WHERE started_at IS NOT NULL) + 1, 0) AS free_from
            FROM hops WHERE mission_id = $1::uuid
            """;
    // Moves the hops of a stretch by some places. One statement, because the order is unique only at its end.
    private static final String SHIFT = """
            UPDATE hops
            SET sequence_order = sequence_order + $4::int, updated_at = $5::timestamptz, version = version + 1
            WHERE mission_id = $1::uuid AND sequence_order BETWEEN $2::int AND $3::int
            RETURNING
            """ + COLUMNS;
    // Puts one hop to another place and moves those between by one.
    private static final String MOVE = """
            UPDATE hops
            SET sequence_order = CASE
                    WHEN hop_id = $2::uuid THEN $4::int
                    WHEN $3::int < $4::int THEN sequence_order - 1
                    ELSE sequence_order + 1
                END,
                updated_at = $5::timestamptz, version = version + 1
            WHERE mission_id = $1::uuid AND sequence_order BETWEEN least($3::int, $4::int) AND greatest($3::int, $4::int)
            RETURNING
            """ + COLUMNS;
    private static final String UPDATE_FIELDS = """
            UPDATE hops
            SET name = $2::text, description = $3::text, rationale = $4::text, is_final = $5::boolean,
                is_resolved = $6::boolean, pause_before = $7::boolean, updated_at = $8::timestamptz,
                version = version + 1
            WHERE hop_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String UPDATE_STATE = """
            UPDATE hops
            SET status = $2::text, is_resolved = $3::boolean, error_message = $4::text, running = $5::boolean,
                started_at = $6::timestamptz, ended_at = $7::timestamptz, updated_at = $8::timestamptz,
                paused_at = $9::timestamptz, paused_step_id = $10::uuid, version = version + 1
            WHERE hop_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String CANCEL_OPEN = """
            UPDATE hops
            SET status = 'CANCELLED', running = false, paused_at = NULL, paused_step_id = NULL,
                ended_at = $2::timestamptz, updated_at = $2::timestamptz, version = version + 1
            WHERE mission_id = $1::uuid AND status IN ('PENDING', 'ACTIVE')
            RETURNING
            """ + COLUMNS;
    private static final String STOP_RUNNING = """
            UPDATE hops
            SET running = false, paused_at = NULL, paused_step_id = NULL, updated_at = $2::timestamptz,
                version = version + 1
            WHERE mission_id = $1::uuid AND (running OR paused_at IS NOT NULL)
            RETURNING
            """ + COLUMNS;
    private static final String DELETE = "DELETE FROM hops WHERE hop_id = $1::uuid";
    private static final String DELETE_OF_MISSION = "DELETE FROM hops WHERE mission_id = $1::uuid RETURNING " + COLUMNS;

    /**
     * How many hops a mission has, and from where on one can be inserted.
     *
     * @param size the number of hops, hence the place of the next one
     * @param freeFrom the first place behind every hop that has begun
     */
    public record Places(int size, int freeFrom) {}

    public Hop insert(Tx tx, UUID id, UUID missionId, Hop.Fields fields, int sequenceOrder) {
        return tx.find(
                        INSERT,
                        HopStore::toHop,
                        id,
                        missionId,
                        fields.name(),
                        fields.description(),
                        fields.rationale(),
                        HopStatus.PENDING,
                        sequenceOrder,
                        fields.isFinal(),
                        fields.isResolved(),
                        fields.pauseBefore(),
                        tx.now())
                .orElseThrow();
    }

    /** Creates a hop in the state in which it was elsewhere. */
    public Hop insertAsItWas(Tx tx, Hop hop) {
        return tx.find(
                        INSERT_AS_IT_WAS,
                        HopStore::toHop,
                        hop.id(),
                        hop.missionId(),
                        hop.fields().name(),
                        hop.fields().description(),
                        hop.fields().rationale(),
                        hop.status(),
                        hop.sequenceOrder(),
                        hop.fields().isFinal(),
                        hop.fields().isResolved(),
                        hop.fields().pauseBefore(),
                        hop.errorMessage(),
                        hop.startedAt(),
                        hop.endedAt(),
                        hop.createdAt(),
                        hop.updatedAt())
                .orElseThrow();
    }

    /** A hop, unless its mission is hidden. */
    public Optional<Hop> findVisible(Queries queries, UUID id) {
        return queries.find(FIND_VISIBLE, HopStore::toHop, id);
    }

    /** A hop, held until the end of the transaction. */
    public Optional<Hop> lock(Tx tx, UUID id) {
        return tx.find(LOCK, HopStore::toHop, id);
    }

    /** The mission of a hop, which never changes. */
    public Optional<UUID> missionOf(Queries queries, UUID id) {
        return queries.find(MISSION_OF, row -> row.getUUID("mission_id"), id);
    }

    /**
     * A page of a mission's hops, in their order.
     *
     * @param status only those in it, where given
     * @param after place and id of the last one of the page before, where there is one
     */
    public List<Hop> list(
            Queries queries, UUID missionId, @Nullable HopStatus status, @Nullable Keyset after, int limit) {
        var id = after == null ? null : after.uuid(1);
        long place = after == null ? 0 : after.number(0);
        return status == null
                ? queries.list(LIST, HopStore::toHop, missionId, id, place, limit)
                : queries.list(LIST_BY_STATUS, HopStore::toHop, missionId, id, place, limit, status);
    }

    /**
     * Hops of a mission without what is long, in their order.
     *
     * @param from the first one; null for the one at the place
     * @param place where to begin if that one is not there
     */
    public List<Hop> listOfTree(Queries queries, UUID missionId, @Nullable UUID from, int place, int limit) {
        return queries.list(LIST_OF_TREE, HopStore::toHop, missionId, from, place, limit, MissionTree.TEXT + 1);
    }

    public Places places(Tx tx, UUID missionId) {
        return tx.find(PLACES, row -> new Places(row.getInteger("size"), row.getInteger("free_from")), missionId)
                .orElseThrow();
    }

    /** Moves the hops from one place to another, both included, by some places; tells which. */
    public List<Hop> shift(Tx tx, UUID missionId, int from, int to, int by) {
        return tx.list(SHIFT, HopStore::toHop, missionId, from, to, by, tx.now());
    }

    /** Puts a hop to another place; tells all that moved, the hop itself included. */
    public List<Hop> move(Tx tx, Hop hop, int place) {
        return tx.list(MOVE, HopStore::toHop, hop.missionId(), hop.id(), hop.sequenceOrder(), place, tx.now());
    }

    /** Writes what callers set. */
    public Hop updateFields(Tx tx, UUID id, Hop.Fields fields) {
        return tx.find(
                        UPDATE_FIELDS,
                        HopStore::toHop,
                        id,
                        fields.name(),
                        fields.description(),
                        fields.rationale(),
                        fields.isFinal(),
                        fields.isResolved(),
                        fields.pauseBefore(),
                        tx.now())
                .orElseThrow();
    }

    /** Writes what moves change. */
    public Hop updateState(Tx tx, Hop hop) {
        var pause = hop.pause();
        return tx.find(
                        UPDATE_STATE,
                        HopStore::toHop,
                        hop.id(),
                        hop.status(),
                        hop.fields().isResolved(),
                        hop.errorMessage(),
                        hop.running(),
                        hop.startedAt(),
                        hop.endedAt(),
                        tx.now(),
                        pause == null ? null : pause.since(),
                        pause == null ? null : pause.stepId())
                .orElseThrow();
    }

    /** Cancels the hops of a mission that are not in a terminal status; tells which. */
    public List<Hop> cancelOpen(Tx tx, UUID missionId) {
        return tx.list(CANCEL_OPEN, HopStore::toHop, missionId, tx.now());
    }

    /** Ends the run of a mission's hop, where one runs or waits. */
    public List<Hop> stopRunning(Tx tx, UUID missionId) {
        return tx.list(STOP_RUNNING, HopStore::toHop, missionId, tx.now());
    }

    public void delete(Tx tx, UUID id) {
        tx.send(DELETE, id);
    }

    /** Deletes all hops of a mission; tells which. */
    public List<Hop> deleteOfMission(Tx tx, UUID missionId) {
        return tx.list(DELETE_OF_MISSION, HopStore::toHop, missionId);
    }

    private static Hop toHop(Row row) {
        var pausedAt = Rows.nullableInstant(row, "paused_at");
        return new Hop(
                row.getUUID("hop_id"),
                row.getUUID("mission_id"),
                new Hop.Fields(
                        row.getString("name"),
                        row.getString("description"),
                        row.getString("rationale"),
                        row.getBoolean("is_final"),
                        row.getBoolean("is_resolved"),
                        row.getBoolean("pause_before")),
                Rows.value(row, "status", HopStatus.class),
                row.getInteger("sequence_order"),
                row.getString("error_message"),
                row.getBoolean("running"),
                pausedAt == null ? null : new Pause(row.getUUID("hop_id"), row.getUUID("paused_step_id"), pausedAt),
                Rows.nullableInstant(row, "started_at"),
                Rows.nullableInstant(row, "ended_at"),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }
}
