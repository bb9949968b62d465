package dev.sortie.mission.domain;

import dev.sortie.mission.store.PlanStore;
import dev.sortie.mission.v1.ErrorReason;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.failure.FailureException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Why an operation of this service is refused, where several operations refuse for the same reason. */
public final class Refusals {
    /** How many hops a mission and steps a hop can hold. */
    public static final int MAX_CHILDREN = 1_000;

    /** How much of the text of an item a refusal shows, in characters. */
    private static final int SHOWN = 60;

    private Refusals() {}

    public static FailureException notFound(String resource, Object id) {
        return Failure.notFound(
                        dev.sortie.type.v1.ErrorReason.ERROR_REASON_RESOURCE_NOT_FOUND,
                        "%s %s does not exist",
                        resource,
                        id)
                .with("resource", resource)
                .with("id", id)
                .exception();
    }

    /**
     * What the request refers to does not exist.
     *
     * @param field its path in the request
     */
    public static FailureException referenceNotFound(String field, String resource, Object id) {
        return Failure.failedPrecondition(
                        dev.sortie.type.v1.ErrorReason.ERROR_REASON_REFERENCE_NOT_FOUND,
                        List.of(new Failure.PreconditionViolation(
                                "REFERENCE", field, "%s %s does not exist".formatted(resource, id))),
                        "%s: %s %s does not exist",
                        field,
                        resource,
                        id)
                .with("field", field)
                .with("resource", resource)
                .with("id", id)
                .exception();
    }

    /** The scope that an asset shall belong to does not exist. */
    public static FailureException scopeNotFound(AssetScopeType scopeType, UUID scopeId) {
        return referenceNotFound(
                "asset.scope_id",
                switch (scopeType) {
                    case MISSION -> "mission";
                    case HOP -> "hop";
                },
                scopeId);
    }

    /** Refuses when the caller named a version that is no longer the current one. */
    public static void checkEtag(String resource, UUID id, String etag, long version) {
        if (etag.isEmpty() || etag.equals(Long.toString(version))) {
            return;
        }
        throw Failure.aborted(
                        dev.sortie.type.v1.ErrorReason.ERROR_REASON_ETAG_MISMATCH,
                        "%s %s has changed: its etag is %d, not %s; read it again",
                        resource,
                        id,
                        version,
                        etag)
                .with("resource", resource)
                .with("id", id)
                .with("etag", version)
                .exception();
    }

    /**
     * The resource's state does not allow the move.
     *
     * @param allowed what it does allow, by name
     */
    public static FailureException moveNotAllowed(
            String resource, UUID id, Enum<?> state, Enum<?> move, List<String> allowed) {
        var allowedMoves = String.join(",", allowed);
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_MOVE_NOT_ALLOWED,
                        List.of(new Failure.PreconditionViolation(
                                "STATE", resource + "/" + id, "the state is %s".formatted(state))),
                        "%s %s is %s, which does not allow %s (allowed: %s)",
                        resource,
                        id,
                        state,
                        move,
                        allowedMoves.isEmpty() ? "nothing" : allowedMoves)
                .with("resource", resource)
                .with("id", id)
                .with("state", state)
                .with("move", move)
                .with("allowed_moves", allowedMoves)
                .exception();
    }

    /**
     * The resource may be changed only in another state.
     *
     * @param what may not be done to it, as the end of the sentence "mission … is QA: "
     */
    public static FailureException notChangeable(String resource, UUID id, Enum<?> state, String what) {
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_NOT_CHANGEABLE,
                        List.of(new Failure.PreconditionViolation("STATE", resource + "/" + id, what)),
                        "%s %s is %s: %s",
                        resource,
                        id,
                        state,
                        what)
                .with("resource", resource)
                .with("id", id)
                .with("state", state)
                .exception();
    }

    /** Something before it in the order is not finished. */
    public static FailureException outOfOrder(String resource, UUID id, UUID blockingId, String blockingState) {
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_OUT_OF_ORDER,
                        List.of(new Failure.PreconditionViolation(
                                "ORDER",
                                resource + "/" + blockingId,
                                "comes first and is %s".formatted(blockingState))),
                        "%s %s must wait: %s comes first and is %s",
                        resource,
                        id,
                        blockingId,
                        blockingState)
                .with("resource", resource)
                .with("id", id)
                .with("blocking_id", blockingId)
                .with("blocking_state", blockingState)
                .exception();
    }

    /** The parent is full. */
    public static FailureException tooManyChildren(String resource, UUID id) {
        return tooManyChildren(resource, id, MAX_CHILDREN);
    }

    /** The same of a parent with a limit of its own. */
    public static FailureException tooManyChildren(String resource, UUID id, int limit) {
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_TOO_MANY_CHILDREN,
                        "%s %s has as many children as it can hold: %d",
                        resource,
                        id,
                        limit)
                .with("resource", resource)
                .with("id", id)
                .with("limit", limit)
                .exception();
    }

    /**
     * The definition of done is not met.
     *
     * @param open the items that are open
     * @param newest the newest run of the tests; where it passed, it is nothing that stands in the way
     */
    public static FailureException notDone(UUID missionId, List<DodItem> open, Optional<TestRun> newest) {
        var unmet = newest.filter(run -> run.status() != TestRunStatus.PASSED);
        var violations = new ArrayList<Failure.PreconditionViolation>();
        unmet.ifPresent(run -> violations.add(new Failure.PreconditionViolation(
                "TEST_RUN", "test_run/" + run.id(), "the newest test run is %s".formatted(run.status()))));
        open.forEach(item -> violations.add(new Failure.PreconditionViolation(
                "DOD_ITEM",
                "dod_item/" + item.id(),
                "open: " + beginning(item.fields().text()))));
        var failure = Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_DEFINITION_OF_DONE_UNMET,
                        violations,
                        "mission %s is not done: %d items are open, and %s",
                        missionId,
                        open.size(),
                        unmet.map(run -> "the newest test run is " + run.status())
                                .orElse("no test run stands in the way"))
                .with("mission_id", missionId)
                .with("open_items", open.size());
        return unmet.map(run -> failure.with("test_run_id", run.id()).with("test_run_state", run.status()))
                .orElse(failure)
                .exception();
    }

    /**
     * The plan has tasks that have not ended.
     *
     * @param open the first of them
     */
    public static FailureException tasksOpen(UUID planId, List<PlanStore.OpenTask> open) {
        int howMany = open.getFirst().ofHowMany();
        var violations = open.stream()
                .map(task -> new Failure.PreconditionViolation(
                        "TASK", "task/" + task.id(), "%s: %s".formatted(task.status(), beginning(task.title()))))
                .toList();
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_TASKS_OPEN,
                        violations,
                        "plan %s cannot be completed: %d of its tasks have not ended",
                        planId,
                        howMany)
                .with("plan_id", planId)
                .with("open_tasks", howMany)
                .exception();
    }

    /** Short, so that there is room for others beside it. */
    private static String beginning(String text) {
        return text.codePointCount(0, text.length()) <= SHOWN
                ? text
                : text.substring(0, text.offsetByCodePoints(0, SHOWN)) + "…";
    }

    /** There is nothing to run. */
    public static FailureException nothingToRun(String resource, UUID id) {
        return Failure.failedPrecondition(
                        ErrorReason.ERROR_REASON_NOTHING_TO_RUN, "%s %s has nothing left to run", resource, id)
                .with("resource", resource)
                .with("id", id)
                .exception();
    }
}
