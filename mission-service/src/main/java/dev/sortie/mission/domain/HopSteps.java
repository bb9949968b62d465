package dev.sortie.mission.domain;

import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.util.List;
import java.util.UUID;

/**
 * What the moves of missions and hops ask of the steps within. The caller holds the lock of the mission. Every method
 * notes the changes that it makes, and places what agent-service has to be told with the transaction.
 */
public interface HopSteps {

    /**
     * A step that keeps its hop from being completed.
     *
     * @param status its name
     */
    record OpenStep(UUID id, String name, String status) {}

    /** The steps of a hop that are neither completed nor cancelled, in their order. */
    List<OpenStep> open(Queries queries, UUID hopId);

    /**
     * Cancels the pending and running steps of a hop, and the work orders of the running ones. Failed steps stay as
     * they are, for the record.
     */
    void cancelOfHop(Tx tx, UUID hopId, String reason);

    /** The same for all hops of a mission. */
    void cancelOfMission(Tx tx, UUID missionId, String reason);

    /**
     * Fails the running steps of a mission, without touching the hops, and cancels their work orders: the mission is
     * being hidden. When it is brought back, the steps can be retried.
     */
    void interruptOfMission(Tx tx, UUID missionId, String reason);

    /** Deletes the steps of a hop for good, and cancels the work orders of the running ones. */
    void deleteOfHop(Tx tx, UUID hopId);

    /** The same for all hops of a mission. */
    void deleteOfMission(Tx tx, UUID missionId);
}
