package dev.sortie.mission.domain;

import dev.sortie.mission.store.ProjectStore;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.paging.Keyset;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What callers do with projects. Who hides or deletes one holds its lock, then those of all its plans: whoever moves a
 * task of a plan holds the plan's, and sees after that whether the project is hidden.
 */
public final class Projects {
    private static final Logger LOG = LoggerFactory.getLogger(Projects.class);

    private final ProjectStore projects;
    private final Plans plans;
    private final TaskFlow tasks;
    private final Moves moves;
    private final Ids ids;

    public Projects(ProjectStore projects, Plans plans, TaskFlow tasks, Moves moves, Ids ids) {
        this.projects = projects;
        this.plans = plans;
        this.tasks = tasks;
        this.moves = moves;
        this.ids = ids;
    }

    /**
     * A project that shall change.
     *
     * @param etag the version that it must still have; empty means any
     * @param change makes the new values from the present ones
     */
    public record Edit(UUID id, String etag, UnaryOperator<Project.Fields> change) {}

    /**
     * A project that shall go.
     *
     * @param force for good and at once
     */
    public record Deletion(UUID id, String etag, boolean force) {}

    /** A project that shall come back. */
    public record Request(UUID id, String etag) {}

    /** Creates a project, which is the caller's. */
    public Project create(Tx tx, Project.Fields fields) {
        var id = ids.next();
        if (fields.status() != ProjectStatus.ACTIVE) {
            throw Refusals.moveNotAllowed(
                    "project", id, ProjectStatus.ACTIVE, fields.status(), ProjectStatus.ACTIVE.next());
        }
        var project = projects.insert(tx, id, fields, Owners.creator(tx));
        tx.change(describe(Change.created("project", id, project.version()), project));
        record(tx, null, project);
        return project;
    }

    /**
     * Reads a project.
     *
     * @param showDeleted whether a hidden one too
     */
    public Project get(Queries queries, UUID id, boolean showDeleted) {
        return projects.find(queries, id)
                .filter(project -> showDeleted || !project.isDeleted())
                .orElseThrow(() -> Refusals.notFound("project", id));
    }

    /** A page of projects, newest first. */
    public Page<Project> list(Queries queries, ProjectStore.Filter filter, PageRequest page) {
        return page.page(
                projects.list(queries, filter, page.after(), page.limit()),
                project -> Keyset.of(project.createdAt(), project.id()));
    }

    /** Changes what callers set, the status among it. */
    public Project update(Tx tx, Edit edit) {
        var project = projects.lock(tx, edit.id())
                .filter(found -> !found.isDeleted())
                .orElseThrow(() -> Refusals.notFound("project", edit.id()));
        check(tx, project, edit.etag());
        var fields = edit.change().apply(project.fields());
        if (fields.equals(project.fields())) {
            return project;
        }
        var from = project.status();
        if (fields.status() != from && !from.leadsTo(fields.status())) {
            throw Refusals.moveNotAllowed("project", project.id(), from, fields.status(), from.next());
        }
        var updated = noteChange(tx, projects.updateFields(tx, project.id(), fields));
        record(tx, from, updated);
        return updated;
    }

    /**
     * Hides a project with its plans and their tasks, or purges it at once; also one that is hidden already.
     *
     * @return the project as it is now or, purged, as it was
     */
    public Project delete(Tx tx, Deletion deletion) {
        var project = projects.lockForDelete(tx, deletion.id())
                .filter(found -> deletion.force() || !found.isDeleted())
                .orElseThrow(() -> Refusals.notFound("project", deletion.id()));
        check(tx, project, deletion.etag());
        var planIds = projects.lockPlans(tx, project.id(), Integer.MAX_VALUE);
        tx.audit("DeleteProject", "project", project.id(), Map.of("force", deletion.force()));
        if (deletion.force()) {
            planIds.forEach(plan -> plans.purge(tx, plan));
            purge(tx, project);
            return project;
        }
        planIds.forEach(plan -> tasks.interruptOfPlan(tx, plan, "the project was deleted"));
        tx.afterCommit(
                () -> LOG.atInfo().addKeyValue("project_id", project.id()).log("project is hidden"));
        return noteChange(
                tx, projects.updateHidden(tx, project.id(), tx.now(), tx.now().plus(Missions.KEPT_AFTER_DELETE)));
    }

    /** Brings a hidden project back; one that is not hidden stays as it is. */
    public Project undelete(Tx tx, Request request) {
        var project = projects.lock(tx, request.id())
                .filter(found -> found.purgeAt() == null || found.purgeAt().isAfter(tx.now()))
                .orElseThrow(() -> Refusals.notFound("project", request.id()));
        check(tx, project, request.etag());
        if (!project.isDeleted()) {
            return project;
        }
        var back = noteChange(tx, projects.updateHidden(tx, project.id(), null, null));
        tasks.changed(tx, Set.copyOf(projects.lockPlans(tx, project.id(), Integer.MAX_VALUE)));
        return back;
    }

    /** Forgets a user who goes: whoever created a project is nobody then. */
    void forget(Tx tx, UUID userId) {
        projects.clearCreator(tx, userId).forEach(project -> noteChange(tx, project));
    }

    /**
     * Purges a plan of a project that was hidden long enough ago or, where it has none, the project; false when there is
     * no such project.
     */
    boolean purgeExpired(Tx tx) {
        var expired = projects.lockExpired(tx);
        expired.ifPresent(project -> {
            var planIds = projects.lockPlans(tx, project.id(), 1);
            if (planIds.isEmpty()) {
                purge(tx, project);
            }
            planIds.forEach(plan -> plans.purge(tx, plan));
        });
        return expired.isPresent();
    }

    private void purge(Tx tx, Project project) {
        projects.delete(tx, project.id());
        tx.change(describe(Change.deleted("project", project.id(), project.version()), project));
        tx.afterCommit(
                () -> LOG.atInfo().addKeyValue("project_id", project.id()).log("project is purged"));
    }

    /** A page of the moves of a project, newest first. */
    public Page<Move.Recorded> moves(Queries queries, UUID id, PageRequest page) {
        get(queries, id, false);
        return moves.list(queries, Move.Root.PROJECT, id, null, null, page);
    }

    private void record(Tx tx, @Nullable ProjectStatus from, Project project) {
        moves.record(tx, Move.of(Move.Resource.PROJECT, project.id(), project.id(), from, project.status(), ""));
    }

    private static void check(Tx tx, Project project, String etag) {
        Owners.require(tx.principal(), "project", project.id(), project.createdBy());
        Refusals.checkEtag("project", project.id(), etag, project.version());
    }

    private static Project noteChange(Tx tx, Project project) {
        tx.change(describe(Change.updated("project", project.id(), project.version()), project));
        return project;
    }

    private static Change describe(Change change, Project project) {
        return change.with("status", project.status()).with("deleted", project.isDeleted());
    }
}
