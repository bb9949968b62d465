package dev.sortie.mission.domain;

import dev.sortie.mission.store.TaskStore;
import dev.sortie.mission.store.UserStore;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** AgentVine's tasks and what they depend on. They belong to no plan, so none of them is dispatched by itself. */
final class ImportTasks {
    private static final Map<String, TaskType> TYPES = ImportWords.of(TaskType.class, Map.of());
    private static final Map<String, PermissionLevel> LEVELS = ImportWords.of(PermissionLevel.class, Map.of());
    private static final Map<String, Priority> PRIORITIES =
            ImportWords.of(Priority.class, Map.of("medium", Priority.NORMAL));
    private static final Map<String, TaskStatus> STATUSES = ImportWords.of(TaskStatus.class, Map.of());
    private static final Map<String, DependencyType> DEPENDENCIES = ImportWords.of(DependencyType.class, Map.of());
    private static final int MAX_OBJECT = 256 * ImportColumns.KIB;

    private final TaskStore tasks;
    private final UserStore users;
    private final TaskFlow flow;
    private final Tasks operations;

    ImportTasks(TaskStore tasks, UserStore users, TaskFlow flow, Tasks operations) {
        this.tasks = tasks;
        this.users = users;
        this.flow = flow;
        this.operations = operations;
    }

    Importable task(ImportColumns row, Instant now) {
        var level = row.requiredChoice("permission_level", LEVELS);
        var created = ImportColumns.or(row.time("created_at"), now);
        var told = ImportColumns.or(row.choice("status", STATUSES), TaskStatus.PENDING);
        var status = statusOf(row, told, level);
        var completedAt = row.time("completed_at");
        var updated = ImportColumns.or(row.time("updated_at"), completedAt == null ? created : completedAt);
        var startedAt = row.time("started_at");
        if (startedAt == null && (status == TaskStatus.IN_PROGRESS || status == TaskStatus.COMPLETED)) {
            startedAt = created;
        }
        var fields = new Task.Fields(
                row.required("title", 255),
                row.text("description", ImportColumns.MAX_TEXT),
                row.requiredChoice("task_type", TYPES),
                level,
                ImportColumns.or(row.choice("priority", PRIORITIES), Priority.NORMAL),
                ImportMissionDeck.url(row, "repository_url"),
                row.text("branch_name", 255),
                number(row, "issue_number"),
                number(row, "pr_number"),
                row.object("context", MAX_OBJECT),
                "{}",
                row.object("metadata", MAX_OBJECT),
                List.of(),
                null,
                null,
                "",
                null,
                "",
                "",
                SyncStatus.LOCAL,
                null);
        var state = new Task.State(
                status,
                "",
                new Task.Progress(new BigDecimal(status == TaskStatus.COMPLETED ? "100.00" : "0.00"), null),
                new Task.Dispatch(0, false, null, "", null),
                new Task.Outcome(null, "", false, ""),
                startedAt,
                status.hasEnded() ? ImportColumns.or(completedAt, updated) : null);
        var creator = row.id("created_by");
        var parent = row.id("parent_task_id");
        row.drop("the workers of the older system are not here", "assigned_to");
        row.done();
        return new Importable() {
            @Override
            public String resource() {
                return "task";
            }

            @Override
            public UUID write(ImportTarget target, UUID id) {
                var tx = target.tx();
                var createdBy = creator == null ? null : user(target, creator);
                var above = parent == null ? null : parent(target, parent);
                var task = tasks.insertAsItWas(
                        tx,
                        new Task(
                                id,
                                null,
                                above == null ? null : above.id(),
                                above == null ? 0 : above.depth() + 1,
                                fields,
                                state,
                                createdBy,
                                Task.NEVER,
                                null,
                                created,
                                updated,
                                1));
                flow.noteCreation(tx, task);
                return id;
            }
        };
    }

    Importable dependency(ImportColumns row) {
        var taskId = row.requiredId("task_id");
        var dependsOn = row.requiredId("depends_on_task_id");
        var type = ImportColumns.or(row.choice("dependency_type", DEPENDENCIES), DependencyType.BLOCKS);
        row.time("created_at"); // it holds from now on
        row.done();
        return new Importable() {
            @Override
            public String resource() {
                return "task_dependency";
            }

            @Override
            public UUID write(ImportTarget target, UUID id) {
                var link = new Tasks.Link(
                        target.required("task_id", "tasks", taskId),
                        target.required("depends_on_task_id", "tasks", dependsOn),
                        type,
                        "");
                return operations.link(target.tx(), link).dependency().id();
            }
        };
    }

    /** Nobody works on a task any more but a person who does so here, and what it waits for is seen from dependencies. */
    private static TaskStatus statusOf(ImportColumns row, TaskStatus told, PermissionLevel level) {
        return switch (told) {
            case PENDING, COMPLETED, FAILED, CANCELLED -> told;
            case QUEUED, ASSIGNED -> {
                row.note("status", "PENDING, since no queue here has it");
                yield TaskStatus.PENDING;
            }
            case BLOCKED -> {
                row.note("status", "PENDING, until a dependency that blocks it is imported");
                yield TaskStatus.PENDING;
            }
            case IN_PROGRESS -> {
                if (level == PermissionLevel.HUMAN_REQUIRED) {
                    yield told;
                }
                row.note("status", "PENDING, since no worker has it any more");
                yield TaskStatus.PENDING;
            }
        };
    }

    private UUID user(ImportTarget target, String sourceId) {
        var id = target.required("created_by", "users", sourceId);
        if (users.find(target.tx(), id).isEmpty()) {
            throw new ImportRejection("created_by", "user " + sourceId + " has been deleted here");
        }
        return id;
    }

    private Task parent(ImportTarget target, String sourceId) {
        var id = target.required("parent_task_id", "tasks", sourceId);
        var parent = tasks.lock(target.tx(), id)
                .orElseThrow(
                        () -> new ImportRejection("parent_task_id", "task " + sourceId + " has been deleted here"));
        if (parent.planId() != null) {
            throw new ImportRejection("parent_task_id", "task " + sourceId + " belongs to a plan here");
        }
        if (parent.depth() >= Task.MAX_DEPTH) {
            throw new ImportRejection("parent_task_id", "more than " + Task.MAX_DEPTH + " levels of subtasks");
        }
        if (tasks.countChildren(target.tx(), id) >= Refusals.MAX_CHILDREN) {
            throw new ImportRejection("parent_task_id", "more than 1,000 subtasks");
        }
        return parent;
    }

    private static @Nullable Integer number(ImportColumns row, String name) {
        var number = row.integer(name, 1, Integer.MAX_VALUE);
        return number == null ? null : Math.toIntExact(number);
    }
}
