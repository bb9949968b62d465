package dev.sortie.agent.store;

import dev.sortie.agent.domain.AttemptFigures;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.List;
import java.util.UUID;

/**
 * What has come of the attempts of agents: the figures that ends of attempts leave behind, the days to which they are
 * added, and the sums with the agents. Who adds or counts does so alone.
 */
public final class AgentFigureStore {
    // Without a lock of the agent. Most workers have none.
    private static final String LEAVE = """
            INSERT INTO agent_figures (agent_id, execution_id, day, completed_executions, failed_executions,
                timed_out_executions, response_time_us)
            SELECT w.agent_id, f.execution_id, f.day::date, f.completed, f.failed, f.timed_out, f.response_time
            FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::integer[], $6::integer[], $7::bigint[])
                AS f (worker_id, execution_id, day, completed, failed, timed_out, response_time)
            JOIN workers w ON w.worker_id = f.worker_id
            WHERE w.agent_id IS NOT NULL
            """;
    private static final String LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('agent_figures', 0))::text";
    private static final String TRY_LOCK =
            "SELECT pg_try_advisory_xact_lock(hashtextextended('agent_figures', 0)) AS locked";
    // What an agent left behind that has been deleted goes with nothing.
    private static final String ADD_UP = """
            WITH taken AS (
                DELETE FROM agent_figures f
                USING (SELECT agent_id, execution_id FROM agent_figures LIMIT $1::integer) t
                WHERE f.agent_id = t.agent_id AND f.execution_id = t.execution_id
                RETURNING f.agent_id, f.day, f.completed_executions, f.failed_executions, f.timed_out_executions,
                    f.response_time_us
            ), locked AS MATERIALIZED (
                SELECT a.agent_id FROM agents a WHERE a.agent_id IN (SELECT t.agent_id FROM taken t)
                ORDER BY a.agent_id
                FOR NO KEY UPDATE
            ), days AS (
                INSERT INTO agent_days AS d (agent_id, day, completed_executions, failed_executions,
                    timed_out_executions, response_time_us)
                SELECT t.agent_id, t.day, sum(t.completed_executions), sum(t.failed_executions),
                    sum(t.timed_out_executions), sum(t.response_time_us)
                FROM taken t
                JOIN locked l ON l.agent_id = t.agent_id
                GROUP BY t.agent_id, t.day
                ON CONFLICT (agent_id, day) DO UPDATE
                SET completed_executions = d.completed_executions + excluded.completed_executions,
                    failed_executions = d.failed_executions + excluded.failed_executions,
                    timed_out_executions = d.timed_out_executions + excluded.timed_out_executions,
                    response_time_us = d.response_time_us + excluded.response_time_us
            ), added AS (
                UPDATE agents a
                SET total_tasks_completed = a.total_tasks_completed + s.completed,
                    failed_executions = a.failed_executions + s.failed,
                    timed_out_executions = a.timed_out_executions + s.timed_out,
                    response_time_us = a.response_time_us + s.response_time
                FROM (
                    SELECT t.agent_id, sum(t.completed_executions) AS completed, sum(t.failed_executions) AS failed,
                        sum(t.timed_out_executions) AS timed_out, sum(t.response_time_us) AS response_time
                    FROM taken t
                    JOIN locked l ON l.agent_id = t.agent_id
                    GROUP BY t.agent_id
                ) s
                WHERE a.agent_id = s.agent_id
            )
            SELECT count(*)::integer AS taken FROM taken
            """;
    // Of the days of which all attempts have ended, those that nobody has counted anew. An attempt takes a day at most.
    private static final String DUE = """
            SELECT d.day::text AS day
            FROM generate_series(
                ($1::timestamptz AT TIME ZONE 'UTC')::date - 8, ($1::timestamptz AT TIME ZONE 'UTC')::date - 2,
                interval '1 day') AS g (at)
            CROSS JOIN LATERAL (SELECT g.at::date AS day) d
            WHERE NOT EXISTS (SELECT FROM agent_recounts r WHERE r.day = d.day)
            ORDER BY d.day
            """;
    private static final String IS_DONE = "SELECT mended FROM agent_recounts WHERE day = $1::text::date";
    // What a day should say is what its executions say, less what is still to be added: one statement sees both at one
    // time. An execution's id begins with the time of its claim, or a moment after it.
    private static final String MEND = """
            WITH counted AS (
                SELECT f.agent_id, count(*) FILTER (WHERE f.status = 'COMPLETED') AS completed,
                    count(*) FILTER (WHERE f.status = 'FAILED') AS failed,
                    count(*) FILTER (WHERE f.status = 'TIMEOUT') AS timed_out,
                    coalesce(sum(f.response_us) FILTER (WHERE f.status <> 'TIMEOUT'), 0) AS response_time
                FROM (
                    SELECT w.agent_id, x.status,
                        greatest(0, extract(epoch FROM x.completed_at - x.started_at) * 1000000)::bigint AS response_us
                    FROM executions x
                    JOIN workers w ON w.worker_id = x.worker_id
                    WHERE x.execution_id >= first_id_of_day($1::text::date)
                      AND x.execution_id < first_id_of_day($1::text::date + 2)
                      AND x.status IN ('COMPLETED', 'FAILED', 'TIMEOUT')
                      AND (x.started_at AT TIME ZONE 'UTC')::date = $1::text::date
                ) f
                WHERE f.agent_id IS NOT NULL
                GROUP BY f.agent_id
            ), pending AS (
                SELECT agent_id, sum(completed_executions) AS completed, sum(failed_executions) AS failed,
                    sum(timed_out_executions) AS timed_out, sum(response_time_us) AS response_time
                FROM agent_figures
                WHERE day = $1::text::date
                GROUP BY agent_id
            ), wrong AS MATERIALIZED (
                SELECT a.agent_id,
                    coalesce(c.completed, 0) - coalesce(p.completed, 0) - coalesce(d.completed_executions, 0)
                        AS completed,
                    coalesce(c.failed, 0) - coalesce(p.failed, 0) - coalesce(d.failed_executions, 0) AS failed,
                    coalesce(c.timed_out, 0) - coalesce(p.timed_out, 0) - coalesce(d.timed_out_executions, 0)
                        AS timed_out,
                    coalesce(c.response_time, 0) - coalesce(p.response_time, 0) - coalesce(d.response_time_us, 0)
                        AS response_time
                FROM agents a
                LEFT JOIN counted c ON c.agent_id = a.agent_id
                LEFT JOIN pending p ON p.agent_id = a.agent_id
                LEFT JOIN agent_days d ON d.agent_id = a.agent_id AND d.day = $1::text::date
                ORDER BY a.agent_id
                FOR NO KEY UPDATE OF a
            ), mended AS (
                INSERT INTO agent_days AS d (agent_id, day, completed_executions, failed_executions,
                    timed_out_executions, response_time_us)
                SELECT agent_id, $1::text::date, completed, failed, timed_out, response_time
                FROM wrong
                WHERE (completed, failed, timed_out, response_time) <> (0, 0, 0, 0)
                ON CONFLICT (agent_id, day) DO UPDATE
                SET completed_executions = d.completed_executions + excluded.completed_executions,
                    failed_executions = d.failed_executions + excluded.failed_executions,
                    timed_out_executions = d.timed_out_executions + excluded.timed_out_executions,
                    response_time_us = d.response_time_us + excluded.response_time_us
                RETURNING d.agent_id
            ), added AS (
                UPDATE agents a
                SET total_tasks_completed = a.total_tasks_completed + w.completed,
                    failed_executions = a.failed_executions + w.failed,
                    timed_out_executions = a.timed_out_executions + w.timed_out,
                    response_time_us = a.response_time_us + w.response_time
                FROM wrong w
                JOIN mended m ON m.agent_id = w.agent_id
                WHERE a.agent_id = w.agent_id
            )
            INSERT INTO agent_recounts (day, mended, recounted_at)
            SELECT $1::text::date, count(*), $2::timestamptz FROM mended
            RETURNING mended
            """;

    /** Leaves figures to be added to those of the workers' agents. */
    public void leave(Tx tx, List<AttemptFigures> figures) {
        tx.send(
                LEAVE,
                WorkOrderStore.column(UUID.class, figures, AttemptFigures::workerId),
                WorkOrderStore.column(UUID.class, figures, AttemptFigures::executionId),
                WorkOrderStore.column(String.class, figures, one -> one.day().toString()),
                WorkOrderStore.column(Integer.class, figures, AttemptFigures::completed),
                WorkOrderStore.column(Integer.class, figures, AttemptFigures::failed),
                WorkOrderStore.column(Integer.class, figures, AttemptFigures::timedOut),
                WorkOrderStore.column(Long.class, figures, AttemptFigures::responseMicros));
    }

    /**
     * Adds figures to their days and agents.
     *
     * @param most how many at most
     * @return how many there were; 0 also while somebody else is at it
     */
    public int addUp(Tx tx, int most) {
        boolean locked = tx.find(TRY_LOCK, row -> row.getBoolean("locked")).orElseThrow();
        return locked ? tx.find(ADD_UP, row -> row.getInteger("taken"), most).orElseThrow() : 0;
    }

    /** The days that are to be counted anew, as ISO dates. */
    public List<String> due(Queries queries) {
        return queries.list(DUE, row -> row.getString("day"), queries.now());
    }

    /**
     * Counts a day anew, once.
     *
     * @param day an ISO date
     * @return for how many agents it was not right
     */
    public int recount(Tx tx, String day) {
        tx.send(LOCK); // before the statement that counts, so that it sees what was done before
        return tx.find(IS_DONE, _ -> 0, day)
                .orElseGet(() -> tx.find(MEND, row -> row.getInteger("mended"), day, tx.now())
                        .orElseThrow());
    }
}
