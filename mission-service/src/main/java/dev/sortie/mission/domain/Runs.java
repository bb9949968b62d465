package dev.sortie.mission.domain;

import dev.sortie.runtime.sql.Tx;

/**
 * Lets hops and steps follow one another by themselves. The caller holds the locks of the mission and the hop, and has
 * checked who calls, the etag, and that the state allows the move RUN.
 */
public interface Runs {

    /** Lets a hop run, and starts it if it is pending: RunHop. */
    Hop runHop(Tx tx, Mission mission, Hop hop, String reason);

    /** Lets a mission run: RunMission. */
    Mission runMission(Tx tx, Mission mission, String reason);

    /**
     * Goes on after a caller completed a hop of a running mission: starts the next hop, or ends the run where none is
     * left or the next one cannot begin.
     *
     * @param mission as it is after the hop: READY_TO_DESIGN and running
     */
    void goOn(Tx tx, Mission mission);
}
