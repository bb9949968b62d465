package dev.sortie.mission.store;

import dev.sortie.mission.domain.HopSteps.OpenStep;
import dev.sortie.mission.domain.MissionTree;
import dev.sortie.mission.domain.MissionTree.CutStep;
import dev.sortie.mission.domain.StoppedRun;
import dev.sortie.mission.domain.ToolStep;
import dev.sortie.mission.domain.ToolStepStatus;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The tool_steps table. Whoever writes more than the order's id holds the lock of the mission, so that the order of a
 * hop's steps stays without gaps.
 */
public final class ToolStepStore {
    // The result is left out where many steps are read: it may be large. s is the step, h its hop.
    private static final String FEW_COLUMNS = """
            s.tool_step_id, s.hop_id, h.mission_id, s.tool_id, s.name, s.description, s.status, s.sequence_order,
            s.parameter_mapping::text AS parameter_mapping, s.result_mapping::text AS result_mapping,
            s.resource_configs::text AS resource_configs, s.pause_before, s.validation_errors::text AS validation_errors,
            s.error_message, s.attempt, s.work_order_id, s.stopped_run, s.started_at, s.completed_at, s.created_at,
            s.updated_at, s.version
            """;
    private static final String COLUMNS = FEW_COLUMNS + ", s.execution_result::text AS execution_result\n";
    private static final String INSERT = """
            WITH s AS (
                INSERT INTO tool_steps (tool_step_id, hop_id, tool_id, name, description, status, sequence_order,
                                        parameter_mapping, result_mapping, resource_configs, validation_errors,
                                        pause_before, created_at, updated_at)
                VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, 'PENDING', $6::int, $7::text::jsonb,
                        $8::text::jsonb, $9::text::jsonb, $10::text::jsonb, $11::boolean, $12::timestamptz,
                        $12::timestamptz)
                RETURNING tool_steps.*
            )
            SELECT
            """ + COLUMNS + "FROM s JOIN hops h USING (hop_id)";
    private static final String INSERT_AS_IT_WAS = """
            INSERT INTO tool_steps (tool_step_id, hop_id, tool_id, name, description, status, sequence_order,
                                    parameter_mapping, result_mapping, resource_configs, validation_errors,
                                    execution_result, error_message, attempt, started_at, completed_at, created_at,
                                    updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::int, $8::text::jsonb, $9::text::jsonb,
                    $10::text::jsonb, $11::text::jsonb, $12::text::jsonb, $13::text, $14::int, $15::timestamptz,
                    $16::timestamptz, $17::timestamptz, $18::timestamptz)
            """;
    // Not one of a hidden mission.
    private static final String FIND = "SELECT " + COLUMNS + """
                    FROM tool_steps s JOIN hops h USING (hop_id) JOIN missions m USING (mission_id)
                    WHERE s.tool_step_id = $1::uuid AND m.deleted_at IS NULL
                    """;
    private static final String LOCK = "SELECT " + COLUMNS + """
                    FROM tool_steps s JOIN hops h USING (hop_id)
                    WHERE s.tool_step_id = $1::uuid
                    FOR NO KEY UPDATE OF s
                    """;
    // It ends no attempt and begins none before the transaction ends.
    private static final String HOLD = """
            SELECT h.mission_id, s.status, s.attempt FROM tool_steps s JOIN hops h USING (hop_id)
            WHERE s.tool_step_id = $1::uuid
            FOR SHARE OF s
            """;
    private static final String MISSION_OF = """
            SELECT h.mission_id FROM tool_steps s JOIN hops h USING (hop_id) WHERE s.tool_step_id = $1::uuid
            """;
    // Behind the step where the page before ended, wherever that is by now; if it is gone, its place is another's.
    private static final String LIST = "SELECT " + FEW_COLUMNS + """
                    FROM tool_steps s JOIN hops h USING (hop_id)
                    WHERE s.hop_id = $1::uuid AND ($5::text = '' OR s.tool_id = $5::text) AND s.sequence_order > coalesce(
                        (SELECT l.sequence_order FROM tool_steps l
                         WHERE l.tool_step_id = $2::uuid AND l.hop_id = $1::uuid), $3::int - 1)
                    ORDER BY s.sequence_order LIMIT $4::int
                    """;
    private static final String LIST_BY_STATUS = "SELECT " + FEW_COLUMNS + """
                    FROM tool_steps s JOIN hops h USING (hop_id)
                    WHERE s.hop_id = $1::uuid AND ($5::text = '' OR s.tool_id = $5::text) AND s.status = $6::text
                      AND s.sequence_order > coalesce(
                        (SELECT l.sequence_order FROM tool_steps l
                         WHERE l.tool_step_id = $2::uuid AND l.hop_id = $1::uuid), $3::int - 1)
                    ORDER BY s.sequence_order LIMIT $4::int
                    """;
    // Without what is long: it is cut here, before it costs anything. The stored size comes first, because it is known
    // without unpacking.
    private static final String LIST_OF_TREE = """
            SELECT s.tool_step_id, s.hop_id, h.mission_id, s.tool_id, s.name, left(s.description, $5::int) AS description,
                   s.status, s.sequence_order, s.pause_before, left(s.error_message, $5::int) AS error_message, s.attempt,
                   s.work_order_id, s.stopped_run, s.started_at, s.completed_at, s.created_at, s.updated_at, s.version,
                   CASE WHEN pg_column_size(s.parameter_mapping) <= $6::int
                             AND octet_length(s.parameter_mapping::text) <= $6::int
                       THEN s.parameter_mapping::text END AS parameter_mapping,
                   CASE WHEN pg_column_size(s.result_mapping) <= $6::int
                             AND octet_length(s.result_mapping::text) <= $6::int
                       THEN s.result_mapping::text END AS result_mapping,
                   CASE WHEN pg_column_size(s.resource_configs) <= $6::int
                             AND octet_length(s.resource_configs::text) <= $6::int
                       THEN s.resource_configs::text END AS resource_configs,
                   CASE WHEN pg_column_size(s.validation_errors) <= $6::int
                             AND octet_length(s.validation_errors::text) <= $6::int
                       THEN s.validation_errors::text END AS validation_errors,
                   CASE WHEN $7::int > 0 AND pg_column_size(s.execution_result) <= $7::int
                             AND octet_length(s.execution_result::text) <= $7::int
                       THEN s.execution_result::text END AS execution_result,
                   s.execution_result IS NOT NULL AS has_result
            FROM tool_steps s JOIN hops h USING (hop_id)
            WHERE h.mission_id = $1::uuid AND h.sequence_order >= $2::int
              AND (h.sequence_order > $2::int OR s.sequence_order > $3::int)
            ORDER BY h.sequence_order, s.sequence_order LIMIT $4::int
            """;
    private static final List<String> CUT_COLUMNS =
            List.of("parameter_mapping", "result_mapping", "resource_configs", "validation_errors");
    private static final String IS_HOP_VISIBLE = """
            SELECT EXISTS (
                SELECT FROM hops h JOIN missions m USING (mission_id)
                WHERE h.hop_id = $1::uuid AND m.deleted_at IS NULL) AS visible
            """;
    private static final String OPEN = """
            SELECT tool_step_id, name, status FROM tool_steps
            WHERE hop_id = $1::uuid AND status IN ('PENDING', 'RUNNING', 'FAILED')
            ORDER BY sequence_order
            """;
    private static final String FIRST_OPEN = "SELECT " + COLUMNS + """
                    FROM tool_steps s JOIN hops h USING (hop_id)
                    WHERE s.hop_id = $1::uuid AND s.status IN ('PENDING', 'RUNNING', 'FAILED')
                    ORDER BY s.sequence_order LIMIT 1
                    """;
    private static final String COUNT_OPEN_OF_TOOL = """
            SELECT count(*) AS open FROM tool_steps
            WHERE tool_id = $1::text AND status IN ('PENDING', 'RUNNING', 'FAILED')
            """;
    private static final String COUNT_OF_HOP = "SELECT count(*)::int AS size FROM tool_steps WHERE hop_id = $1::uuid";
    // Where a new step may go: how many there are, and the first place behind everything that has begun.
    private static final String PLACES = """
            SELECT count(*)::int AS size,
                   coalesce(max(sequence_order) FILTER (WHERE started_at IS NOT NULL) + 1, 0) AS free_from
            FROM tool_steps WHERE hop_id = $1::uuid
            """;
    // The assets that unfinished steps before a place of a mission will fill.
    private static final String FILLED_BEFORE = """
            SELECT DISTINCT (r.mapping ->> 'asset_id')::uuid AS asset_id
            FROM hops h
            JOIN tool_steps s USING (hop_id)
            CROSS JOIN LATERAL jsonb_each(s.result_mapping) AS r (field, mapping)
            WHERE h.mission_id = $1::uuid AND h.status IN ('PENDING', 'ACTIVE')
              AND (h.sequence_order, s.sequence_order) < ($2::int, $3::int)
              AND s.status IN ('PENDING', 'RUNNING', 'FAILED')
              AND r.mapping ->> 'type' = 'asset_field'
            """;
    // Moves the steps of a stretch by some places. One statement, because the order is unique only at its end.
    private static final String SHIFT = """
            UPDATE tool_steps s
            SET sequence_order = s.sequence_order + $4::int, updated_at = $5::timestamptz, version = s.version + 1
            FROM hops h
            WHERE s.hop_id = $1::uuid AND h.hop_id = s.hop_id AND s.sequence_order BETWEEN $2::int AND $3::int
            RETURNING
            """ + FEW_COLUMNS;
    // Puts one step to another place and moves those between by one.
    private static final String MOVE = """
            UPDATE tool_steps s
            SET sequence_order = CASE
                    WHEN s.tool_step_id = $2::uuid THEN $4::int
                    WHEN $3::int < $4::int THEN s.sequence_order - 1
                    ELSE s.sequence_order + 1
                END,
                updated_at = $5::timestamptz, version = s.version + 1
            FROM hops h
            WHERE s.hop_id = $1::uuid AND h.hop_id = s.hop_id
              AND s.sequence_order BETWEEN least($3::int, $4::int) AND greatest($3::int, $4::int)
            RETURNING
            """ + FEW_COLUMNS;
    private static final String UPDATE_FIELDS = """
            UPDATE tool_steps s
            SET tool_id = $2::text, name = $3::text, description = $4::text, parameter_mapping = $5::text::jsonb,
                result_mapping = $6::text::jsonb, resource_configs = $7::text::jsonb,
                validation_errors = $8::text::jsonb, updated_at = $9::timestamptz, pause_before = $10::boolean,
                version = s.version + 1
            FROM hops h
            WHERE s.tool_step_id = $1::uuid AND h.hop_id = s.hop_id
            RETURNING
            """ + COLUMNS;
    private static final String UPDATE_STATE = """
            UPDATE tool_steps s
            SET status = $2::text, validation_errors = $3::text::jsonb, execution_result = $4::text::jsonb,
                error_message = $5::text, attempt = $6::int, work_order_id = $7::uuid, stopped_run = $8::text,
                started_at = $9::timestamptz, completed_at = $10::timestamptz, updated_at = $11::timestamptz,
                version = s.version + 1
            FROM hops h
            WHERE s.tool_step_id = $1::uuid AND h.hop_id = s.hop_id
            RETURNING
            """ + COLUMNS;
    // Only while that very attempt is awaited, and only once. Takes the lock of the step and no other.
    private static final String MARK_PLACED = """
            UPDATE tool_steps s
            SET work_order_id = $3::uuid, updated_at = $4::timestamptz, version = s.version + 1
            FROM hops h
            WHERE s.tool_step_id = $1::uuid AND h.hop_id = s.hop_id AND s.attempt = $2::int AND s.status = 'RUNNING'
              AND s.work_order_id IS NULL
            RETURNING
            """ + FEW_COLUMNS;
    private static final String CANCEL_OF_HOP = """
            UPDATE tool_steps s
            SET status = 'CANCELLED', completed_at = $2::timestamptz, updated_at = $2::timestamptz, version = s.version + 1
            FROM hops h
            WHERE s.hop_id = $1::uuid AND h.hop_id = s.hop_id AND s.status IN ('PENDING', 'RUNNING')
            RETURNING
            """ + FEW_COLUMNS;
    private static final String CANCEL_OF_MISSION = """
            UPDATE tool_steps s
            SET status = 'CANCELLED', completed_at = $2::timestamptz, updated_at = $2::timestamptz, version = s.version + 1
            FROM hops h
            WHERE h.mission_id = $1::uuid AND h.hop_id = s.hop_id AND s.status IN ('PENDING', 'RUNNING')
            RETURNING
            """ + FEW_COLUMNS;
    private static final String INTERRUPT_OF_MISSION = """
            UPDATE tool_steps s
            SET status = 'FAILED', error_message = $3::text, completed_at = $2::timestamptz,
                updated_at = $2::timestamptz, version = s.version + 1
            FROM hops h
            WHERE h.mission_id = $1::uuid AND h.hop_id = s.hop_id AND s.status = 'RUNNING'
            RETURNING
            """ + FEW_COLUMNS;
    private static final String DELETE = "DELETE FROM tool_steps WHERE tool_step_id = $1::uuid";
    private static final String DELETE_OF_HOP = """
            DELETE FROM tool_steps s USING hops h WHERE s.hop_id = $1::uuid AND h.hop_id = s.hop_id
            RETURNING
            """ + FEW_COLUMNS;
    private static final String DELETE_OF_MISSION = """
            DELETE FROM tool_steps s USING hops h WHERE h.mission_id = $1::uuid AND h.hop_id = s.hop_id
            RETURNING
            """ + FEW_COLUMNS;
    private static final String RUNNING_AMONG =
            "SELECT tool_step_id FROM tool_steps WHERE tool_step_id = ANY ($1::uuid[]) AND status = 'RUNNING'";
    // Not those that began a moment ago: their orders are most likely under way.
    private static final String LIST_RUNNING = "SELECT " + FEW_COLUMNS + """
                    FROM tool_steps s JOIN hops h USING (hop_id)
                    WHERE s.status = 'RUNNING' AND s.tool_step_id > $1::uuid AND s.started_at <= $2::timestamptz
                    ORDER BY s.tool_step_id LIMIT $3::int
                    """;

    /**
     * How many steps a hop has, and from where on one can be inserted.
     *
     * @param size the number of steps, hence the place of the next one
     * @param freeFrom the first place behind every step that has begun
     */
    public record Places(int size, int freeFrom) {}

    public ToolStep insert(
            Tx tx, UUID id, UUID hopId, ToolStep.Fields fields, ToolStep.State state, int sequenceOrder) {
        return tx.find(
                        INSERT,
                        ToolStepStore::toStep,
                        id,
                        hopId,
                        fields.toolId(),
                        fields.name(),
                        fields.description(),
                        sequenceOrder,
                        StepJson.ofParameters(fields.parameterMapping()),
                        StepJson.ofResults(fields.resultMapping()),
                        fields.resourceConfigs(),
                        StepJson.ofErrors(state.validationErrors()),
                        fields.pauseBefore(),
                        tx.now())
                .orElseThrow();
    }

    /** How far a step is: which attempt of which mission's, and whether it runs. */
    public record Held(UUID missionId, ToolStepStatus status, int attempt) {}

    /** Creates a step in the state in which it was elsewhere. */
    public void insertAsItWas(Tx tx, ToolStep step) {
        var fields = step.fields();
        var state = step.state();
        tx.update(
                INSERT_AS_IT_WAS,
                step.id(),
                step.hopId(),
                fields.toolId(),
                fields.name(),
                fields.description(),
                state.status(),
                step.sequenceOrder(),
                StepJson.ofParameters(fields.parameterMapping()),
                StepJson.ofResults(fields.resultMapping()),
                fields.resourceConfigs(),
                StepJson.ofErrors(state.validationErrors()),
                state.executionResult(),
                state.errorMessage(),
                state.attempt(),
                state.startedAt(),
                state.completedAt(),
                step.createdAt(),
                step.updatedAt());
    }

    /** A step of a mission that is not hidden. */
    public Optional<ToolStep> find(Queries queries, UUID id) {
        return queries.find(FIND, ToolStepStore::toStep, id);
    }

    /** How far a step is, and stays until the end of the transaction. Others may hold it too. */
    public Optional<Held> hold(Tx tx, UUID id) {
        return tx.find(
                HOLD,
                row -> new Held(
                        row.getUUID("mission_id"),
                        Rows.value(row, "status", ToolStepStatus.class),
                        row.getInteger("attempt")),
                id);
    }

    /** A step, held until the end of the transaction; its mission may be hidden. */
    public Optional<ToolStep> lock(Tx tx, UUID id) {
        return tx.find(LOCK, ToolStepStore::toStep, id);
    }

    /** The mission of a step, which never changes. */
    public Optional<UUID> missionOf(Queries queries, UUID id) {
        return queries.find(MISSION_OF, row -> row.getUUID("mission_id"), id);
    }

    /**
     * Which steps of a hop a list shows.
     *
     * @param status only those in it, where given
     * @param toolId only those that use it; empty for all
     */
    public record Filter(UUID hopId, @Nullable ToolStepStatus status, String toolId) {}

    /**
     * A page of a hop's steps, in their order, without their results.
     *
     * @param after place and id of the last one of the page before, where there is one
     */
    public List<ToolStep> list(Queries queries, Filter filter, @Nullable Keyset after, int limit) {
        var hopId = filter.hopId();
        var toolId = filter.toolId();
        var id = after == null ? null : after.uuid(1);
        long place = after == null ? 0 : after.number(0);
        return filter.status() == null
                ? queries.list(LIST, ToolStepStore::toStepWithoutResult, hopId, id, place, limit, toolId)
                : queries.list(
                        LIST_BY_STATUS,
                        ToolStepStore::toStepWithoutResult,
                        hopId,
                        id,
                        place,
                        limit,
                        toolId,
                        filter.status());
    }

    /**
     * Steps of a mission without what is long, in the order of its hops and in theirs.
     *
     * @param hopPlace the place of the first hop
     * @param stepPlace the place in that hop behind which to begin; -1 for all of it
     * @param withResults whether to return results, too
     */
    public List<CutStep> listOfTree(
            Queries queries, UUID missionId, int hopPlace, int stepPlace, boolean withResults, int limit) {
        return queries.list(
                LIST_OF_TREE,
                row -> toCutStep(row, withResults),
                missionId,
                hopPlace,
                stepPlace,
                limit,
                MissionTree.TEXT + 1,
                MissionTree.JSON,
                withResults ? MissionTree.RESULT : 0);
    }

    /** Whether a hop exists, in a mission that is not hidden. */
    public boolean isHopVisible(Queries queries, UUID hopId) {
        return queries.find(IS_HOP_VISIBLE, row -> row.getBoolean("visible"), hopId)
                .orElseThrow();
    }

    /** What is neither completed nor cancelled in a hop, in its order. */
    public List<OpenStep> open(Queries queries, UUID hopId) {
        return queries.list(
                OPEN,
                row -> new OpenStep(row.getUUID("tool_step_id"), row.getString("name"), row.getString("status")),
                hopId);
    }

    /** The first step of a hop that is neither completed nor cancelled. */
    public Optional<ToolStep> firstOpen(Queries queries, UUID hopId) {
        return queries.find(FIRST_OPEN, ToolStepStore::toStep, hopId);
    }

    /** How many steps that are neither completed nor cancelled use a tool. */
    public long countOpenOfTool(Queries queries, String toolId) {
        return queries.find(COUNT_OPEN_OF_TOOL, row -> row.getLong("open"), toolId)
                .orElseThrow();
    }

    public int countOfHop(Queries queries, UUID hopId) {
        return queries.find(COUNT_OF_HOP, row -> row.getInteger("size"), hopId).orElseThrow();
    }

    public Places places(Tx tx, UUID hopId) {
        return tx.find(PLACES, row -> new Places(row.getInteger("size"), row.getInteger("free_from")), hopId)
                .orElseThrow();
    }

    /** The assets that unfinished steps of the mission fill which come before that place of that hop. */
    public Set<UUID> filledBefore(Queries queries, UUID missionId, int hopPlace, int stepPlace) {
        return new HashSet<>(
                queries.list(FILLED_BEFORE, row -> row.getUUID("asset_id"), missionId, hopPlace, stepPlace));
    }

    /** Moves the steps from one place to another, both included, by some places; tells which. */
    public List<ToolStep> shift(Tx tx, UUID hopId, int from, int to, int by) {
        return tx.list(SHIFT, ToolStepStore::toStepWithoutResult, hopId, from, to, by, tx.now());
    }

    /** Puts a step to another place; tells all that moved, the step itself included. */
    public List<ToolStep> move(Tx tx, ToolStep step, int place) {
        return tx.list(
                MOVE,
                ToolStepStore::toStepWithoutResult,
                step.hopId(),
                step.id(),
                step.sequenceOrder(),
                place,
                tx.now());
    }

    /** Writes what callers set, and what the validation of it found. */
    public ToolStep updateFields(Tx tx, ToolStep step) {
        var fields = step.fields();
        return tx.find(
                        UPDATE_FIELDS,
                        ToolStepStore::toStep,
                        step.id(),
                        fields.toolId(),
                        fields.name(),
                        fields.description(),
                        StepJson.ofParameters(fields.parameterMapping()),
                        StepJson.ofResults(fields.resultMapping()),
                        fields.resourceConfigs(),
                        StepJson.ofErrors(step.state().validationErrors()),
                        tx.now(),
                        fields.pauseBefore())
                .orElseThrow();
    }

    /** Writes where a step stands. */
    public ToolStep updateState(Tx tx, UUID id, ToolStep.State state) {
        return tx.find(
                        UPDATE_STATE,
                        ToolStepStore::toStep,
                        id,
                        state.status(),
                        StepJson.ofErrors(state.validationErrors()),
                        state.executionResult(),
                        state.errorMessage(),
                        state.attempt(),
                        state.workOrderId(),
                        state.stoppedRun(),
                        state.startedAt(),
                        state.completedAt(),
                        tx.now())
                .orElseThrow();
    }

    /** Notes which order executes a step's attempt; empty when that attempt is over or the order is known already. */
    public Optional<ToolStep> markPlaced(Tx tx, UUID id, int attempt, UUID workOrderId) {
        return tx.find(MARK_PLACED, ToolStepStore::toStepWithoutResult, id, attempt, workOrderId, tx.now());
    }

    /** Cancels the pending and running steps of a hop; tells which, as they are now. */
    public List<ToolStep> cancelOfHop(Tx tx, UUID hopId) {
        return tx.list(CANCEL_OF_HOP, ToolStepStore::toStepWithoutResult, hopId, tx.now());
    }

    /** Cancels the pending and running steps of a mission; tells which, as they are now. */
    public List<ToolStep> cancelOfMission(Tx tx, UUID missionId) {
        return tx.list(CANCEL_OF_MISSION, ToolStepStore::toStepWithoutResult, missionId, tx.now());
    }

    /** Fails the running steps of a mission; tells which, as they are now. */
    public List<ToolStep> interruptOfMission(Tx tx, UUID missionId, String message) {
        return tx.list(INTERRUPT_OF_MISSION, ToolStepStore::toStepWithoutResult, missionId, tx.now(), message);
    }

    public void delete(Tx tx, UUID id) {
        tx.send(DELETE, id);
    }

    /** Deletes the steps of a hop; tells which, as they were. */
    public List<ToolStep> deleteOfHop(Tx tx, UUID hopId) {
        return tx.list(DELETE_OF_HOP, ToolStepStore::toStepWithoutResult, hopId);
    }

    /** Deletes the steps of a mission; tells which, as they were. */
    public List<ToolStep> deleteOfMission(Tx tx, UUID missionId) {
        return tx.list(DELETE_OF_MISSION, ToolStepStore::toStepWithoutResult, missionId);
    }

    /** Which of these steps are running. */
    public Set<UUID> runningAmong(Queries queries, Collection<UUID> ids) {
        return new HashSet<>(queries.list(RUNNING_AMONG, row -> row.getUUID("tool_step_id"), ids));
    }

    /**
     * Running steps by id, without their results.
     *
     * @param after the last id of the page before
     * @param startedBy only those that began at this time or earlier
     */
    public List<ToolStep> listRunning(Queries queries, UUID after, Instant startedBy, int limit) {
        return queries.list(LIST_RUNNING, ToolStepStore::toStepWithoutResult, after, startedBy, limit);
    }

    private static ToolStep toStep(Row row) {
        return toStep(row, row.getString("execution_result"));
    }

    private static ToolStep toStepWithoutResult(Row row) {
        return toStep(row, null);
    }

    private static CutStep toCutStep(Row row, boolean withResults) {
        var leftOut = new ArrayList<String>();
        for (var column : CUT_COLUMNS) {
            if (row.getString(column) == null) {
                leftOut.add(column);
            }
        }
        var result = row.getString("execution_result");
        if (withResults && result == null && row.getBoolean("has_result")) {
            leftOut.add("execution_result");
        }
        return new CutStep(toStep(row, result), List.copyOf(leftOut));
    }

    /** JSON that is never null in its table, but left out of a tree where it is long. */
    private static String json(Row row, String column, String empty) {
        var json = row.getString(column);
        return json == null ? empty : json;
    }

    private static ToolStep toStep(Row row, @Nullable String executionResult) {
        return new ToolStep(
                row.getUUID("tool_step_id"),
                row.getUUID("hop_id"),
                row.getUUID("mission_id"),
                new ToolStep.Fields(
                        row.getString("tool_id"),
                        row.getString("name"),
                        row.getString("description"),
                        StepJson.toParameters(json(row, "parameter_mapping", "{}")),
                        StepJson.toResults(json(row, "result_mapping", "{}")),
                        json(row, "resource_configs", "{}"),
                        row.getBoolean("pause_before")),
                row.getInteger("sequence_order"),
                new ToolStep.State(
                        Rows.value(row, "status", ToolStepStatus.class),
                        StepJson.toErrors(json(row, "validation_errors", "[]")),
                        executionResult,
                        row.getString("error_message"),
                        row.getInteger("attempt"),
                        row.getUUID("work_order_id"),
                        Rows.value(row, "stopped_run", StoppedRun.class),
                        Rows.nullableInstant(row, "started_at"),
                        Rows.nullableInstant(row, "completed_at")),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }
}
