package dev.sortie.mission.store;

import dev.sortie.mission.domain.DodCategory;
import dev.sortie.mission.domain.DodItem;
import dev.sortie.mission.domain.Refusals;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.core.json.JsonObject;
import io.vertx.sqlclient.Row;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The dod_items table. Whoever writes holds the lock of the mission. */
public final class DodItemStore {
    private static final String COLUMNS = """
            dod_item_id, mission_id, text, category, completed, evidence::text AS evidence, completed_by, completed_at,
            created_at, updated_at, version
            """;
    private static final String INSERT = """
            INSERT INTO dod_items (dod_item_id, mission_id, text, category, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::timestamptz, $5::timestamptz)
            RETURNING
            """ + COLUMNS;
    private static final String INSERT_AS_IT_WAS = """
            INSERT INTO dod_items (dod_item_id, mission_id, text, category, completed, completed_at, created_at, updated_at)
            VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::boolean, $6::timestamptz, $7::timestamptz, $8::timestamptz)
            """;
    private static final String COUNT = "SELECT count(*)::int AS items FROM dod_items WHERE mission_id = $1::uuid";
    private static final String LOCK =
            "SELECT " + COLUMNS + "FROM dod_items WHERE dod_item_id = $1::uuid FOR NO KEY UPDATE";
    private static final String MISSION_OF = "SELECT mission_id FROM dod_items WHERE dod_item_id = $1::uuid";
    private static final String UPDATE_FIELDS = """
            UPDATE dod_items
            SET text = $2::text, category = $3::text, updated_at = $4::timestamptz, version = version + 1
            WHERE dod_item_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String COMPLETE = """
            UPDATE dod_items
            SET completed = true, evidence = $2::text::jsonb, completed_by = $3::uuid, completed_at = $4::timestamptz,
                updated_at = $4::timestamptz, version = version + 1
            WHERE dod_item_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String REOPEN = """
            UPDATE dod_items
            SET completed = false, evidence = NULL, completed_by = NULL, completed_at = NULL,
                updated_at = $2::timestamptz, version = version + 1
            WHERE dod_item_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    // In the order of the ids, so that two transactions never wait for each other.
    private static final String LOCK_MISSIONS_OF_COMPLETER = """
            SELECT mission_id FROM missions
            WHERE mission_id IN (SELECT i.mission_id FROM dod_items i WHERE i.completed_by = $1::uuid)
            ORDER BY mission_id FOR NO KEY UPDATE
            """;
    private static final String FORGET_COMPLETER = """
            UPDATE dod_items
            SET completed_by = NULL, updated_at = $2::timestamptz, version = version + 1
            WHERE completed_by = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String DELETE = "DELETE FROM dod_items WHERE dod_item_id = $1::uuid";
    private static final String DELETE_OF_MISSION =
            "DELETE FROM dod_items WHERE mission_id = $1::uuid RETURNING " + COLUMNS;

    /**
     * Which items a list shows, by creation and id.
     *
     * @param category only those of it, where given
     * @param completed only complete or only open ones, where given
     */
    public record Filter(
            UUID missionId,
            @Nullable DodCategory category,
            @Nullable Boolean completed) {}

    public DodItem insert(Tx tx, UUID id, UUID missionId, DodItem.Fields fields) {
        return tx.find(INSERT, DodItemStore::toItem, id, missionId, fields.text(), fields.category(), tx.now())
                .orElseThrow();
    }

    /** Creates an item in the state in which it was elsewhere. */
    public void insertAsItWas(Tx tx, DodItem item) {
        tx.update(
                INSERT_AS_IT_WAS,
                item.id(),
                item.missionId(),
                item.fields().text(),
                item.fields().category(),
                item.completed(),
                item.completedAt(),
                item.createdAt(),
                item.updatedAt());
    }

    /** How many items a mission has. */
    public int count(Queries queries, UUID missionId) {
        return queries.find(COUNT, row -> row.getInteger("items"), missionId).orElseThrow();
    }

    /** An item, held until the end of the transaction. */
    public Optional<DodItem> lock(Tx tx, UUID id) {
        return tx.find(LOCK, DodItemStore::toItem, id);
    }

    /** The mission of an item, which never changes. */
    public Optional<UUID> missionOf(Queries queries, UUID id) {
        return queries.find(MISSION_OF, row -> row.getUUID("mission_id"), id);
    }

    /**
     * A page of a mission's items.
     *
     * @param after time of creation and id of the last one of the page before, where there is one
     */
    public List<DodItem> list(Queries queries, Filter filter, @Nullable Keyset after, int limit) {
        return queries.list(
                listSql(filter, after != null),
                DodItemStore::toItem,
                filter.missionId(),
                limit,
                after == null ? null : after.instant(0),
                after == null ? null : after.uuid(1),
                filter.category(),
                filter.completed());
    }

    /** Writes what callers set. */
    public DodItem updateFields(Tx tx, UUID id, DodItem.Fields fields) {
        return tx.find(UPDATE_FIELDS, DodItemStore::toItem, id, fields.text(), fields.category(), tx.now())
                .orElseThrow();
    }

    /**
     * Completes an item. Refuses when the user whom a service acts for is gone.
     *
     * @param evidence null for none
     * @param completer who does it; null for nobody known
     */
    public DodItem complete(Tx tx, UUID id, DodItem.@Nullable Evidence evidence, @Nullable UUID completer) {
        try {
            return tx.find(COMPLETE, DodItemStore::toItem, id, json(evidence), completer, tx.now())
                    .orElseThrow();
        } catch (ConstraintViolation broken) {
            if (broken.isOf("dod_items_completed_by_fkey")) {
                throw Refusals.referenceNotFound("dod_item.completed_by", "user", String.valueOf(completer));
            }
            throw broken;
        }
    }

    /** Opens an item again. */
    public DodItem reopen(Tx tx, UUID id) {
        return tx.find(REOPEN, DodItemStore::toItem, id, tx.now()).orElseThrow();
    }

    /** Forgets that a user completed items, which stay complete; holds their missions, and tells which items. */
    public List<DodItem> forgetCompleter(Tx tx, UUID userId) {
        tx.list(LOCK_MISSIONS_OF_COMPLETER, row -> row.getUUID("mission_id"), userId);
        return tx.list(FORGET_COMPLETER, DodItemStore::toItem, userId, tx.now());
    }

    public void delete(Tx tx, UUID id) {
        tx.send(DELETE, id);
    }

    /** Deletes all items of a mission; tells which. */
    public List<DodItem> deleteOfMission(Tx tx, UUID missionId) {
        return tx.list(DELETE_OF_MISSION, DodItemStore::toItem, missionId);
    }

    // One text per combination of filters: each has a plan of its own.
    private static String listSql(Filter filter, boolean after) {
        return "SELECT " + COLUMNS + "FROM dod_items WHERE mission_id = $1::uuid"
                + (filter.category() == null ? " AND $5::text IS NULL" : " AND category = $5::text")
                + (filter.completed() == null ? " AND $6::boolean IS NULL" : " AND completed = $6::boolean")
                + (after
                        ? " AND (created_at, dod_item_id) > ($3::timestamptz, $4::uuid)"
                        : " AND $3::timestamptz IS NULL AND $4::uuid IS NULL")
                + " ORDER BY created_at, dod_item_id LIMIT $2::int";
    }

    private static @Nullable String json(DodItem.@Nullable Evidence evidence) {
        return evidence == null
                ? null
                : new JsonObject()
                        .put("type", evidence.kind().name())
                        .put("id", evidence.id().toString())
                        .encode();
    }

    private static DodItem.@Nullable Evidence evidence(@Nullable String json) {
        if (json == null) {
            return null;
        }
        var object = new JsonObject(json);
        return new DodItem.Evidence(
                DodItem.Evidence.Kind.valueOf(object.getString("type")), UUID.fromString(object.getString("id")));
    }

    private static DodItem toItem(Row row) {
        return new DodItem(
                row.getUUID("dod_item_id"),
                row.getUUID("mission_id"),
                new DodItem.Fields(row.getString("text"), Rows.value(row, "category", DodCategory.class)),
                row.getBoolean("completed"),
                evidence(row.getString("evidence")),
                row.getUUID("completed_by"),
                Rows.nullableInstant(row, "completed_at"),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }
}
