package dev.sortie.mission.domain;

import dev.sortie.mission.store.DispatchStore;
import dev.sortie.mission.store.TaskStore;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Takes over what becomes of the work orders of tasks: who claims them, that a claim is lost, and what comes of them. */
public final class TaskOutcomes implements OrderOutcomes {
    /** What an order has before anybody has claimed it. */
    private static final long FIRST_VERSION = 1;

    private final TaskStore tasks;
    private final DispatchStore dispatched;
    private final TaskFlow flow;

    public TaskOutcomes(TaskStore tasks, DispatchStore dispatched, TaskFlow flow) {
        this.tasks = tasks;
        this.dispatched = dispatched;
        this.flow = flow;
    }

    @Override
    public Set<UUID> concerned(Queries queries, List<News> news) {
        var about = news.stream().map(News::subjectId).collect(Collectors.toSet());
        var known = dispatched.findDispatched(queries, about).stream()
                .collect(Collectors.toMap(DispatchStore.Dispatched::taskId, task -> task));
        var concerned = new HashSet<UUID>();
        for (var heard : news) {
            var task = known.get(heard.subjectId());
            if (task != null && isNews(task, heard)) {
                concerned.add(task.taskId());
            }
        }
        return concerned;
    }

    private static boolean isNews(DispatchStore.Dispatched task, News heard) {
        var order = task.workOrderId();
        if (order != null && !order.equals(heard.workOrderId())) {
            return false; // of an attempt that was given up
        }
        var status = heard.status();
        if (status == null || status.isTerminal()) {
            return true;
        }
        boolean isQueued = task.status() == TaskStatus.QUEUED;
        return status == WorkOrder.Status.PENDING
                ? !isQueued
                : isQueued || !Objects.equals(task.workerId(), heard.workerId());
    }

    @Override
    public Optional<Outcome> prepare(Queries queries, WorkOrder order) {
        var subject = order.subject();
        if (subject == null) {
            return Optional.empty();
        }
        return tasks.find(queries, subject.id())
                .filter(task -> awaits(task, order) && isBehind(task, order))
                .map(task -> tx -> apply(tx, task.id(), order));
    }

    private boolean apply(Tx tx, UUID taskId, WorkOrder order) {
        var held = flow.find(tx, taskId).filter(locked -> awaits(locked.task(), order));
        // Two replicas may have looked at the order at different times, and come here in the other order.
        if (held.isEmpty() || !isBehind(held.get().task(), order) || !dispatched.hear(tx, taskId, order.version())) {
            return false;
        }
        var locked = claimed(tx, placed(tx, held.get(), order.id()), order);
        switch (order.status()) {
            case CLAIMED -> {}
            case PENDING -> flow.unclaimed(tx, locked);
            case COMPLETED -> {
                var result = order.result();
                if (result == null) {
                    flow.failed(tx, locked, "its result cannot be taken over: " + order.errorMessage());
                } else {
                    flow.succeeded(tx, locked, result);
                }
            }
            case FAILED ->
                flow.failed(
                        tx, locked, order.errorMessage().isEmpty() ? "the work order failed" : order.errorMessage());
            case EXPIRED -> flow.failed(tx, locked, "the work order expired: no worker claimed it in time");
            case CANCELLED -> flow.cancelled(tx, locked, "its work order was cancelled in agent-service");
        }
        return true;
    }

    @Override
    public boolean giveUp(Tx tx, UUID taskId, int attempt, @Nullable UUID workOrderId, String message) {
        var held = flow.find(tx, taskId)
                .filter(locked -> awaits(locked.task(), attempt)
                        && Objects.equals(locked.task().state().dispatch().workOrderId(), workOrderId));
        held.ifPresent(locked -> flow.failed(tx, locked, message));
        return held.isPresent();
    }

    @Override
    public void placed(Tx tx, UUID taskId, int attempt, UUID workOrderId) {
        flow.find(tx, taskId)
                .filter(locked -> awaits(locked.task(), attempt))
                .ifPresent(locked -> placed(tx, locked, workOrderId));
    }

    @Override
    public List<Awaiting> awaiting(Queries queries, UUID after, Instant since, int limit) {
        // Since when is not kept. Nothing is lost by asking for orders that were placed a moment ago.
        return dispatched.listDispatched(queries, after, limit);
    }

    private TaskFlow.Locked placed(Tx tx, TaskFlow.Locked locked, UUID workOrderId) {
        return locked.task().state().dispatch().workOrderId() == null
                ? locked.with(flow.placed(tx, locked, workOrderId))
                : locked;
    }

    /** Notes who has the order, or had it to its end: that may be heard of together with what came of it. */
    private TaskFlow.Locked claimed(Tx tx, TaskFlow.Locked locked, WorkOrder order) {
        var worker = order.workerId();
        boolean isWorkers = switch (order.status()) {
            case CLAIMED, COMPLETED, FAILED -> true;
            case PENDING, EXPIRED, CANCELLED -> false;
        };
        return worker != null && isWorkers && !has(locked.task(), worker)
                ? locked.with(flow.claimed(tx, locked, worker))
                : locked;
    }

    private static boolean has(Task task, UUID workerId) {
        return task.status() != TaskStatus.QUEUED
                && workerId.equals(task.state().dispatch().workerId());
    }

    private static boolean awaits(Task task, int attempt) {
        var dispatch = task.state().dispatch();
        return dispatch.out() && dispatch.attempt() == attempt;
    }

    /** By the order's id or, while that is not known, by the name it was given. */
    private static boolean awaits(Task task, WorkOrder order) {
        var dispatch = task.state().dispatch();
        var known = dispatch.workOrderId();
        return dispatch.out()
                && (known == null
                        ? order.dedupeKey().equals(Subject.task(task.id()).dedupeKey(dispatch.attempt()))
                        : known.equals(order.id()));
    }

    /** Whether the task is not where its order says. */
    private static boolean isBehind(Task task, WorkOrder order) {
        return switch (order.status()) {
            // A person may have begun while the order waits for its first worker.
            case PENDING -> task.status() != TaskStatus.QUEUED && order.version() > FIRST_VERSION;
            case CLAIMED -> order.workerId() != null && !has(task, order.workerId());
            case COMPLETED, FAILED, EXPIRED, CANCELLED -> true;
        };
    }
}
