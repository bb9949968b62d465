package dev.sortie.mission.store;

import dev.sortie.mission.domain.Move;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The moves table. Rows are only ever added; they go with the mission, project, plan or task that they are about. */
public final class MoveStore {
    private static final String ADD = """
            INSERT INTO moves (resource, resource_id, mission_id, project_id, plan_id, task_id, from_status, to_status, actor,
                               reason, moved_at)
            SELECT m.resource, m.resource_id,
                   CASE WHEN m.root = 'MISSION' THEN m.root_id END, CASE WHEN m.root = 'PROJECT' THEN m.root_id END,
                   CASE WHEN m.root = 'PLAN' THEN m.root_id END, CASE WHEN m.root = 'TASK' THEN m.root_id END,
                   m.from_status, m.to_status, $8::text, m.reason, $9::timestamptz
            FROM unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[])
                 WITH ORDINALITY AS m (resource, resource_id, root, root_id, from_status, to_status, reason, position)
            ORDER BY m.position
            """;

    /** Adds moves in their order, without waiting for it. */
    public void add(Tx tx, List<Move> moves) {
        int size = moves.size();
        var resources = new String[size];
        var resourceIds = new UUID[size];
        var roots = new String[size];
        var rootIds = new UUID[size];
        var from = new @Nullable String[size];
        var to = new String[size];
        var reasons = new String[size];
        for (int i = 0; i < size; i++) {
            var move = moves.get(i);
            resources[i] = move.resource().name();
            resourceIds[i] = move.resourceId();
            roots[i] = move.resource().root().name();
            rootIds[i] = move.rootId();
            from[i] = move.from();
            to[i] = move.to();
            reasons[i] = move.reason();
        }
        tx.send(
                ADD,
                resources,
                resourceIds,
                roots,
                rootIds,
                from,
                to,
                reasons,
                tx.principal().actor(),
                tx.now());
    }

    /**
     * A page of a timeline, newest first.
     *
     * @param resource only moves of such resources, where given
     * @param resourceId only moves of this one, where given
     * @param after the id of the last one of the page before, where there is one
     */
    public List<Move.Recorded> list(
            Queries queries,
            Move.Root root,
            UUID rootId,
            Move.@Nullable Resource resource,
            @Nullable UUID resourceId,
            @Nullable Keyset after,
            int limit) {
        return queries.list(
                listSql(root, resource != null, resourceId != null),
                MoveStore::toMove,
                rootId,
                limit,
                after == null ? Long.MAX_VALUE : after.number(0),
                resource,
                resourceId);
    }

    // One text per root and filter: each has a plan of its own, with the index that serves it.
    private static String listSql(Move.Root root, boolean ofResource, boolean ofOne) {
        var column = switch (root) {
            case MISSION -> "mission_id";
            case PROJECT -> "project_id";
            case PLAN -> "plan_id";
            case TASK -> "task_id";
        };
        return "SELECT move_id, resource, resource_id, from_status, to_status, actor, reason, moved_at FROM moves WHERE "
                + column + " = $1::uuid AND move_id < $3::bigint"
                + (ofResource ? " AND resource = $4::text" : " AND $4::text IS NULL")
                + (ofOne ? " AND resource_id = $5::uuid" : " AND $5::uuid IS NULL")
                + " ORDER BY move_id DESC LIMIT $2::int";
    }

    private static Move.Recorded toMove(Row row) {
        return new Move.Recorded(
                row.getLong("move_id"),
                Rows.value(row, "resource", Move.Resource.class),
                row.getUUID("resource_id"),
                row.getString("from_status"),
                row.getString("to_status"),
                row.getString("actor"),
                row.getString("reason"),
                Rows.instant(row, "moved_at"));
    }
}
