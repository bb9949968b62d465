package dev.sortie.mission.domain;

import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Takes over what becomes of the work orders of one kind of subject. A subject takes what becomes of the one order that
 * it awaits, once: hearing of it again, or of an order that was given up meanwhile, changes nothing. So it does not
 * matter how often, by how many replicas, and in which order news are heard.
 */
public interface OrderOutcomes {

    /**
     * What was heard of an order.
     *
     * @param status null when the order is gone, or in a status that this release does not know
     * @param workerId who holds, or last held, the order; null when that was not said
     */
    record News(
            UUID workOrderId,
            UUID subjectId,
            WorkOrder.@Nullable Status status,
            @Nullable UUID workerId) {}

    /**
     * A subject that awaits an order.
     *
     * @param workOrderId null while it is not known
     */
    record Awaiting(Subject subject, int attempt, @Nullable UUID workOrderId) {}

    /** What becomes of a subject by its order, ready to be applied: what takes a while is done before the transaction. */
    @FunctionalInterface
    interface Outcome {

        /**
         * Applies it, and whatever follows from it.
         *
         * @return false when nothing changed, because the subject does not await it any more
         */
        boolean apply(Tx tx);
    }

    /** Those of the subjects for whom the news may be news, so that the order itself has to be looked at. */
    Set<UUID> concerned(Queries queries, List<News> news);

    /** Looks at an order; empty when no subject awaits it, or it is where its subject knows it to be. */
    Optional<Outcome> prepare(Queries queries, WorkOrder order);

    /**
     * Gives an attempt up that no order will bring to an end.
     *
     * @param workOrderId the order that the subject must await; null where it must not know of any
     * @return false when the subject does not await it any more
     */
    boolean giveUp(Tx tx, UUID subjectId, int attempt, @Nullable UUID workOrderId, String message);

    /** Notes which order carries out an attempt, if it is still awaited and not known yet. */
    void placed(Tx tx, UUID subjectId, int attempt, UUID workOrderId);

    /**
     * Who awaits an order, by id.
     *
     * @param after the last id of the page before
     * @param since only those that do since this time or longer
     */
    List<Awaiting> awaiting(Queries queries, UUID after, Instant since, int limit);
}
