package dev.sortie.agent.domain;

import dev.sortie.runtime.identity.Principal;
import dev.sortie.runtime.sql.Combiner;
import dev.sortie.runtime.sql.Database;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What workers ask for all the time, put together: calls of one kind that meet share a transaction. */
public final class WorkCalls {
    private static final Logger LOG = LoggerFactory.getLogger(WorkCalls.class);
    // Of one kind: one at work, the others at their commits.
    private static final int AT_ONCE = 4;
    private static final int MAX_ITEMS = 1_000;
    private static final int CHARACTERS = 4_096; // of a checkpoint that weigh as much as a claim

    private final Combiner<Fenced<Claiming.ClaimRequest>, List<ClaimedWork>> claims;
    private final Combiner<Fenced<Work.Heartbeat>, Work.HeartbeatAnswer> heartbeats;
    private final Combiner<Fenced<Work.Ends>, List<WorkOutcome>> ends;

    public WorkCalls(Database database, MeterRegistry meters, SessionFence fence) {
        this.claims = new Combiner<>(
                database,
                meters,
                "claim",
                AT_ONCE,
                MAX_ITEMS,
                claim -> Math.max(1, claim.value().maxOrders()),
                fence::claim);
        this.heartbeats = new Combiner<>(
                database,
                meters,
                "heartbeat",
                AT_ONCE,
                MAX_ITEMS,
                heartbeat -> weight(heartbeat.value()),
                fence::heartbeat);
        this.ends = new Combiner<>(
                database,
                meters,
                "end",
                AT_ONCE,
                MAX_ITEMS,
                end -> end.value().items().size(),
                fence::end);
    }

    /** Also by size: what is written by one transaction stays within a few megabytes. */
    private static int weight(Work.Heartbeat heartbeat) {
        long size = heartbeat.checkpoints().values().stream()
                .mapToLong(String::length)
                .sum();
        return heartbeat.claims().size() + 1 + (int) (size / CHARACTERS);
    }

    /**
     * Claims. What is claimed for a caller that is gone meanwhile, or whose time is up, is given back.
     *
     * @throws java.util.concurrent.CancellationException when the caller is gone
     */
    public List<ClaimedWork> claim(Principal principal, Fenced<Claiming.ClaimRequest> request) {
        return claims.call(principal, request, lost -> giveBack(principal, lost));
    }

    /** The same for claims that are kept with the requests that they are of. */
    public Combiner<Fenced<Claiming.ClaimRequest>, List<ClaimedWork>> claims() {
        return claims;
    }

    /**
     * Gives back work of which its worker was told nothing, without counting an attempt. What cannot be given back comes
     * back by its lease.
     *
     * @return at work at it: a thread of its own, as the caller's may belong to a call that is over
     */
    public Thread giveBack(Principal principal, List<ClaimedWork> work) {
        return Thread.startVirtualThread(() -> {
            if (work.isEmpty()) {
                return;
            }
            try {
                var releases = work.stream()
                        .map(one ->
                                new Work.Release(new ClaimReference(one.order().id(), one.token()), null))
                        .toList();
                ends.call(principal, Fenced.free(new Work.Ends(releases)));
                LOG.atInfo()
                        .addKeyValue("claims", work.size())
                        .log("claims given back: they did not reach their worker");
            } catch (RuntimeException failed) {
                LOG.atWarn()
                        .addKeyValue("claims", work.size())
                        .setCause(failed)
                        .log("claims that did not reach their worker could not be given back; their leases end");
            }
        });
    }

    public Combiner<Fenced<Work.Heartbeat>, Work.HeartbeatAnswer> heartbeats() {
        return heartbeats;
    }

    public Combiner<Fenced<Work.Ends>, List<WorkOutcome>> ends() {
        return ends;
    }
}
