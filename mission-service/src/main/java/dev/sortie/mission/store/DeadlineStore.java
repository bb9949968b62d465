package dev.sortie.mission.store;

import dev.sortie.runtime.sql.Tx;
import java.time.Instant;
import java.util.List;
import java.util.UUID;

/**
 * The deadlines of missions, plans and tasks. Rows that somebody holds are passed over, so that nobody is waited for;
 * the next look finds them.
 */
public final class DeadlineStore {
    // What is near and was not warned of, and what has passed and was warned of at most before; see the indexes of this
    // condition.
    private static final String DUE = """
             deadline <= $2::timestamptz AND (deadline_warned_at IS NULL OR deadline_warned_at < deadline)
            AND (deadline_warned_at IS NULL OR deadline <= $1::timestamptz)
            """;
    private static final String FIRST = """
             ORDER BY deadline LIMIT $3::int FOR NO KEY UPDATE SKIP LOCKED
            """;
    private static final String WARN = """
            SET deadline_warned_at = $1::timestamptz, updated_at = $1::timestamptz, version = version + 1
            """;
    private static final String WARN_OF_MISSIONS =
            "UPDATE missions " + WARN + """
            WHERE mission_id IN (
                SELECT mission_id FROM missions
                WHERE status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED') AND deleted_at IS NULL AND
            """ + DUE + FIRST + ") RETURNING mission_id AS id";
    private static final String WARN_OF_PLANS =
            "UPDATE plans " + WARN + """
            WHERE plan_id IN (
                SELECT plan_id FROM plans p
                WHERE status IN ('DRAFT', 'ACTIVE', 'PAUSED') AND deleted_at IS NULL
                  AND EXISTS (SELECT FROM projects j WHERE j.project_id = p.project_id AND j.deleted_at IS NULL) AND
            """ + DUE + FIRST + ") RETURNING plan_id AS id";
    private static final String WARN_OF_TASKS =
            "UPDATE tasks " + WARN + """
            WHERE task_id IN (
                SELECT task_id FROM tasks t
                WHERE status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
                  AND (plan_id IS NULL OR EXISTS (
                    SELECT FROM plans p JOIN projects j USING (project_id)
                    WHERE p.plan_id = t.plan_id AND p.deleted_at IS NULL AND j.deleted_at IS NULL)) AND
            """ + DUE + FIRST + ") RETURNING task_id AS id";

    /** Notes that some missions are warned of, and tells which: those whose deadline comes first. */
    public List<UUID> warnOfMissions(Tx tx, Instant before, int limit) {
        return warn(tx, WARN_OF_MISSIONS, before, limit);
    }

    /** The same of plans. */
    public List<UUID> warnOfPlans(Tx tx, Instant before, int limit) {
        return warn(tx, WARN_OF_PLANS, before, limit);
    }

    /** The same of tasks that have a deadline of their own. */
    public List<UUID> warnOfTasks(Tx tx, Instant before, int limit) {
        return warn(tx, WARN_OF_TASKS, before, limit);
    }

    private static List<UUID> warn(Tx tx, String sql, Instant before, int limit) {
        return tx.list(sql, row -> row.getUUID("id"), tx.now(), before, limit);
    }
}
