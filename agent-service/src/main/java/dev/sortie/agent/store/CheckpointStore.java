package dev.sortie.agent.store;

import static dev.sortie.agent.store.WorkOrderStore.column;

import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** How far work has got. Who writes a checkpoint, or takes it away, has the order's state locked. */
public final class CheckpointStore {
    private static final String PUT = """
            INSERT INTO work_order_checkpoints (work_order_id, checkpoint, updated_at)
            SELECT c.work_order_id, c.checkpoint::jsonb, $3::timestamptz
            FROM unnest($1::uuid[], $2::text[]) AS c (work_order_id, checkpoint)
            ON CONFLICT (work_order_id) DO UPDATE
            SET checkpoint = excluded.checkpoint, updated_at = excluded.updated_at
            """;
    private static final String FIND = """
            SELECT work_order_id, checkpoint::text AS checkpoint FROM work_order_checkpoints
            WHERE work_order_id = ANY ($1::uuid[])
            """;
    private static final String FORGET = "DELETE FROM work_order_checkpoints WHERE work_order_id = ANY ($1::uuid[])";

    /**
     * Writes checkpoints in place of those before.
     *
     * @param checkpoints JSON objects by order
     */
    public void put(Tx tx, Map<UUID, String> checkpoints) {
        var entries = List.copyOf(checkpoints.entrySet());
        tx.send(
                PUT,
                column(UUID.class, entries, Map.Entry::getKey),
                column(String.class, entries, Map.Entry::getValue),
                tx.now());
    }

    /** The checkpoints of those of the orders that have one, as JSON objects by order. */
    public Map<UUID, String> find(Queries queries, Collection<UUID> workOrderIds) {
        var found = new HashMap<UUID, String>();
        queries.list(FIND, row -> found.put(row.getUUID("work_order_id"), row.getString("checkpoint")), workOrderIds);
        return found;
    }

    /** Takes the checkpoints of orders away. */
    public void forget(Tx tx, Collection<UUID> workOrderIds) {
        tx.send(FORGET, new ArrayList<>(workOrderIds));
    }
}
