package dev.sortie.mission.domain;

import dev.sortie.mission.store.TaskAssigneeStore;
import dev.sortie.mission.store.TaskStore;
import dev.sortie.runtime.failure.Failure;
import dev.sortie.runtime.sql.Database;
import dev.sortie.type.v1.ErrorReason;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agents for whom tasks are meant, and the workers that are at them. Both are of agent-service: it is asked when a
 * task is written, and when one of them goes, its tasks hear of it. A task that was written in between is found by
 * looking now and then whether all of them are still there.
 */
public final class TaskAssignees {
    private static final Logger LOG = LoggerFactory.getLogger(TaskAssignees.class);
    private static final Duration RETRY_AFTER = Duration.ofSeconds(1);
    private static final int BATCH = 200;
    private static final UUID LEAST = new UUID(0, 0);

    private final Database database;
    private final TaskAssigneeStore assigned;
    private final TaskStore tasks;
    private final TaskFlow flow;
    private final Assignees assignees;
    private final Counter mended;

    public TaskAssignees(
            Database database,
            TaskAssigneeStore assigned,
            TaskStore tasks,
            TaskFlow flow,
            Assignees assignees,
            MeterRegistry meters) {
        this.database = database;
        this.assigned = assigned;
        this.tasks = tasks;
        this.flow = flow;
        this.assignees = assignees;
        this.mended = meters.counter("sortie.references.mended", "reference", "task.assigned_agent_id");
    }

    /** Refuses an agent that does not exist. Asks agent-service, hence not within a transaction. */
    public void checkAgent(UUID agentId) {
        try {
            if (!assignees.agents(List.of(agentId)).contains(agentId)) {
                throw Refusals.referenceNotFound("task.assigned_agent_id", "agent", agentId);
            }
        } catch (WorkOrdersException failed) {
            throw Failure.unavailable(
                            ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                            RETRY_AFTER,
                            "agent-service does not say whether agent %s exists; try again",
                            agentId)
                    .with("dependency", "agent-service")
                    .exception();
        }
    }

    /**
     * Forgets an agent that has been deleted: what was meant for it is meant for any. What a worker is at is taken back.
     *
     * @return how many tasks there were
     */
    public int forgetAgent(UUID agentId) {
        int found = 0;
        while (true) {
            var inProgress = assigned.inProgressFor(database.queries(), agentId, BATCH);
            for (var taskId : inProgress) {
                interrupt(taskId, agentId);
            }
            var others = assigned.meantFor(database.queries(), agentId, BATCH);
            if (!others.isEmpty()) {
                database.transaction(tx -> {
                    tasks.clearAgent(tx, others, agentId).forEach(task -> TaskFlow.note(tx, task));
                    return true;
                });
            }
            found += inProgress.size() + others.size();
            if (inProgress.size() < BATCH && others.size() < BATCH) {
                return found;
            }
        }
    }

    private void interrupt(UUID taskId, UUID agentId) {
        database.transaction(tx -> {
            flow.find(tx, taskId)
                    .filter(locked -> agentId.equals(locked.task().fields().assignedAgentId()))
                    .ifPresent(locked -> {
                        tasks.clearAgent(tx, List.of(taskId), agentId).forEach(task -> TaskFlow.note(tx, task));
                        var task = locked.task();
                        if (task.status() == TaskStatus.IN_PROGRESS
                                && task.state().dispatch().out()) {
                            flow.interrupt(tx, locked, "the agent that it was meant for was deleted");
                        }
                    });
            return true;
        });
    }

    /** Forgets a worker that is gone: what it held waits in its queue again. */
    public void forgetWorker(UUID workerId) {
        for (var taskId : assigned.dispatchedTo(database.queries(), workerId)) {
            database.transaction(tx -> {
                flow.find(tx, taskId)
                        .filter(locked -> locked.task().state().dispatch().out()
                                && workerId.equals(
                                        locked.task().state().dispatch().workerId()))
                        .ifPresent(locked -> flow.left(tx, locked));
                return true;
            });
        }
    }

    /** Looks whether all agents are there for whom tasks are meant. Ends early when agent-service is away. */
    public void reconcile() {
        try {
            var after = LEAST;
            while (true) {
                var named = assigned.agents(database.queries(), after, BATCH);
                var there = named.isEmpty() ? Set.<UUID>of() : assignees.agents(named);
                for (var agentId : named) {
                    if (!there.contains(agentId)) {
                        int found = forgetAgent(agentId);
                        mended.increment(found);
                        LOG.atInfo()
                                .addKeyValue("agent_id", agentId)
                                .addKeyValue("tasks", found)
                                .log("tasks were meant for an agent that is gone");
                    }
                }
                if (named.size() < BATCH) {
                    return;
                }
                after = named.getLast();
            }
        } catch (WorkOrdersException failed) {
            LOG.atInfo().setCause(failed).log("agent-service does not say which agents there are; another time");
        }
    }
}
