package dev.sortie.mission.domain;

import dev.sortie.mission.store.PlanStore;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What callers do with plans. Whoever changes a plan or what is in it holds the lock of the plan's row first, then those
 * of its tasks.
 */
public final class Plans {
    /** How long a hidden plan can be brought back. */
    public static final Duration KEPT_AFTER_DELETE = Duration.ofDays(30);

    private static final Logger LOG = LoggerFactory.getLogger(Plans.class);
    /** How many open tasks a refusal names. */
    private static final int NAMED = 20;

    private final PlanStore plans;
    private final TaskFlow tasks;
    private final TaskDispatch dispatch;
    private final Moves moves;
    private final Ids ids;

    public Plans(PlanStore plans, TaskFlow tasks, TaskDispatch dispatch, Moves moves, Ids ids) {
        this.plans = plans;
        this.tasks = tasks;
        this.dispatch = dispatch;
        this.moves = moves;
        this.ids = ids;
    }

    /** A plan to be made. */
    public record Draft(UUID projectId, Plan.Fields fields) {}

    /**
     * A plan that shall move, or come back.
     *
     * @param etag the version that it must still have; empty means any
     * @param reason why, for the record; may be empty
     */
    public record Request(UUID id, String etag, String reason) {}

    /**
     * A plan that shall change.
     *
     * @param change makes the new values from the present ones
     */
    public record Edit(UUID id, String etag, UnaryOperator<Plan.Fields> change) {}

    /**
     * A plan that shall go.
     *
     * @param force for good and at once
     */
    public record Deletion(UUID id, String etag, boolean force) {}

    /** Creates a plan, DRAFT. */
    public Plan create(Tx tx, Draft draft) {
        var project = plans.holdProject(tx, draft.projectId())
                .orElseThrow(() -> Refusals.referenceNotFound("plan.project_id", "project", draft.projectId()));
        Owners.require(tx.principal(), "project", draft.projectId(), project.createdBy());
        var plan = plans.insert(tx, ids.next(), draft.projectId(), Owners.creator(tx), draft.fields());
        tx.change(describe(Change.created("plan", plan.id(), plan.version()), plan));
        moves.record(tx, Move.of(Move.Resource.PLAN, plan.id(), plan.id(), null, plan.status(), ""));
        return plan;
    }

    /**
     * Reads a plan.
     *
     * @param showDeleted whether a hidden one too, and one of a hidden project
     */
    public Plan get(Queries queries, UUID id, boolean showDeleted) {
        return plans.find(queries, id)
                .filter(plan -> showDeleted || (!plan.isDeleted() && plans.isProjectVisible(queries, plan.projectId())))
                .orElseThrow(() -> Refusals.notFound("plan", id));
    }

    /** A page of plans. */
    public Page<Plan> list(Queries queries, PlanStore.Filter filter, PageRequest page) {
        return page.page(
                plans.list(queries, filter, page.after(), page.limit()), plan -> PlanStore.key(plan, filter.order()));
    }

    /** A page of the moves of a plan, newest first. */
    public Page<Move.Recorded> moves(Queries queries, UUID id, PageRequest page) {
        get(queries, id, false);
        return moves.list(queries, Move.Root.PLAN, id, null, null, page);
    }

    /** Changes what callers set, unless the plan is in a terminal status. */
    public Plan update(Tx tx, Edit edit) {
        var plan = lock(tx, edit.id(), edit.etag());
        if (plan.status().isTerminal()) {
            throw Refusals.notChangeable("plan", plan.id(), plan.status(), "a plan that has ended is not changed");
        }
        var fields = edit.change().apply(plan.fields());
        if (fields.equals(plan.fields())) {
            return plan;
        }
        var updated = plans.updateFields(tx, plan.id(), fields);
        tx.change(describe(Change.updated("plan", updated.id(), updated.version()), updated));
        if (!Objects.equals(fields.deadline(), plan.fields().deadline())) {
            tasks.planDeadlineChanged(tx, plan.id(), fields.deadline());
        }
        dispatch.changed(tx, Set.of(plan.id()));
        return updated;
    }

    /** Lets the ready tasks of a plan be dispatched. */
    public Plan activate(Tx tx, Request request) {
        var plan = move(tx, lock(tx, request), PlanMove.ACTIVATE, request.reason());
        dispatch.changed(tx, Set.of(plan.id()));
        return plan;
    }

    /** Dispatches nothing new; what is, goes on. */
    public Plan pause(Tx tx, Request request) {
        return move(tx, lock(tx, request), PlanMove.PAUSE, request.reason());
    }

    /** Ends a plan of which nothing is left to do. */
    public Plan complete(Tx tx, Request request) {
        var plan = lock(tx, request);
        checkMove(plan, PlanMove.COMPLETE);
        // Tasks are added, and begin anew, under the plan's lock, which is held.
        var open = plans.listOpenTasks(tx, plan.id(), NAMED);
        if (!open.isEmpty()) {
            throw Refusals.tasksOpen(plan.id(), open);
        }
        return move(tx, plan, PlanMove.COMPLETE, request.reason());
    }

    /** Gives a plan up, and everything in it that has not ended. */
    public Plan cancel(Tx tx, Request request) {
        var plan = lock(tx, request);
        checkMove(plan, PlanMove.CANCEL);
        tasks.cancelOpenOfPlan(tx, plan.id(), Moves.because("its plan was cancelled", request.reason()));
        return move(tx, plan, PlanMove.CANCEL, request.reason());
    }

    /**
     * Hides a plan with its tasks, or purges it at once; also one that is hidden already.
     *
     * @return the plan as it is now or, purged, as it was
     */
    public Plan delete(Tx tx, Deletion deletion) {
        var plan = plans.lockForDelete(tx, deletion.id())
                .filter(found -> deletion.force() || !found.isDeleted())
                .filter(found -> plans.isProjectVisible(tx, found.projectId()))
                .orElseThrow(() -> Refusals.notFound("plan", deletion.id()));
        check(tx, plan, deletion.etag());
        tx.audit("DeletePlan", "plan", plan.id(), Map.of("force", deletion.force()));
        if (deletion.force()) {
            purge(tx, plan);
            return plan;
        }
        tasks.interruptOfPlan(tx, plan.id(), "its plan was deleted");
        tx.afterCommit(() -> LOG.atInfo().addKeyValue("plan_id", plan.id()).log("plan is hidden"));
        return write(tx, plan.withDeletion(tx.now(), tx.now().plus(KEPT_AFTER_DELETE)));
    }

    /** Brings a hidden plan back; one that is not hidden stays as it is. */
    public Plan undelete(Tx tx, Request request) {
        var plan = plans.lock(tx, request.id())
                .filter(found -> found.purgeAt() == null || found.purgeAt().isAfter(tx.now()))
                .filter(found -> plans.isProjectVisible(tx, found.projectId()))
                .orElseThrow(() -> Refusals.notFound("plan", request.id()));
        check(tx, plan, request.etag());
        if (!plan.isDeleted()) {
            return plan;
        }
        var back = write(tx, plan.withDeletion(null, null));
        dispatch.changed(tx, Set.of(plan.id()));
        return back;
    }

    /** Forgets a user who goes: plans that they created are nobody's, and nobody is responsible in their place. */
    void forget(Tx tx, UUID userId) {
        plans.forgetUser(tx, userId)
                .forEach(plan -> tx.change(describe(Change.updated("plan", plan.id(), plan.version()), plan)));
    }

    /** Purges a plan of a project that is purged. */
    void purge(Tx tx, UUID id) {
        plans.lockForDelete(tx, id).ifPresent(plan -> purge(tx, plan));
    }

    /** Purges one plan that was hidden long enough ago; false when there is none. */
    boolean purgeExpired(Tx tx) {
        var expired = plans.lockExpired(tx);
        expired.ifPresent(plan -> purge(tx, plan));
        return expired.isPresent();
    }

    private void purge(Tx tx, Plan plan) {
        // One by one rather than by the database's cascade: each of them is somebody's to know of.
        tasks.deleteOfPlan(tx, plan.id());
        plans.delete(tx, plan.id());
        tx.change(describe(Change.deleted("plan", plan.id(), plan.version()), plan));
        tx.afterCommit(() -> LOG.atInfo().addKeyValue("plan_id", plan.id()).log("plan is purged"));
    }

    private Plan move(Tx tx, Plan plan, PlanMove move, String reason) {
        checkMove(plan, move);
        var moved = write(tx, plan.withStatus(move.target(), reason));
        moves.record(tx, Move.of(Move.Resource.PLAN, plan.id(), plan.id(), plan.status(), moved.status(), reason));
        tx.afterCommit(() -> LOG.atInfo()
                .addKeyValue("plan_id", moved.id())
                .addKeyValue("plan_status", moved.status())
                .log("plan moves"));
        return moved;
    }

    private Plan write(Tx tx, Plan plan) {
        var written = plans.updateState(tx, plan);
        tx.change(describe(Change.updated("plan", written.id(), written.version()), written));
        return written;
    }

    private Plan lock(Tx tx, Request request) {
        return lock(tx, request.id(), request.etag());
    }

    private Plan lock(Tx tx, UUID id, String etag) {
        // The project is looked at under the plan's lock: whoever deletes it holds its plans.
        var plan = plans.lock(tx, id)
                .filter(found -> !found.isDeleted() && plans.isProjectVisible(tx, found.projectId()))
                .orElseThrow(() -> Refusals.notFound("plan", id));
        check(tx, plan, etag);
        return plan;
    }

    private static void check(Tx tx, Plan plan, String etag) {
        Owners.require(
                tx.principal(),
                "plan",
                plan.id(),
                plan.createdBy(),
                plan.fields().assignedTo());
        Refusals.checkEtag("plan", plan.id(), etag, plan.version());
    }

    private static void checkMove(Plan plan, PlanMove move) {
        if (!move.isAllowed(plan.status())) {
            throw Refusals.moveNotAllowed("plan", plan.id(), plan.status(), move, PlanMove.allowedTo(plan.status()));
        }
    }

    static Change describe(Change change, Plan plan) {
        return change.with("status", plan.status())
                .with("project_id", plan.projectId())
                .with("deleted", plan.isDeleted());
    }
}
