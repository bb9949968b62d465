package dev.sortie.agent.domain;

import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * The worker's end of a session. Whoever says something waits while the worker reads nothing; so nothing piles up. Says
 * nothing once the worker is gone or the session is over.
 */
public interface SessionPeer {
    /**
     * Waits until the worker has room for more.
     *
     * @return false when it is gone
     */
    boolean awaitRoom();

    /** Says something. */
    void tell(List<? extends SessionReply> replies);

    /**
     * Hands work over.
     *
     * @param isWanted asked at the last moment; nothing that is said later comes before it
     * @return false when it was not handed over: the worker is gone or wants it no longer
     */
    boolean assign(List<ClaimedWork> work, BooleanSupplier isWanted);

    /** Hears that the session is over, for a reason of its own. Must not block. */
    void over();
}
