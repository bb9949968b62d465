package dev.sortie.mission.domain;

import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The work orders of agent-service, as this service needs them. Every call may throw {@link WorkOrdersException}. */
public interface WorkOrders {

    /** Places an order; placing it again gives the same one. */
    UUID place(WorkOrderDraft draft);

    /** Cancels an order. One that is finished, or gone, stays as it is. */
    void cancel(UUID workOrderId, String reason);

    /** An order with its result. */
    Optional<WorkOrder> find(UUID workOrderId);

    /**
     * How far orders are, without their results, by one call where there is room.
     *
     * @param workOrderIds at most 500
     * @return those of them that were found; that one is missing does not say that it does not exist
     */
    Map<UUID, WorkOrder> look(Collection<UUID> workOrderIds);
}
