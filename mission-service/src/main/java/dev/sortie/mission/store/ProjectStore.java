package dev.sortie.mission.store;

import dev.sortie.mission.domain.Project;
import dev.sortie.mission.domain.ProjectStatus;
import dev.sortie.mission.domain.Refusals;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Rows;
import dev.sortie.runtime.sql.Tx;
import io.vertx.sqlclient.Row;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The projects table. */
public final class ProjectStore {
    private static final String COLUMNS = """
            project_id, name, description, status, metadata::text AS metadata, created_by, deleted_at, purge_at,
            created_at, updated_at, version
            """;
    private static final String INSERT = """
            INSERT INTO projects (project_id, name, description, status, metadata, created_by, created_at, updated_at)
            VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text::jsonb, $6::uuid,
                    $7::timestamptz, $7::timestamptz)
            RETURNING
            """ + COLUMNS;
    private static final String FIND = "SELECT " + COLUMNS + "FROM projects WHERE project_id = $1::uuid";
    // Weak enough to let others add plans while the project's own row is held.
    private static final String LOCK = FIND + " FOR NO KEY UPDATE";
    private static final String LOCK_FOR_DELETE = FIND + " FOR UPDATE";
    private static final String LOCK_EXPIRED = "SELECT " + COLUMNS + """
            FROM projects WHERE purge_at <= $1::timestamptz
            ORDER BY purge_at LIMIT 1 FOR UPDATE SKIP LOCKED
            """;
    private static final String LOCK_PLANS = """
            SELECT plan_id FROM plans WHERE project_id = $1::uuid ORDER BY plan_id LIMIT $2::int FOR UPDATE
            """;
    private static final String UPDATE_FIELDS = """
            UPDATE projects
            SET name = $2::text, description = $3::text, status = $4::text, metadata = $5::text::jsonb,
                updated_at = $6::timestamptz, version = version + 1
            WHERE project_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String UPDATE_HIDDEN = """
            UPDATE projects
            SET deleted_at = $2::timestamptz, purge_at = $3::timestamptz, updated_at = $4::timestamptz,
                version = version + 1
            WHERE project_id = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String CLEAR_CREATOR = """
            UPDATE projects SET created_by = NULL, updated_at = $2::timestamptz, version = version + 1
            WHERE created_by = $1::uuid
            RETURNING
            """ + COLUMNS;
    private static final String DELETE = "DELETE FROM projects WHERE project_id = $1::uuid";

    /**
     * Which projects a list shows. Newest first, by creation and id.
     *
     * @param status only those in it, where given
     * @param createdBy only this user's, where given
     * @param metadata only those whose metadata contain this JSON object, where given
     * @param showDeleted the hidden ones too
     */
    public record Filter(
            @Nullable ProjectStatus status,
            @Nullable UUID createdBy,
            @Nullable String metadata,
            boolean showDeleted) {}

    /** Creates a project. Refuses when the user whom a service acts for is gone. */
    public Project insert(Tx tx, UUID id, Project.Fields fields, @Nullable UUID createdBy) {
        try {
            return tx.find(
                            INSERT,
                            ProjectStore::toProject,
                            id,
                            fields.name(),
                            fields.description(),
                            fields.status(),
                            fields.metadata(),
                            createdBy,
                            tx.now())
                    .orElseThrow();
        } catch (ConstraintViolation broken) {
            if (broken.isOf("projects_created_by_fkey")) {
                throw Refusals.referenceNotFound("project.created_by", "user", String.valueOf(createdBy));
            }
            throw broken;
        }
    }

    /** A project, hidden or not. */
    public Optional<Project> find(Queries queries, UUID id) {
        return queries.find(FIND, ProjectStore::toProject, id);
    }

    /** A project, hidden or not, held until the end of the transaction. */
    public Optional<Project> lock(Tx tx, UUID id) {
        return tx.find(LOCK, ProjectStore::toProject, id);
    }

    /** A project that is to be hidden or deleted, hidden already or not. */
    public Optional<Project> lockForDelete(Tx tx, UUID id) {
        return tx.find(LOCK_FOR_DELETE, ProjectStore::toProject, id);
    }

    /** A hidden project whose time is over and that nobody else is purging. */
    public Optional<Project> lockExpired(Tx tx) {
        return tx.find(LOCK_EXPIRED, ProjectStore::toProject, tx.now());
    }

    /** Plans of a project that are to be hidden or deleted, hidden already or not. */
    public List<UUID> lockPlans(Tx tx, UUID id, int limit) {
        return tx.list(LOCK_PLANS, row -> row.getUUID("plan_id"), id, limit);
    }

    /**
     * A page of projects.
     *
     * @param after time of creation and id of the last one of the page before, where there is one
     */
    public List<Project> list(Queries queries, Filter filter, @Nullable Keyset after, int limit) {
        return queries.list(
                listSql(filter, after != null),
                ProjectStore::toProject,
                limit,
                after == null ? null : after.instant(0),
                after == null ? null : after.uuid(1),
                filter.status(),
                filter.createdBy(),
                filter.metadata());
    }

    /** Writes what callers set. The project is locked. */
    public Project updateFields(Tx tx, UUID id, Project.Fields fields) {
        return tx.find(
                        UPDATE_FIELDS,
                        ProjectStore::toProject,
                        id,
                        fields.name(),
                        fields.description(),
                        fields.status(),
                        fields.metadata(),
                        tx.now())
                .orElseThrow();
    }

    /** Hides a project, or brings it back with nulls. The project is locked. */
    public Project updateHidden(Tx tx, UUID id, @Nullable Instant deletedAt, @Nullable Instant purgeAt) {
        return tx.find(UPDATE_HIDDEN, ProjectStore::toProject, id, deletedAt, purgeAt, tx.now())
                .orElseThrow();
    }

    /** Forgets who created projects, of a user who goes; tells which. */
    public List<Project> clearCreator(Tx tx, UUID userId) {
        return tx.list(CLEAR_CREATOR, ProjectStore::toProject, userId, tx.now());
    }

    /** Deletes a project for good; plans and tasks that are still there go with it. */
    public void delete(Tx tx, UUID id) {
        tx.send(DELETE, id);
    }

    // One text per combination of filters: each has a plan of its own, with the index that serves it.
    private static String listSql(Filter filter, boolean after) {
        return "SELECT " + COLUMNS + "FROM projects WHERE true"
                + (filter.status() == null ? " AND $4::text IS NULL" : " AND status = $4::text")
                + (filter.createdBy() == null ? " AND $5::uuid IS NULL" : " AND created_by = $5::uuid")
                + (filter.metadata() == null ? " AND $6::text IS NULL" : " AND metadata @> $6::text::jsonb")
                + (filter.showDeleted() ? "" : " AND deleted_at IS NULL")
                + (after
                        ? " AND (created_at, project_id) < ($2::timestamptz, $3::uuid)"
                        : " AND $2::timestamptz IS NULL AND $3::uuid IS NULL")
                + " ORDER BY created_at DESC, project_id DESC LIMIT $1::int";
    }

    private static Project toProject(Row row) {
        return new Project(
                row.getUUID("project_id"),
                new Project.Fields(
                        row.getString("name"),
                        row.getString("description"),
                        Rows.value(row, "status", ProjectStatus.class),
                        row.getString("metadata")),
                row.getUUID("created_by"),
                Rows.nullableInstant(row, "deleted_at"),
                Rows.nullableInstant(row, "purge_at"),
                Rows.instant(row, "created_at"),
                Rows.instant(row, "updated_at"),
                row.getLong("version"));
    }
}
