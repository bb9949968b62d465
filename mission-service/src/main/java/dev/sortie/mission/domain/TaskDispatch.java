package dev.sortie.mission.domain;

import dev.sortie.runtime.sql.Tx;
import java.util.Set;
import java.util.UUID;

/**
 * What the moves of tasks ask of whoever has workers do them. The caller holds the lock of the task, and before it that
 * of its plan, if it has one.
 */
public interface TaskDispatch {
    /** The queue for work of a kind. */
    String queueFor(TaskType type);

    /** Places an order for the current attempt of a task, which is QUEUED. */
    void place(Tx tx, Task task);

    /**
     * Has the order of an attempt cancelled, wherever it is on its way.
     *
     * @param task as it was while it was dispatched
     */
    void recall(Tx tx, Task task, String reason);

    /**
     * An attempt has come to its end by its worker.
     *
     * @param task as it was while it was dispatched
     */
    void ended(Tx tx, Task task, boolean success);

    /**
     * Tasks of these plans became ready, or fewer of them are dispatched: it is time to see what to dispatch next. The
     * last thing that an operation does.
     *
     * @param planIds of those that the caller has locked, and of others
     */
    void changed(Tx tx, Set<UUID> planIds);
}
