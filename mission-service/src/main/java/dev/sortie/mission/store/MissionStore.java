package dev.sortie.mission.store;

import dev.sortie.mission.domain.Mission;
import dev.sortie.mission.domain.MissionOrder;
import dev.sortie.mission.domain.MissionStatus;
import dev.sortie.mission.domain.Pause;
import dev.sortie.mission.domain.Refusals;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.core.json.JsonArray;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The missions table. */
public final class MissionStore {
    private static final String COLUMNS = """
            mission_id, user_id, name, description, goal, status, success_criteria::text AS success_criteria,
            metadata::text AS metadata, current_hop_id, client, budget_amount, budget_currency, deadline, assigned_to,
            github_url, running, paused_at, paused_hop_id, paused_step_id, status_reason, qa_at, completed_at, deleted_at,
            purge_at, deadline_warned_at, created_at, updated_at, version
            """;
    private static final String INSERT = """
            INSERT INTO missions (mission_id, user_id, name, description, goal, status, success_criteria, metadata, client,
                                  budget_amount, budget_currency, deadline, assigned_to, github_url,
                                  created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::text::jsonb, $8::text::jsonb,
                    $9::text, $10::bigint, $11::text, $12::timestamptz, $13::text, $14::text,
                    $15::timestamptz, $15::timestamptz)
            RETURNING
            """ + COLUMNS;
    private static final String INSERT_AS_IT_WAS = """
            INSERT INTO missions (mission_id, user_id, name, description, goal, status, success_criteria, metadata, client,
                                  budget_amount, budget_currency, deadline, assigned_to, github_url, status_reason, qa_at,
                                  completed_at, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::text::jsonb, $8::text::jsonb,
                    $9::text, $10::bigint, $11::text, $12::timestamptz, $13::text, $14::text, $15::text,
                    $16::timestamptz, $17::timestamptz, $18::timestamptz, $19::timestamptz)
            RETURNING
            """ + COLUMNS;
    private static final String SET_CURRENT_HOP =
            "UPDATE missions SET current_hop_id = $2::uuid WHERE mission_id = $1::uuid RETURNING " + COLUMNS;
    private static final String FIND = "SELECT " + COLUMNS + "FROM missions WHERE mission_id = $1::uuid";
    private static final String IS_VISIBLE =
            "SELECT 1 FROM missions WHERE mission_id = $1::uuid AND deleted_at IS NULL";
    // Weak enough to let others add rows that refer to the mission while its own row is held.
    private static final String LOCK = FIND + " FOR NO KEY UPDATE";
    private static final String LOCK_FOR_DELETE = FIND + " FOR UPDATE";
    private static final String LOCK_EXPIRED = "SELECT " + COLUMNS + """
                    FROM missions WHERE purge_at <= $1::timestamptz
                    ORDER BY purge_at LIMIT 1 FOR UPDATE SKIP LOCKED
                    """;
    private static final String LOCK_OF_USER =
            "SELECT " + COLUMNS + "FROM missions WHERE user_id = $1::uuid ORDER BY mission_id FOR UPDATE";
    // Others' missions, in the order of the ids, so that two transactions never wait for each other.
    private static final String LOCK_WITH_ASSETS_OF_USER = """
            SELECT mission_id FROM missions
            WHERE mission_id IN (SELECT a.mission_id FROM assets a WHERE a.user_id = $1::uuid)
            ORDER BY mission_id FOR NO KEY UPDATE
            """;
    private static final String UPDATE_FIELDS = """
            UPDATE missions
            SET name = $2::text, description = $3::text, goal = $4::text, success_criteria = $5::text::jsonb,
                metadata = $6::text::jsonb, client = $7::text, budget_amount = $8::bigint, budget_currency = $9::text,
                deadline_warned_at =
                    CASE WHEN deadline IS NOT DISTINCT FROM $10::timestamptz THEN deadline_warned_at END,
                deadline = $10::timestamptz, assigned_to = $11::text, github_url = $12::text,
                updated_at = $13::timestamptz, version = version + 1
            WHERE mission_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String UPDATE_STATE = """
            UPDATE missions
            SET status = $2::text, current_hop_id = $3::uuid, running = $4::boolean, status_reason = $5::text,
                qa_at = $6::timestamptz, completed_at = $7::timestamptz, deleted_at = $8::timestamptz,
                purge_at = $9::timestamptz, updated_at = $10::timestamptz, paused_at = $11::timestamptz,
                paused_hop_id = $12::uuid, paused_step_id = $13::uuid, version = version + 1
            WHERE mission_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String DELETE = "DELETE FROM missions WHERE mission_id = $1::uuid";

    // A column that may be null cannot be compared with where a page ended: the greatest time takes the place of none.
    // The indexes have the same expression.
    private static final String DEADLINE_KEY = "coalesce(deadline, '10000-01-01 00:00:00+00'::timestamptz)";
    private static final Instant NO_DEADLINE = Instant.parse("+10000-01-01T00:00:00Z");

    /**
     * Which missions a list shows. What is null, or empty, does not matter.
     *
     * @param userId only this owner's
     * @param deadlineBefore only those that are due before
     * @param showDeleted the hidden ones too
     */
    public record Filter(
            @Nullable UUID userId,
            @Nullable MissionStatus status,
            String client,
            String assignedTo,
            String githubUrl,
            @Nullable Instant deadlineBefore,
            boolean showDeleted,
            MissionOrder order) {}

    /** Creates a mission in status PENDING. Refuses for an owner who does not exist. */
    public Mission insert(Tx tx, UUID id, UUID userId, Mission.Fields fields) {
        try {
            return tx.find(
                            INSERT,
                            MissionStore::toMission,
                            id,
                            userId,
                            fields.name(),
                            fields.description(),
                            fields.goal(),
                            MissionStatus.PENDING,
                            array(fields.successCriteria()),
                            fields.metadata(),
                            fields.client(),
                            fields.budgetAmount(),
                            fields.budgetCurrency(),
                            fields.deadline(),
                            fields.assignedTo(),
                            fields.githubUrl(),
                            tx.now())
                    .orElseThrow();
        } catch (ConstraintViolation broken) {
            if (broken.isOf("missions_user_fkey")) {
                throw Refusals.referenceNotFound("mission.user_id", "user", userId);
            }
            throw broken;
        }
    }

    /** Creates a mission in the state in which it was elsewhere, without a current hop. */
    public Mission insertAsItWas(Tx tx, Mission mission) {
        var fields = mission.fields();
        return tx.find(
                        INSERT_AS_IT_WAS,
                        MissionStore::toMission,
                        mission.id(),
                        mission.userId(),
                        fields.name(),
                        fields.description(),
                        fields.goal(),
                        mission.status(),
                        array(fields.successCriteria()),
                        fields.metadata(),
                        fields.client(),
                        fields.budgetAmount(),
                        fields.budgetCurrency(),
                        fields.deadline(),
                        fields.assignedTo(),
                        fields.githubUrl(),
                        mission.statusReason(),
                        mission.qaAt(),
                        mission.completedAt(),
                        mission.createdAt(),
                        mission.updatedAt())
                .orElseThrow();
    }

    /** Names the active hop of a mission that is being created as it was. */
    public Mission setCurrentHop(Tx tx, UUID id, UUID hopId) {
        return tx.find(SET_CURRENT_HOP, MissionStore::toMission, id, hopId).orElseThrow();
    }

    /** A mission, hidden or not. */
    public Optional<Mission> find(Queries queries, UUID id) {
        return queries.find(FIND, MissionStore::toMission, id);
    }

    /** Whether a mission exists and is not hidden. */
    public boolean isVisible(Queries queries, UUID id) {
        return queries.find(IS_VISIBLE, row -> true, id).isPresent();
    }

    /** A mission, hidden or not, held until the end of the transaction. */
    public Optional<Mission> lock(Tx tx, UUID id) {
        return tx.find(LOCK, MissionStore::toMission, id);
    }

    /** A mission that is to be deleted, hidden or not. */
    public Optional<Mission> lockForDelete(Tx tx, UUID id) {
        return tx.find(LOCK_FOR_DELETE, MissionStore::toMission, id);
    }

    /** All missions of a user that are to be deleted, hidden or not. */
    public List<Mission> lockOfUser(Tx tx, UUID userId) {
        return tx.list(LOCK_OF_USER, MissionStore::toMission, userId);
    }

    /** Holds the missions in which a user has assets. */
    public void lockWithAssetsOfUser(Tx tx, UUID userId) {
        tx.list(LOCK_WITH_ASSETS_OF_USER, row -> row.getUUID("mission_id"), userId);
    }

    /** A hidden mission whose time is over and that nobody else is purging. */
    public Optional<Mission> lockExpired(Tx tx) {
        return tx.find(LOCK_EXPIRED, MissionStore::toMission, tx.now());
    }

    /** Where a mission stands in an order: what the next page begins behind. */
    public static Keyset key(Mission mission, MissionOrder order) {
        return Keyset.of(
                switch (order) {
                    case CREATION -> mission.createdAt();
                    case DEADLINE ->
                        mission.fields().deadline() == null
                                ? NO_DEADLINE
                                : mission.fields().deadline();
                },
                mission.id());
    }

    /**
     * A page of missions.
     *
     * @param after the {@link #key} of the last one of the page before, where there is one
     */
    public List<Mission> list(Queries queries, Filter filter, @Nullable Keyset after, int limit) {
        return queries.list(
                listSql(filter, after != null),
                MissionStore::toMission,
                limit,
                after == null ? null : after.instant(0),
                after == null ? null : after.uuid(1),
                filter.userId(),
                filter.status(),
                filter.client(),
                filter.assignedTo(),
                filter.githubUrl(),
                filter.deadlineBefore());
    }

    /** Writes what callers set. The mission is locked. */
    public Mission updateFields(Tx tx, UUID id, Mission.Fields fields) {
        return tx.find(
                        UPDATE_FIELDS,
                        MissionStore::toMission,
                        id,
                        fields.name(),
                        fields.description(),
                        fields.goal(),
                        array(fields.successCriteria()),
                        fields.metadata(),
                        fields.client(),
                        fields.budgetAmount(),
                        fields.budgetCurrency(),
                        fields.deadline(),
                        fields.assignedTo(),
                        fields.githubUrl(),
                        tx.now())
                .orElseThrow();
    }

    /** Writes what moves change. The mission is locked. */
    public Mission updateState(Tx tx, Mission mission) {
        var pause = mission.pause();
        return tx.find(
                        UPDATE_STATE,
                        MissionStore::toMission,
                        mission.id(),
                        mission.status(),
                        mission.currentHopId(),
                        mission.running(),
                        mission.statusReason(),
                        mission.qaAt(),
                        mission.completedAt(),
                        mission.deletedAt(),
                        mission.purgeAt(),
                        tx.now(),
                        pause == null ? null : pause.since(),
                        pause == null ? null : pause.hopId(),
                        pause == null ? null : pause.stepId())
                .orElseThrow();
    }

    /** Deletes a mission for good; hops and assets that are still there go with it. */
    public void delete(Tx tx, UUID id) {
        tx.send(DELETE, id);
    }

    // One text per combination of filters and order: each has a plan of its own, with the index that serves it. The
    // indexes by client, person and repository leave out the missions that name none, hence the second condition.
    private static String listSql(Filter filter, boolean after) {
        boolean byDeadline = filter.order() == MissionOrder.DEADLINE;
        var key = byDeadline ? DEADLINE_KEY : "created_at";
        return "SELECT " + COLUMNS + "FROM missions WHERE true"
                + (filter.userId() == null ? " AND $4::uuid IS NULL" : " AND user_id = $4::uuid")
                + (filter.status() == null ? " AND $5::text IS NULL" : " AND status = $5::text")
                + (filter.client().isEmpty() ? " AND $6::text = ''" : " AND client = $6::text AND client <> ''")
                + (filter.assignedTo().isEmpty()
                        ? " AND $7::text = ''"
                        : " AND assigned_to = $7::text AND assigned_to <> ''")
                + (filter.githubUrl().isEmpty()
                        ? " AND $8::text = ''"
                        : " AND github_url = $8::text AND github_url <> ''")
                + (filter.deadlineBefore() == null
                        ? " AND $9::timestamptz IS NULL"
                        : " AND " + DEADLINE_KEY + " < $9::timestamptz")
                + (filter.showDeleted() ? "" : " AND deleted_at IS NULL")
                + (after
                        ? " AND (" + key + ", mission_id) " + (byDeadline ? ">" : "<") + " ($2::timestamptz, $3::uuid)"
                        : " AND $2::timestamptz IS NULL AND $3::uuid IS NULL")
                + (byDeadline
                        ? " ORDER BY " + DEADLINE_KEY + ", mission_id LIMIT $1::int"
                        : " ORDER BY created_at DESC, mission_id DESC LIMIT $1::int");
    }

    private static String array(List<String> values) {
        return new JsonArray(List.copyOf(values)).encode();
    }

    private static @Nullable Pause pause(Row row) {
        var since = Rows.nullableInstant(row, "paused_at");
        return since == null ? null : new Pause(row.getUUID("paused_hop_id"), row.getUUID("paused_step_id"), since);
    }

    private static Mission toMission(Row row) {
        return new Mission(
                row.getUUID("mission_id"),
                row.getUUID("user_id"),
                new Mission.Fields(
                        row.getString("name"),
                        row.getString("description"),
                        row.getString("goal"),
                        new JsonArray(row.getString("success_criteria"))
                                .stream().map(String.class::cast).toList(),
                        row.getString("metadata"),
                        row.getString("client"),
                        row.getLong("budget_amount"),
                        row.getString("budget_currency"),
                        Rows.nullableInstant(row, "deadline"),
                        row.getString("assigned_to"),
                        row.getString("github_url")),
                Rows.value(row, "status", MissionStatus.class),
                row.getUUID("current_hop_id"),
                row.getBoolean("running"),
                pause(row),
                row.getString("status_reason"),
                Rows.nullableInstant(row, "qa_at"),
                Rows.nullableInstant(row, "completed_at"),
                Rows.nullableInstant(row, "deleted_at"),
                Rows.nullableInstant(row, "purge_at"),
                Rows.nullableInstant(row, "deadline_warned_at"),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }
}
