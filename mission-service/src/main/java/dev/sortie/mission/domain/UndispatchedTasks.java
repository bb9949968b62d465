package dev.sortie.mission.domain;

import dev.sortie.runtime.sql.Tx;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;

/** Takes note of nothing: tasks wait in their queue. */
public final class UndispatchedTasks implements TaskDispatch {
    @Override
    public String queueFor(TaskType type) {
        return "tasks." + type.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public void place(Tx tx, Task task) {}

    @Override
    public void recall(Tx tx, Task task, String reason) {}

    @Override
    public void ended(Tx tx, Task task, boolean success) {}

    @Override
    public void changed(Tx tx, Set<UUID> planIds) {}
}
